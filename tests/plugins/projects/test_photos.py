"""The project `photos` is what the design says it is."""

from __future__ import annotations

from nextlabel.engine.plugins.projects import load_projects
from nextlabel.engine.plugins.registry import Registry
from nextlabel.testing import check_project


def test_photos(registry: Registry) -> None:
    check_project(registry.projects["photos"].record, registry)
    photos = load_projects(registry, None).get("photos")
    assert photos.dataset.model_dump() == {"plugin": "cifar10", "partial_rate": 0.1}
    assert (photos.learner.plugin, photos.learner.parameters["network"]) == ("proden", "fast")
    assert photos.strategy.plugin == "margin"
    assert photos.labels.initial == 0  # its labels are the sets
