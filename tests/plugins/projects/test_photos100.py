"""The project `photos100` is what the design says it is."""

from __future__ import annotations

from nextlabel.engine.plugins.projects import load_projects
from nextlabel.engine.plugins.registry import Registry
from nextlabel.testing import check_project


def test_photos100(registry: Registry) -> None:
    check_project(registry.projects["photos100"].record, registry)
    photos = load_projects(registry, None).get("photos100")
    assert photos.dataset.model_dump() == {"plugin": "cifar100", "partial_rate": 0.01}
    assert (photos.learner.plugin, photos.learner.parameters["network"]) == ("proden", "resnet18")
    assert photos.strategy.plugin == "margin"
    assert photos.labels.initial == 0  # its labels are the sets
    assert not photos.automatic
