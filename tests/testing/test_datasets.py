"""check_dataset passes valid data sets and reports each kind of fault."""

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
    class Fixed(Dataset[Any]):
        def read(self, root: Path | None, seed: int) -> Contents:
            return contents

    return DatasetPlugin("odd", "one line", Fixed)


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
def test_valid_data_sets_pass(contents: Contents) -> None:
    check_dataset(plugin(contents))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": ["a", "b", "c", "c"]}, "ids repeat"),
        ({"ids": ["a", "b", "c", ""]}, "ids must be non-empty strings"),
        ({"ids": [1, 2, 3, 4]}, "ids must be non-empty strings"),
        ({"ids": []}, r"read\(\) returned no items"),
        ({"ids": ["a", "b"]}, "2 ids for 4 items"),
        ({"classes": ("yes", "yes")}, "needs two or more distinct classes"),
        ({"classes": ("yes",)}, "needs two or more distinct classes"),
        ({"truth": np.array([0, 1, 2, 0])}, "truth must be class numbers up to 1, or -1 if not known"),
        ({"truth": np.array([0.0, 1, 0, 0])}, "truth must be class numbers, not float64"),
        ({"truth": np.array([0, 1, 0])}, "truth has 3 rows for 4 items"),
        ({"classes": (), "candidates": None, "test": None}, "truth must be real numbers, not int64"),
        ({"candidates": np.ones((4, 3), np.bool_)}, "candidates must be rows of 2"),
        ({"candidates": np.zeros((4, 2), np.bool_)}, "candidates must be rows of 2, each with one class or more"),
        ({"candidates": np.ones((4, 2), np.uint8)}, "candidates must be booleans, .*, not uint8"),
        ({"candidates": np.ones((4, 2))}, "candidates must be booleans, .*, not float64"),
        ({"candidates": [[True, True]] * 4}, "candidates must be booleans, .*, not list"),
        ({"initial": np.array([1])}, "1 items are both held out and labelled from the start"),
        ({"initial": np.array([7])}, "initial must be positions from 0 to 3"),
        ({"initial": np.array([True, False, False, False])}, "initial must be positions, .* not bool"),
        ({"initial": np.array([0, 2])}, "initial names items whose truth is not known"),
        ({"holdout": np.array([1, 1])}, "holdout must be distinct positions"),
        ({"holdout": np.array([1.0])}, "holdout must be positions, .* not float64"),
        ({"truth": None}, "initial names items whose truth is not known"),
        ({"content": VectorItems(np.full((4, 2), np.nan, np.float32))}, "vectors must be finite real numbers"),
        ({"content": VectorItems(np.zeros((4, 2), np.int64))}, "vectors must be finite real numbers"),
        ({"content": Pixels(np.zeros((4, 5, 6)))}, "pixels must be uint8"),
        ({"content": Pixels(np.zeros((4, 5, 6, 4), np.uint8))}, r"\(n, h, w\) or \(n, h, w, 3\)"),
        ({"content": Files([Path("missing.jpg")] * 4)}, "missing.jpg: raised FileNotFoundError"),
        ({"content": Files([Path("missing.jpg")] * 4, channels=4)}, "channels must be 1 or 3"),
        ({"content": np.zeros((4, 2))}, "ndarray is not a kind of content"),
        (
            {"content": GraphItems(np.zeros((4, 1), np.float32), np.array([[0], [4]]))},
            "an edge names node 4, but the nodes are 0 to 3",
        ),
        (
            {"content": GraphItems(np.zeros((4, 1), np.float32), np.zeros((3, 2), np.int64))},
            r"edges must be integers of the shape \(2, m\), not int64 \(3, 2\)",
        ),
        (
            {"test": TestSplit(Pixels(np.zeros((1, 2, 2), np.uint8)), np.array([0]))},
            "the test split is Pixels, the pool VectorItems",
        ),
        ({"test": TestSplit(VECTORS, np.array([0, 1]))}, "the test split's truth has 2 rows for 4 items"),
        ({"test": TestSplit(VECTORS, np.array([0, 1, -1, 0]))}, "the test split's truth must be class numbers from 0"),
        ({"test": TestSplit(VECTORS, np.array([], np.int64))}, "the test split is empty"),
    ],
)
def test_faults_are_reported(change: dict[str, Any], message: str) -> None:
    with pytest.raises(AssertionError, match=message) as error:
        check_dataset(plugin(replace(SOUND, **change)))
    assert str(error.value).startswith("data set odd")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"initial": np.array([0, 1])}, "initial names items whose truth is not known"),
        (
            {"test": TestSplit(VALUES.content, np.array([0.5, np.nan]))},
            "the test split's truth must be finite numbers",
        ),
    ],
)
def test_unknown_values_are_reported(change: dict[str, Any], message: str) -> None:
    with pytest.raises(AssertionError, match=rf"data set odd: read\(\): {message}"):
        check_dataset(plugin(replace(VALUES, **change)))


