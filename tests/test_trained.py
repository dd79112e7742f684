"""The bundled checkpoints: their files, size, card and accuracy, and that packages include them."""

from __future__ import annotations

import os
import tomllib
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from photos_sample import draw

from nextlabel.engine.bundled_checkpoints import find
from nextlabel.engine.checkpoints.serialization import holdout_settings
from nextlabel.engine.datasets.sample_file import SAMPLE, read_sample
from nextlabel.engine.evaluation.evaluate import EvaluationSet, measure
from nextlabel.engine.images.image_items import PixelItems
from nextlabel.engine.live_models import Served
from nextlabel.engine.plugins.registry import load
from nextlabel.engine.project_files import load_projects
from nextlabel.store.checkpoint_files import CARD, ONNX, WEIGHTS, verified_path
from nextlabel_plugins.datasets.candidate_sets import PartialParameters
from nextlabel_plugins.datasets.cifar10 import Cifar10

ROOT = Path(__file__).parents[1]
MAX_BYTES = 10_000_000
"""Largest size of a bundled checkpoint."""
TEST_IMAGES = 2000
"""Number of images of CIFAR-10's test split that `photos` is evaluated on."""


def test_wheel_and_source_distribution_include_them():
    targets = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]
    assert targets["wheel"]["force-include"] == {"trained": "nextlabel/trained"}
    assert "/trained" in targets["sdist"]["include"]


def test_bundled_checkpoints_are_complete_and_small():
    checkpoints, faults = find(ROOT / "trained")
    assert faults == []
    if not checkpoints:
        pytest.skip("there is no bundled checkpoint")
    for checkpoint in checkpoints:
        assert {path.name for path in checkpoint.folder.iterdir()} <= {CARD, ONNX, WEIGHTS, SAMPLE}
        assert sum(path.stat().st_size for path in checkpoint.folder.iterdir()) < MAX_BYTES
        assert verified_path(checkpoint.folder, WEIGHTS)
        assert bool(verified_path(checkpoint.folder, ONNX)) == checkpoint.card["onnx"]
        for name in ("command", "seconds", "processor_threads", "licence", "dataset", "seed", "classes"):
            assert checkpoint.card[name] not in (None, "", []), name


def test_the_card_of_photos_has_its_measured_accuracy():
    (photos,) = (checkpoint for checkpoint in find(ROOT / "trained")[0] if checkpoint.project == "photos")
    assert photos.card["test"]["items"] == 10_000
    assert photos.card["test"]["accuracy"] >= 0.943


def test_the_sample_of_photos_is_small_and_names_its_source():
    file = ROOT / "trained" / "photos" / "proden-1" / SAMPLE
    assert file.stat().st_size < 1_500_000
    sample = read_sample(file)
    assert (len(sample.ids), sample.pixels.shape, int(sample.holdout.sum())) == (500, (500, 32, 32, 3), 100)
    assert all(0 <= int(identity) < 50_000 for identity in sample.ids)
    assert "Krizhevsky" in sample.source
    assert "CIFAR-10" in sample.source


def test_the_sample_of_photos_is_drawn_from_what_its_checkpoint_held_out():
    root = Path(os.environ.get("NEXTLABEL_DATA") or "/nowhere")
    if not (root / Cifar10.folder).is_dir():
        pytest.skip("CIFAR-10 is not in NEXTLABEL_DATA")
    drawn, shipped = draw(root), read_sample(ROOT / "trained" / "photos" / "proden-1" / SAMPLE)
    assert (drawn.ids, drawn.source) == (shipped.ids, shipped.source)
    np.testing.assert_array_equal(drawn.holdout, shipped.holdout)
    np.testing.assert_array_equal(drawn.pixels, shipped.pixels)
    contents = Cifar10(PartialParameters()).read(root, 0)
    numbers = [int(identity) for identity in shipped.ids]
    np.testing.assert_array_equal(contents.content.array[numbers], shipped.pixels)


def test_photos_has_the_accuracy_on_its_card():
    root = Path(os.environ.get("NEXTLABEL_DATA") or "/nowhere")
    if not (root / Cifar10.folder).is_dir():
        pytest.skip("CIFAR-10 is not in NEXTLABEL_DATA")
    (photos,) = (checkpoint for checkpoint in find(ROOT / "trained")[0] if checkpoint.project == "photos")
    test = Cifar10(PartialParameters()).read(root, 0).test
    served = Served(photos.name, photos.card, photos.folder, load())
    items = EvaluationSet("test", PixelItems(test.content.array[:TEST_IMAGES]), test.truth[:TEST_IMAGES])
    measured = measure(served, items, 2, 1_000_000, lambda _: None)
    expected = photos.card["test"]["accuracy"]
    assert measured.metrics["accuracy"] == pytest.approx(
        expected, abs=3 * sqrt(expected * (1 - expected) / TEST_IMAGES)
    )


def test_each_was_trained_with_the_current_project_file():
    """Otherwise items held out here could be in its training data, and comparisons would be unfair."""
    projects = load_projects(load(), None)
    for checkpoint in find(ROOT / "trained")[0]:
        config = projects.get(checkpoint.project)
        for name, value in holdout_settings(config).items():
            assert checkpoint.card[name] == value, name
        assert checkpoint.card["learner"] == {"plugin": config.learner.plugin, "parameters": config.learner.parameters}
