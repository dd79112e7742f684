"""DBAL on photographs without any label: 20 of 2,500, by the uncertainty of a network trained on ImageNet.

python benchmarks/pets.py [--check] [--sheet FILE]

Writes 2,500 of CIFAR-10's test images as PNG files to a folder, with a project file: `dbal` with k = 20 and beta = 10
on EfficientNet-Lite0 at 224 pixels and on its own classes, no label. Then it runs `nextlabel query FILE --size 20
--out DIR`, and checks what the command chose, from the features that it stored. Needs CIFAR-10 in NEXTLABEL_DATA.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image
from torchvision.datasets import CIFAR10

from nextlabel.contracts import FloatArray, IntArray, Need, Pool
from nextlabel.engine.plugins.parameters import build
from nextlabel.engine.plugins.registry import load
from nextlabel.store.feature_files import FeatureFiles

FOLDER = "cifar-10-batches-py"
IMAGES, CHECK_IMAGES = 2_500, 400
SIZE, BETA = 20, 10
DRAWS, GOAL = 100, 95
PROJECT = """
title = "Photographs without a label"

[dataset]
plugin = "folder"
path = "{path}"
classes = {classes}

[features]
plugin = "efficientnet-lite0"
probabilities = true

[learner]
plugin = "linear"

[strategy]
plugin = "dbal"
beta = {beta}
size = {size}

[labels]
holdout = 0.0
"""


class RecordingPool(Pool):
    """A pool that records which items' embeddings a strategy reads."""

    read: IntArray = np.empty(0, np.int64)

    def rows(self, need: Need, positions: IntArray) -> FloatArray:
        """Return the rows, and record their positions."""
        self.read = np.sort(positions)
        return super().rows(need, positions)


@dataclass(frozen=True)
class Stored:
    """What the command stored: one row per image, in the order of the pool."""

    embeddings: FloatArray
    probabilities: FloatArray


def write_project(folder: Path, data: Path, count: int) -> Path:
    """Write the images and the project file; return the file."""
    test = CIFAR10(data, train=False)
    images = folder / "images"
    images.mkdir()
    for number, pixels in enumerate(test.data[:count]):
        Image.fromarray(pixels).save(images / f"{number:04}.png")
    file = folder / "photographs.toml"
    file.write_text(PROJECT.format(path=images, classes=json.dumps(test.classes), beta=BETA, size=SIZE))
    return file


def query(file: Path, home: Path, out: Path) -> tuple[Mapping[str, Any], float]:
    """Run the command; return what it prints, and its seconds."""
    words = ["query", str(file), "--size", str(SIZE), "--out", str(out), "--json"]
    began = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-m", "nextlabel", *words],
        env={**os.environ, "NEXTLABEL_HOME": str(home)},
        stdout=subprocess.PIPE,
        check=True,
    )
    answer: Mapping[str, Any] = json.loads(result.stdout)
    return answer, time.monotonic() - began


def stored_features(home: Path) -> Stored:
    """Return the features that the command computed."""
    (source,) = (home / "features").glob("*/source.json")
    card = json.loads(source.read_text())
    (pool,) = (source.parent / "positions").iterdir()
    features = FeatureFiles(source.parent, card["dimensions"], card["classes"]).read(pool.name)
    assert features.probabilities is not None
    assert features.probabilities.dtype == np.float32
    return Stored(features.embeddings[features.rows].astype(np.float32), features.probabilities[features.rows])


def chosen_again(stored: Stored, seed: int) -> tuple[IntArray, IntArray]:
    """Return what `dbal` keeps, and what it chooses, for the seed of the command's query."""
    strategy = build(load().strategy("dbal"), {"beta": BETA}, "[strategy]")
    arrays: dict[Need, FloatArray] = {"probabilities": stored.probabilities, "embeddings": stored.embeddings}
    pool = RecordingPool(len(stored.embeddings), arrays)
    rng = np.random.default_rng(seed)
    rng.random(SIZE)  # the engine draws first which items come from the control arm: none
    chosen = strategy.select(pool, SIZE, rng).positions
    return pool.read, chosen