class ChangingPool(Dataset[Any]):
    def read(self, root: Path | None, seed: int) -> Contents:
        vectors = np.random.default_rng().random((4, 2)).astype(np.float32)
        return replace(SOUND, content=VectorItems(vectors))


class ChangingTestSplit(Dataset[Any]):
    def read(self, root: Path | None, seed: int) -> Contents:
        vectors = np.random.default_rng().random((2, 1)).astype(np.float32)
        return replace(VALUES, test=TestSplit(VectorItems(vectors), np.array([0.5, 1.5])))


class GivesList(Dataset[Any]):
    def read(self, root: Path | None, seed: int) -> Any:
        return [SOUND]


class Missing(Dataset[Any]):
    message = "no folder of moons; download it first"

    def read(self, root: Path | None, seed: int) -> Contents:
        if root is None or not (root / "moons").exists():
            raise DatasetMissing(self.message)
        return SOUND


class TwoLines(Missing):
    message = "no moons\nsorry"


class Crashing(Missing):
    def read(self, root: Path | None, seed: int) -> Contents:
        assert root is not None
        (root / "moons").read_text("utf-8")
        return SOUND


class GivesNone(Missing):
    def read(self, root: Path | None, seed: int) -> Any:
        assert root is not None
        return super().read(root, seed) if (root / "moons").exists() else None


class Downloads(Missing):
    def read(self, root: Path | None, seed: int) -> Contents:
        assert root is not None
        (root / "moons").write_text("downloaded")
        return SOUND


def test_reading_twice_gives_the_same_contents() -> None:
    with pytest.raises(AssertionError, match="returned other contents the second time"):
        check_dataset(DatasetPlugin("odd", "one line", ChangingPool))
    with pytest.raises(AssertionError, match="returned other contents the second time"):
        check_dataset(DatasetPlugin("odd", "one line", ChangingTestSplit))
    with pytest.raises(AssertionError, match=r"read\(\) returned list"):
        check_dataset(DatasetPlugin("odd", "one line", GivesList))


def test_missing_data_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "moons").write_text("")
    check_dataset(DatasetPlugin("odd", "one line", Missing), tmp_path)
    with pytest.raises(AssertionError, match="in one line what is missing"):
        check_dataset(DatasetPlugin("odd", "one line", TwoLines), tmp_path)
    with pytest.raises(AssertionError, match="FileNotFoundError"):
        check_dataset(DatasetPlugin("odd", "one line", Crashing), tmp_path)
    with pytest.raises(AssertionError, match="raised DatasetMissing: no folder of moons"):
        check_dataset(DatasetPlugin("odd", "one line", Missing))
    with pytest.raises(AssertionError, match=r"read\(\) returned NoneType, which is not Contents"):
        check_dataset(DatasetPlugin("odd", "one line", GivesNone), tmp_path)
    with pytest.raises(AssertionError, match=r"read\(\) wrote to the folder of data sets; only download\(\) may"):
        check_dataset(DatasetPlugin("odd", "one line", Downloads), tmp_path)
