"""The folder that a learner resumes from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.engine import ToyProject, full
from support.toy_backbones import Scaled
from support.toy_learners import Ridge

from nextlabel.contracts import Items, Model, Targets, Training
from nextlabel.contracts.errors import NextlabelError
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.training.resume import resume_folder

Make = Callable[..., ToyProject]


class Interruptible(Ridge):
    """Notes what it finds in its folder, leaves a file there, and fails as long as `fails` is not empty."""

    found: list[list[str]]
    fails: list[None]

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        assert training.folder is not None
        self.found.append(sorted(path.name for path in training.folder.iterdir()))
        (training.folder / "step").touch()
        if self.fails:
            raise ZeroDivisionError("interrupted")
        return super().fit(items, targets, training)


@pytest.fixture
def interruptible(make: Make, plugged: Callable[..., Registry]) -> ToyProject:
    Interruptible.found, Interruptible.fails = [], [None]
    return make(plugins=plugged(Interruptible)).import_dataset()


def interrupt(project: ToyProject) -> None:
    with pytest.raises(NextlabelError, match="interrupted"):
        project.train()


def resume(project: ToyProject) -> list[Path]:
    return list(project.services.home.resume("toy").glob("*"))


def test_a_training_finds_what_the_interrupted_one_wrote(interruptible: ToyProject) -> None:
    interrupt(interruptible)
    (folder,) = resume(interruptible)
    interrupt(interruptible)
    assert resume(interruptible) == [folder]
    Interruptible.fails.clear()
    interruptible.train()
    assert Interruptible.found == [[], ["step"], ["step"]]
    assert not interruptible.services.home.resume("toy").exists()
    interruptible.train()
    assert Interruptible.found[-1] == []


def test_a_training_on_other_labels_starts_with_an_empty_folder(interruptible: ToyProject) -> None:
    interrupt(interruptible)
    before = resume(interruptible)
    item = interruptible.project.queries.create(1, "random", "ann").items[0].id
    interruptible.project.labels.submit("ann", [full(item, "red")])
    interrupt(interruptible)
    assert Interruptible.found == [[], []]
    assert len(resume(interruptible)) == 1
    assert resume(interruptible) != before


def test_a_training_on_other_features_starts_with_an_empty_folder(
    make: Make, plugged: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    Interruptible.found, Interruptible.fails = [], [None]
    project = make(plugins=plugged(Interruptible), features={"plugin": "toy-scaled"}).import_dataset()
    interrupt(project)
    interrupt(project)
    monkeypatch.setattr(Scaled, "version", "2")
    interrupt(project)
    assert Interruptible.found == [[], ["step"], []]


def test_every_argument_is_part_of_the_key(make: Make) -> None:
    project = make()
    home = project.services.home

    def key(
        seed: int = 1, items: int = 60, last_label: int = 6, start: str | None = "r1", features: str | None = "a",
        **tables: Any,
    ) -> str:  # fmt: skip
        return resume_folder(home, make(**tables).project.config, seed, items, last_label, start, features).name

    others = {
        key(2), key(items=61), key(last_label=7), key(start="r2"), key(start=None),
        key(features="b"), key(features=None),
        key(learner={"sharpness": 2.0}), key(learner={"plugin": "toy-whole"}),
        key(learner={"features": "checkpoint:toy"}),
    }  # fmt: skip
    assert len(others) == 10
    assert key() == key()
    assert key() not in others
