"""The projects `photos` and `photos100` have the settings of the design."""

from __future__ import annotations

import pytest

from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import load_projects
from nextlabel.testing import check_project


@pytest.mark.parametrize(
    ("name", "dataset", "rate", "network"),
    [("photos", "cifar10", 0.1, "fast"), ("photos100", "cifar100", 0.01, "resnet18")],
)
def test_the_settings_of_photos(registry: Registry, name: str, dataset: str, rate: float, network: str) -> None:
    check_project(registry.projects[name].record, registry)
    photos = load_projects(registry, None).get(name)
    assert photos.dataset.model_dump() == {"plugin": dataset, "partial_rate": rate}
    assert (photos.learner.plugin, photos.learner.parameters["network"]) == ("proden", network)
    assert photos.strategy.plugin == "margin"
    assert photos.labels.initial == 0  # its candidate sets are its labels
    assert not photos.automatic  # it trains its first checkpoint by itself only as the default project