def mean_distance(points: FloatArray, chosen: FloatArray) -> float:
    """Return the mean Euclidean distance of points (n, D) to the nearest of `chosen` (k, D)."""
    nearest = [np.sqrt(((chosen - point) ** 2).sum(axis=1)).min() for point in points]
    return float(np.mean(nearest))


def main() -> None:
    """Print what the command chose, and exit with status 1 if a check fails."""
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help=f"{CHECK_IMAGES} images, only to see that it works")
    parser.add_argument("--sheet", type=Path, help="copy the contact sheet to this file")
    arguments = parser.parse_args()
    data = Path(os.environ.get("NEXTLABEL_DATA") or "/nowhere")
    if not (data / FOLDER).is_dir():
        print(f"skipped: {FOLDER} is not in NEXTLABEL_DATA")
        return
    count = CHECK_IMAGES if arguments.check else IMAGES
    with TemporaryDirectory() as name:
        folder = Path(name)
        file = write_project(folder, data, count)
        answer, seconds = query(file, folder / "home", folder / "out")
        stored = stored_features(folder / "home")
        if arguments.sheet is not None:
            copyfile(folder / "out" / answer["out"]["contact_sheet"], arguments.sheet)
        copied = len(list((folder / "out").iterdir()))
    sys.exit(0 if report(answer, stored, seconds, copied) else 1)


def report(answer: Mapping[str, Any], stored: Stored, seconds: float, copied: int) -> bool:
    """Print the figures, and return whether all checks hold."""
    ordered = np.sort(stored.probabilities, axis=1)
    uncertainty = 1 - (ordered[:, -1] - ordered[:, -2])
    chosen = np.array([int(item["id"].partition(".")[0]) for item in answer["items"]])
    largest = np.sort(np.argsort(-uncertainty, kind="stable")[: SIZE * BETA])
    candidates, again = chosen_again(stored, answer["seed"])
    points = stored.embeddings[largest]
    ours = mean_distance(points, stored.embeddings[chosen])
    rng = np.random.default_rng(0)
    draws = [mean_distance(points, points[rng.choice(len(points), SIZE, replace=False)]) for _ in range(DRAWS)]
    beaten = sum(ours < draw for draw in draws)
    scores = np.array([item["score"] for item in answer["items"]])
    checks = {
        f"probabilities by {answer['probabilities']}, before any model": (
            answer["probabilities"] == "efficientnet-lite0" and answer["checkpoint"] is None
        ),
        f"the {len(candidates)} kept are those of largest M": np.array_equal(candidates, largest),
        "the query's record gives the same choice again": np.array_equal(again, chosen),
        "the reported scores are M": bool(np.allclose(scores, uncertainty[chosen], atol=1e-6)),
        f"{SIZE} images and a contact sheet are copied": copied == SIZE + 1,
        f"nearer than {beaten} of {DRAWS} random draws (goal: {GOAL})": beaten >= GOAL,
    }
    print(f"{len(stored.embeddings):,} images, {seconds:.0f} s for the whole command")
    print(f"M of the {SIZE} chosen: {scores.min():.4f} to {scores.max():.4f}")
    print(f"M of the {len(largest)} kept: {uncertainty[largest].min():.4f} to {uncertainty[largest].max():.4f}")
    print(f"M of all: median {np.median(uncertainty):.4f}, least {uncertainty.min():.4f}")
    print(
        f"mean distance to the nearest chosen image: {ours:.3f}; random draws: mean {np.mean(draws):.3f}, "
        f"least {min(draws):.3f}"
    )
    for what, holds in checks.items():
        print(f"{'ok  ' if holds else 'FAIL'} {what}")
    return all(checks.values())


if __name__ == "__main__":
    main()
