"""What ships: its size, that it is whole, and that the wheel carries it where it is looked for."""

from __future__ import annotations

import os
import tomllib
from math import sqrt
from pathlib import Path

import pytest

from nextlabel.engine.bundled_checkpoints import find
from nextlabel.engine.checkpoints.serialization import drawn
from nextlabel.engine.evaluation.evaluate import measure
from nextlabel.engine.images.image_items import PixelItems
from nextlabel.engine.live_models import Served
from nextlabel.engine.plugins.registry import load
from nextlabel.engine.project_files import load_projects
from nextlabel.store.checkpoint_files import CARD, ONNX, WEIGHTS, checked
from nextlabel_plugins.datasets.candidate_sets import PartialParameters
from nextlabel_plugins.datasets.cifar10 import Cifar10

ROOT = Path(__file__).parents[1]
MOST = 10_000_000
"""Bytes of a checkpoint that ships."""
ASKED = 2000
"""Images of the ten thousand of its test split that `photos` is asked again."""


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


def test_photos_answers_as_its_card_says():
    root = Path(os.environ.get("NEXTLABEL_DATA") or "/nowhere")
    if not (root / Cifar10.folder).is_dir():
        pytest.skip("CIFAR-10 is not where NEXTLABEL_DATA points to")
    (photos,) = (one for one in find(ROOT / "trained")[0] if one.project == "photos")
    test = Cifar10(PartialParameters()).read(root, 0).test
    served = Served(photos.name, photos.card, photos.folder, load())
    said = measure(served, PixelItems(test.content.array[:ASKED]), test.truth[:ASKED], 2, lambda _: None)
    told = photos.card["test"]["accuracy"]
    assert said["accuracy"] == pytest.approx(told, abs=3 * sqrt(told * (1 - told) / ASKED))


def test_each_was_made_with_the_project_as_it_is():
    """Else what it learnt from would be held out here, and it could not be compared with what is trained here."""
    projects = load_projects(load(), None)
    for one in find(ROOT / "trained")[0]:
        config = projects.get(one.project)
        for name, value in drawn(config).items():
            assert one.card[name] == value, name
        assert one.card["learner"] == {"plugin": config.learner.plugin, "parameters": config.learner.parameters}
