"""The projects of photos have the settings of the design, and of PRODEN's own program."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextlabel.engine.plugins.parameters import validate
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import load_projects
from nextlabel.testing import check_project
from nextlabel_plugins.learners.proden import ProdenParameters

PAGES = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize(
    ("name", "dataset", "rate", "network", "holdout"),
    [
        ("photos", "cifar10", 0.1, "fast", 0.02),
        ("photos-reference", "cifar10", 0.1, "convnet12", 0.0),
        ("photos100", "cifar100", 0.01, "resnet18", 0.02),
    ],
)
def test_the_settings_of_photos(
    registry: Registry, name: str, dataset: str, rate: float, network: str, holdout: float
) -> None:
    check_project(registry.projects[name].record, registry)
    photos = load_projects(registry, None).get(name)
    assert photos.dataset.model_dump() == {"plugin": dataset, "partial_rate": rate}
    assert (photos.learner.plugin, photos.learner.parameters["network"]) == ("proden", network)
    assert photos.strategy.plugin == "margin"
    assert (photos.labels.initial, photos.labels.holdout) == (0, holdout)  # its candidate sets are its labels
    assert not photos.automatic  # it trains its first checkpoint by itself only as the default project


@pytest.mark.parametrize(
    ("name", "network", "rate"), [("photos-reference", "convnet12", 0.01), ("photos100", "resnet18", 0.05)]
)
def test_the_settings_of_prodens_program(registry: Registry, name: str, network: str, rate: float) -> None:
    learner = load_projects(registry, None).get(name).learner
    assert validate(ProdenParameters, learner.parameters, "[learner]") == ProdenParameters(
        network=network,  # type: ignore[arg-type]
        epochs=500,
        min_steps=1,
        batch_size=256,
        learning_rate=rate,
        weight_decay=1e-3,
        schedule="step",
        step_size=10,
        gamma=0.9,
        sgd_momentum=0.9,
        nesterov=False,
        delayed_targets=True,
        shift=0.0,
        flip=False,
    )


def test_the_run_of_an_hour_differs_in_its_length_alone(registry: Registry) -> None:
    file = PAGES / "examples" / "photos-reference-hour.toml"
    whole, hour = (load_projects(registry, None, file).get(name) for name in ("photos-reference", file.stem))
    changed = {"epochs": 15, "step_size": 1, "gamma": 0.7}
    assert hour.learner.parameters == {**whole.learner.parameters, **changed}
    assert (hour.dataset, hour.labels, hour.strategy) == (whole.dataset, whole.labels, whole.strategy)
