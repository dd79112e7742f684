"""The project `mnist-pseudo` has the settings of the program that it repeats; the baselines differ in one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nextlabel.engine.plugins.parameters import validate
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import ProjectConfig, load_projects, read_project
from nextlabel.testing import check_project
from nextlabel_plugins.learners.pseudo_label import PseudoLabelParameters

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"


def learner(project: ProjectConfig) -> Any:
    assert (project.dataset.plugin, project.learner.plugin) == ("mnist", "pseudo-label")
    assert (project.labels.initial, project.labels.holdout, project.simulate.rounds) == (6000, 0, 0)
    return validate(PseudoLabelParameters, project.learner.parameters, "[learner]")


def test_the_settings_of_mnist_pseudo(registry: Registry) -> None:
    check_project(registry.projects["mnist-pseudo"].record, registry)
    assert learner(load_projects(registry, None).get("mnist-pseudo")) == PseudoLabelParameters(
        network="simple",
        filters=32,
        threshold=0.8,
        epochs=10,
        supervised_epochs=1,
        batch_size=64,
        pseudo_batch_size=64,
        learning_rate=1e-3,
        schedule="constant",
    )


@pytest.mark.parametrize("name", ["mnist-pseudo"])
def test_the_baseline_has_supervised_epochs_only(registry: Registry, name: str) -> None:
    file = EXAMPLES / f"{name}-supervised.toml"
    ours, baseline = learner(load_projects(registry, None).get(name)), learner(read_project(file.stem, file, registry))
    assert baseline.supervised_epochs == baseline.epochs
    assert vars(baseline) | {"supervised_epochs": ours.supervised_epochs} == vars(ours)
