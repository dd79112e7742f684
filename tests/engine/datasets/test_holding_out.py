"""What is held out where the data set knows few labels: items that people are asked for."""

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
Knowing = Callable[..., ToyProject]


@pytest.fixture
def knowing(make: Make) -> Knowing:
    """Make a project of `size` images whose data set knows the class of the first `known`."""

    def made(known: int, size: int = 60, **labels: Any) -> ToyProject:
        class Few(Dataset[NoParameters]):
            def read(self, root: Path | None, seed: int) -> Contents:
                pixels = np.random.default_rng(0).integers(0, 256, (size, 4, 4), np.uint8)
                truth = np.where(np.arange(size) < known, np.arange(size) % 2, -1)
                return Contents([f"s{n}" for n in range(size)], Pixels(pixels), ("left", "right"), truth)

        found = load(candidates(*MODULES))
        offer = found.datasets["toy-missing"]
        found.datasets["toy-missing"] = Offer(replace(offer.record, target=Few), offer.source)
        table = {**SQUARES, "dataset": {"plugin": "toy-missing"}}
        return make(table, labels={"initial": 0, **labels}, plugins=found).bring()

    return made


def held(project: ToyProject) -> set[str]:
    return {item.id for item in project.project.items.page(limit=1000).items if item.holdout}


def reasons(project: ToyProject) -> set[str]:
    return {item.reason for item in project.project.queries.create(100).items}


@pytest.mark.parametrize("known", [0, 2, 4])
def test_where_too_few_are_known_people_are_asked_for_the_hold_out(knowing: Knowing, known: int) -> None:
    project = knowing(known, initial=known)
    config = project.project.config
    # the known ones stay: they are all there is to learn from
    assert held(project) == {f"s{n}" for n in range(known, 60) if held_out(config, f"s{n}")}
    assert {event.item for event in project.project.labels.history()} == {f"s{n}" for n in range(known)}
    assert reasons(project) == {"strategy", "holdout"}
    project.project.labels.submit("ann", [full(item.id, "left") for item in project.project.queries.create(100).items])
    newest = project.train().project.models.checkpoints()[-1]
    assert newest.metrics["holdout"] == len(held(project))
    assert "accuracy" in newest.metrics


def test_few_that_are_known_and_nothing_else_are_all_learnt_from(knowing: Knowing) -> None:
    project = knowing(4, size=4, initial=4)
    assert held(project) == set()
    assert project.project.status().labelled == 4


@pytest.mark.parametrize(("known", "share"), [(5, 0.2), (30, 0.2), (60, 0.02)])
def test_where_enough_are_known_the_hold_out_is_drawn_of_them(knowing: Knowing, known: int, share: float) -> None:
    project = knowing(known, holdout=share)
    drawn = generator(project.project.config.seed, "holdout").permutation(np.arange(known))[: int(share * known)]
    assert held(project) == {f"s{place}" for place in drawn} != set()
    assert reasons(project) == {"strategy"}


def test_where_no_hold_out_is_wanted_there_is_none(knowing: Knowing) -> None:
    project = knowing(2, holdout=0.0)
    assert held(project) == set()
    assert reasons(project) == {"strategy"}


def test_images_added_to_a_folder_of_few_labels_are_held_out_too(
    make: Make, tmp_path: Path, image: Callable[..., bytes]
) -> None:
    folder = tmp_path / "things"
    for number, name in enumerate(["cat/1.png", "dog/1.png", *(f"{n}.png" for n in range(30))]):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(image(number))
    table = {"plugin": "folder", "path": str(folder)}
    project = make(SQUARES, dataset=table, labels={"initial": 2, "holdout": 0.4}).bring()
    before = held(project)
    assert before == {f"{n}.png" for n in range(30) if held_out(project.project.config, f"{n}.png")}
    added = project.add_images([image(100 + number) for number in range(30)])
    assert held(project) - before == {name for name in added if held_out(project.project.config, name)} != set()


def test_images_added_where_enough_are_known_are_not(knowing: Knowing, image: Callable[..., bytes]) -> None:
    project = knowing(30, holdout=0.4)
    before = held(project)
    project.add_images([image(100 + number) for number in range(30)])
    assert held(project) == before
