"""What ships: its size, that it is whole, and that the wheel carries it where it is looked for."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from nextlabel.engine.checkpoints.models import drawn
from nextlabel.engine.checkpoints.shipping import find
from nextlabel.engine.plugins.projects import load_projects
from nextlabel.engine.plugins.registry import load
from nextlabel.store.checkpoint_files import CARD, ONNX, WEIGHTS, checked

ROOT = Path(__file__).parents[1]
MOST = 10_000_000
"""Bytes of a checkpoint that ships."""


def test_the_wheel_carries_it_and_so_does_the_source():
    built = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]
    assert built["wheel"]["force-include"] == {"trained": "nextlabel/trained"}
    assert "/trained" in built["sdist"]["include"]


def test_what_ships_is_whole_and_small():
    found, faults = find(ROOT / "trained")
    assert faults == []
    if not found:
        pytest.skip("no checkpoint ships")
    for one in found:
        assert {path.name for path in one.folder.iterdir()} <= {CARD, ONNX, WEIGHTS}
        assert sum(path.stat().st_size for path in one.folder.iterdir()) < MOST
        assert checked(one.folder, WEIGHTS)
        assert bool(checked(one.folder, ONNX)) == one.card["onnx"]
        for name in ("command", "seconds", "processor_threads", "licence", "dataset", "seed", "classes"):
            assert one.card[name] not in (None, "", []), name


def test_the_card_says_what_photos_was_measured_to_reach():
    (photos,) = (one for one in find(ROOT / "trained")[0] if one.project == "photos")
    assert photos.card["test"]["items"] == 10_000
    assert photos.card["test"]["accuracy"] >= 0.943


def test_each_was_made_with_the_project_as_it_is():
    """Else what it learnt from would be held out here, and it could not be compared with what is trained here."""
    projects = load_projects(load(), None)
    for one in find(ROOT / "trained")[0]:
        for name, value in drawn(projects.get(one.project)).items():
            assert one.card[name] == value, name
