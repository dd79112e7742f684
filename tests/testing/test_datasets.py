"""The checks of data sets: sound ones pass, and each way of being broken is caught and named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.contents import SOUND, VECTORS

from nextlabel.contracts import (
    Contents,
    Dataset,
    DatasetPlugin,
    Files,
    GraphItems,
    Pixels,
    TestSplit,
    VectorItems,
)
from nextlabel.contracts.errors import DatasetMissing
from nextlabel.testing import check_dataset

VALUES = Contents(
    ids=["a", "b"],
    content=VectorItems(np.zeros((2, 1), np.float32)),
    truth=np.array([1.0, np.nan]),
    initial=np.array([0]),
    test=TestSplit(VectorItems(np.zeros((2, 1), np.float32)), np.array([0.5, 1.5])),
)


def plugin(contents: Contents) -> DatasetPlugin:
    class Given(Dataset[Any]):
        def read(self, root: Path | None, seed: int) -> Contents:
            return contents

    return DatasetPlugin("odd", "one line", Given)


@pytest.mark.parametrize(
    "contents",
    [
        SOUND,
        VALUES,
        Contents(ids=["a"], content=Pixels(np.zeros((1, 5, 6), np.uint8)), classes=("x", "y")),
        Contents(ids=["a"], content=Pixels(np.zeros((1, 5, 6, 3), np.uint8)), classes=("x", "y")),
        Contents(ids=["a", "b"], content=VectorItems(np.zeros((2, 1), np.float32)), truth=np.array([1.0, np.nan])),
        Contents(
            ids=["a", "b"],
            content=GraphItems(np.zeros((2, 1), np.float32), np.array([[0, 1], [1, 0]])),
            classes=("x", "y"),
        ),
    ],
)
def test_sound_ones_pass(contents: Contents) -> None:
    check_dataset(plugin(contents))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": ["a", "b", "c", "c"]}, "ids must be distinct"),
        ({"ids": ["a", "b", "c", ""]}, "ids must be texts"),
        ({"ids": [1, 2, 3, 4]}, "ids must be texts"),
        ({"ids": []}, "it holds nothing"),
        ({"ids": ["a", "b"]}, "content: 4 items for 2 names"),
        ({"classes": ("yes", "yes")}, "classes must be distinct"),
        ({"classes": ("yes",)}, "one class, .* leaves nothing to learn"),
        ({"truth": np.array([0, 1, 2, 0])}, "truth must be class numbers from -1 to 1"),
        ({"truth": np.array([0.0, 1, 0, 0])}, "truth must be class numbers"),
        ({"truth": np.array([0, 1, 0])}, r"truth is \(3,\), not \(4,\)"),
        ({"classes": (), "candidates": None, "test": None}, "truth must be real numbers, not int64"),
        ({"candidates": np.ones((4, 3), np.bool_)}, r"candidates are \(4, 3\), not \(4, 2\)"),
        ({"candidates": np.zeros((4, 2), np.bool_)}, "no candidate class at all"),
        ({"candidates": np.ones((4, 2), np.uint8)}, "candidates must be booleans, .*, not uint8"),
        ({"candidates": np.ones((4, 2))}, "candidates must be booleans, .*, not float64"),
        ({"candidates": [[True, True]] * 4}, "candidates must be booleans, .*, not list"),
        ({"initial": np.array([1])}, "1 items are both held out and labelled from the start"),
        ({"initial": np.array([7])}, "initial must be distinct positions in the pool"),
        ({"initial": np.array([True, False, False, False])}, "initial must be positions, not bool"),
        ({"initial": np.array([0, 2])}, "initial names 1 items whose truth is not known"),
        ({"holdout": np.array([1, 1])}, "holdout must be distinct positions"),
        ({"holdout": np.array([1.0])}, "holdout must be positions, not float64"),
        ({"truth": None}, "initial labels need a truth"),
        ({"content": VectorItems(np.full((4, 2), np.nan, np.float32))}, "vectors must be finite real numbers"),
        ({"content": VectorItems(np.zeros((4, 2), np.int64))}, "vectors must be finite real numbers"),
        ({"content": Pixels(np.zeros((4, 5, 6)))}, "pixels must be uint8"),
        ({"content": Pixels(np.zeros((4, 5, 6, 4), np.uint8))}, r"\(n, h, w\) or \(n, h, w, 3\)"),
        ({"content": Files([Path("gone.jpg")] * 4)}, "gone.jpg: raised FileNotFoundError"),
        ({"content": Files([Path("gone.jpg")] * 4, channels=4)}, "channels must be 1 or 3"),
        ({"content": np.zeros((4, 2))}, "ndarray is no kind of content"),
        (
            {"content": GraphItems(np.zeros((4, 1), np.float32), np.array([[0], [4]]))},
            "an edge ends at no node",
        ),
        (
            {"content": GraphItems(np.zeros((4, 1), np.float32), np.zeros((3, 2), np.int64))},
            r"edges must be \(2, m\)",
        ),
        ({"test": TestSplit(Pixels(np.zeros((1, 2, 2), np.uint8)), np.array([0]))}, "of another kind than the pool"),
        ({"test": TestSplit(VECTORS, np.array([0, 1]))}, "test: 4 items for 2"),
        ({"test": TestSplit(VECTORS, np.array([0, 1, -1, 0]))}, "the test split's truth must be class numbers from 0"),
        ({"test": TestSplit(VECTORS, np.array([], np.int64))}, "the test split is empty"),
    ],
)
def test_what_is_broken_is_caught(change: dict[str, Any], message: str) -> None:
    with pytest.raises(AssertionError, match=message) as error:
        check_dataset(plugin(replace(SOUND, **change)))
    assert str(error.value).startswith("data set odd")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"initial": np.array([0, 1])}, "initial names 1 items whose truth is not known"),
        ({"test": TestSplit(VALUES.content, np.array([0.5, np.nan]))}, "the test split's truth holds NaN"),
    ],
)
def test_values_that_must_be_known(change: dict[str, Any], message: str) -> None:
    with pytest.raises(AssertionError, match=f"data set odd: {message}"):
        check_dataset(plugin(replace(VALUES, **change)))


class Drifting(Dataset[Any]):
    def read(self, root: Path | None, seed: int) -> Contents:
        vectors = np.random.default_rng().random((4, 2)).astype(np.float32)
        return replace(SOUND, content=VectorItems(vectors))


class Retesting(Dataset[Any]):
    def read(self, root: Path | None, seed: int) -> Contents:
        vectors = np.random.default_rng().random((2, 1)).astype(np.float32)
        return replace(VALUES, test=TestSplit(VectorItems(vectors), np.array([0.5, 1.5])))


class Listed(Dataset[Any]):
    def read(self, root: Path | None, seed: int) -> Any:
        return [SOUND]


class Absent(Dataset[Any]):
    message = "no folder of moons; get it from the moon"

    def read(self, root: Path | None, seed: int) -> Contents:
        if root is None or not (root / "moons").exists():
            raise DatasetMissing(self.message)
        return SOUND


class Chatty(Absent):
    message = "no moons\nsorry"


class Crashing(Absent):
    def read(self, root: Path | None, seed: int) -> Contents:
        assert root is not None
        (root / "moons").read_text("utf-8")
        return SOUND


class Rooted(Absent):
    def read(self, root: Path | None, seed: int) -> Contents:
        return super().read(root / ".", seed)  # the fault: None / "."


class Nothing(Absent):
    def read(self, root: Path | None, seed: int) -> Any:
        return super().read(root, seed) if root else None


def test_reading_is_the_same_every_time() -> None:
    with pytest.raises(AssertionError, match="read again with the same seed, it is another"):
        check_dataset(DatasetPlugin("odd", "one line", Drifting))
    with pytest.raises(AssertionError, match="read again with the same seed, it is another"):
        check_dataset(DatasetPlugin("odd", "one line", Retesting))
    with pytest.raises(AssertionError, match=r"read\(\) gave list"):
        check_dataset(DatasetPlugin("odd", "one line", Listed))


def test_what_is_missing_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "moons").write_text("")
    check_dataset(DatasetPlugin("odd", "one line", Absent), tmp_path)
    with pytest.raises(AssertionError, match="in one line what is missing"):
        check_dataset(DatasetPlugin("odd", "one line", Chatty), tmp_path)
    with pytest.raises(AssertionError, match="FileNotFoundError"):
        check_dataset(DatasetPlugin("odd", "one line", Crashing), tmp_path)
    with pytest.raises(AssertionError, match="raised DatasetMissing: no folder of moons"):
        check_dataset(DatasetPlugin("odd", "one line", Absent))


def test_where_no_folder_of_data_sets_is_named(tmp_path: Path) -> None:
    (tmp_path / "moons").write_text("")
    without = r"data set odd: read without a folder of data sets \(root is None\), it "
    with pytest.raises(AssertionError, match=f"{without}raised TypeError: .*; it must work or raise DatasetMissing"):
        check_dataset(DatasetPlugin("odd", "one line", Rooted), tmp_path)
    with pytest.raises(AssertionError, match=f"{without}gave NoneType, which is not Contents"):
        check_dataset(DatasetPlugin("odd", "one line", Nothing), tmp_path)
