"""The project `digits` has the settings of the design."""

from __future__ import annotations

from nextlabel.engine.plugins.parameters import validate
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import load_projects
from nextlabel_plugins.learners.cnn import CNNParameters


def test_the_settings_of_digits(registry: Registry) -> None:
    projects = load_projects(registry, None)
    assert projects.faults == {}
    digits = projects.get("digits")
    assert (digits.seed, digits.labels.initial, digits.strategy.plugin) == (0, 10, "margin")
    assert (digits.dataset.plugin, digits.learner.plugin) == ("digits", "cnn")
    assert digits.stop.accuracy == 0.98
    assert digits.automatic
    # the learner's defaults were tuned for this project
    assert validate(CNNParameters, digits.learner.parameters, "[learner]") == CNNParameters()
