"""Which items are held out if the data set knows only few labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.engine import MODULES, SQUARES, ToyProject, candidates, full

from nextlabel.contracts import Contents, Dataset, NoParameters, Pixels
from nextlabel.engine.datasets.import_dataset import held_out
from nextlabel.engine.plugins.registry import Offer, load
from nextlabel.engine.random_streams import generator

Make = Callable[..., ToyProject]


@pytest.fixture
def make_known(make: Make) -> Make:
    """Create a project of `size` images whose data set knows the class of the first `known`."""

    def create(known: int, size: int = 60, **labels: Any) -> ToyProject:
        class Few(Dataset[NoParameters]):
            def read(self, root: Path | None, seed: int) -> Contents:
                pixels = np.random.default_rng(0).integers(0, 256, (size, 4, 4), np.uint8)
                truth = np.where(np.arange(size) < known, np.arange(size) % 2, -1)
                return Contents([f"s{n}" for n in range(size)], Pixels(pixels), ("left", "right"), truth)

        registry = load(candidates(*MODULES))
        offer = registry.datasets["toy-missing"]
        registry.datasets["toy-missing"] = Offer(replace(offer.record, target=Few), offer.source)
        table = {**SQUARES, "dataset": {"plugin": "toy-missing"}}
        return make(table, labels={"initial": 0, **labels}, plugins=registry).import_dataset()

    return create


def held_out_ids(project: ToyProject) -> set[str]:
    return {item.id for item in project.project.items.page(limit=1000).items if item.holdout}


def reasons(project: ToyProject) -> set[str]:
    return {item.reason for item in project.project.queries.create(100).items}


@pytest.mark.parametrize("known", [0, 2, 4])
def test_annotators_label_the_hold_out_if_few_labels_are_known(make_known: Make, known: int) -> None:
    project = make_known(known, initial=known)
    config = project.project.config
    # the known items are needed for the first training
    assert held_out_ids(project) == {f"s{n}" for n in range(known, 60) if held_out(config, f"s{n}")}
    assert {event.item for event in project.project.labels.history()} == {f"s{n}" for n in range(known)}
    assert reasons(project) == {"strategy", "holdout"}
    project.project.labels.submit("ann", [full(item.id, "left") for item in project.project.queries.create(100).items])
    newest = project.train().project.models.checkpoints()[-1]
    assert newest.metrics["holdout"] == len(held_out_ids(project))
    assert "accuracy" in newest.metrics


def test_no_item_is_held_out_of_few_known_ones(make_known: Make) -> None:
    project = make_known(4, size=4, initial=4)
    assert held_out_ids(project) == set()
    assert project.project.status().labelled == 4


@pytest.mark.parametrize(("known", "share"), [(5, 0.2), (30, 0.2), (60, 0.02)])
def test_the_hold_out_is_drawn_from_enough_known_items(make_known: Make, known: int, share: float) -> None:
    project = make_known(known, holdout=share)
    shuffled = generator(project.project.config.seed, "holdout").permutation(np.arange(known))[: int(share * known)]
    assert held_out_ids(project) == {f"s{number}" for number in shuffled} != set()
    assert reasons(project) == {"strategy"}


def test_the_hold_out_can_be_empty(make_known: Make) -> None:
    project = make_known(2, holdout=0.0)
    assert held_out_ids(project) == set()
    assert reasons(project) == {"strategy"}


def test_uploads_are_held_out_too_if_few_labels_are_known(
    make: Make, tmp_path: Path, image: Callable[..., bytes]
) -> None:
    folder = tmp_path / "things"
    for number, name in enumerate(["cat/1.png", "dog/1.png", *(f"{n}.png" for n in range(30))]):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(image(number))
    table = {"plugin": "folder", "path": str(folder)}
    project = make(SQUARES, dataset=table, labels={"initial": 2, "holdout": 0.4}).import_dataset()
    before = held_out_ids(project)
    assert before == {f"{n}.png" for n in range(30) if held_out(project.project.config, f"{n}.png")}
    added = project.add_images([image(100 + number) for number in range(30)])
    assert held_out_ids(project) - before == {name for name in added if held_out(project.project.config, name)} != set()


def test_uploads_are_not_held_out_if_enough_labels_are_known(make_known: Make, image: Callable[..., bytes]) -> None:
    project = make_known(30, holdout=0.4)
    before = held_out_ids(project)
    project.add_images([image(100 + number) for number in range(30)])
    assert held_out_ids(project) == before
