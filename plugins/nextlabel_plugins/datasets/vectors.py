"""A table of vectors with their labels: the columns of a CSV file, or the arrays of an .npz file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np

from nextlabel.contracts import Contents, Dataset, FloatArray, IntArray, TestSplit, VectorItems
from nextlabel.contracts.errors import DatasetMissing, ProjectError
from nextlabel_plugins.datasets.vector_csv import CsvReader
from nextlabel_plugins.datasets.vector_npz import NpzReader
from nextlabel_plugins.datasets.vector_table import VectorTable

MIN_CLASSES = 2
"""Minimum number of classes of a project."""


@dataclass(frozen=True)
class VectorsParameters:
    """Parameters of `vectors`."""

    path: Annotated[str, "path of the .csv or .npz file; absolute, or relative to the folder of data sets"]
    test: Annotated[str, "path of a file of the same form with the test split"] = ""
    task: Annotated[Literal["classification", "regression"], "whether the labels are class names or values"] = (
        "classification"
    )
    classes: Annotated[
        Sequence[str], "the classes in order; required without labels, else by default those that occur, sorted"
    ] = ()
    label: Annotated[
        str, "column or array of the labels; by default `label` in a .csv and `labels` in an .npz file, if there"
    ] = ""
    id: Annotated[
        str, "column or array of the ids; by default `id` in a .csv and `ids` in an .npz file, else numbers from 0"
    ] = ""
    vectors: Annotated[str, "array of the vectors in an .npz file; in a .csv file all other columns are numbers"] = (
        "vectors"
    )

    def __post_init__(self) -> None:
        if self.classes and self.task == "regression":
            raise ValueError("a regression has no classes; leave out `classes`")


class Vectors(Dataset[VectorsParameters]):
    """Vectors in a file; an empty label is unknown."""

    def read(self, root: Path | None, seed: int) -> Contents:  # noqa: ARG002 - nothing is random
        """Read the file. Raises DatasetMissing if it is not there, and ProjectError with the place of a fault."""
        table = self._table(self.parameters.path, root)
        if not table.ids:
            raise DatasetMissing(f"{table.file} has no rows")
        test = self._table(self.parameters.test, root) if self.parameters.test else None
        if test is not None and test.columns != table.columns:
            raise ProjectError(
                f"{test.file} has the columns {', '.join(test.columns)}, but {table.file} has "
                f"{', '.join(table.columns)}; the test split must have the same numbers in the same order"
            )
        classes = () if self.parameters.task == "regression" else self._classes(table)
        return Contents(
            ids=table.ids,
            content=VectorItems(table.vectors),
            classes=classes,
            truth=_truth(table, classes),
            test=None if test is None else TestSplit(VectorItems(test.vectors), _known_truth(test, classes)),
        )

    def _table(self, path: str, root: Path | None) -> VectorTable:
        file, parameters = self._file(path, root), self.parameters
        regression = parameters.task == "regression"
        match file.suffix.lower():
            case ".csv":
                return CsvReader(file, parameters.id, parameters.label, regression).read()
            case ".npz":
                return NpzReader(file, parameters.vectors, parameters.id, parameters.label, regression).read()
        raise ProjectError(f"{file} is neither a .csv nor an .npz file")

    def _file(self, path: str, root: Path | None) -> Path:
        file = Path(path).expanduser()
        if not file.is_absolute():
            assert root is not None
            file = root / file
        if not file.is_file():
            raise DatasetMissing(f"there is no file {file}; put it there or correct the path")
        return file

    def _classes(self, table: VectorTable) -> tuple[str, ...]:
        named = tuple(self.parameters.classes)
        if len(set(named)) < len(named):
            raise ProjectError(f"`classes` names a class twice: {', '.join(named)}")
        found = sorted(set(table.names or ()) - {""}, key=_natural)
        if not named and not found:
            raise ProjectError(
                f"{table.file} has no labels, so its classes must be named: classes = [...] in [dataset]"
            )
        classes = named or tuple(found)
        if len(classes) < MIN_CLASSES:
            raise ProjectError(f"{table.file} has only one class, {classes[0]!r}; name the others too: classes = [...]")
        return classes


def _natural(name: str) -> tuple[int, int, str]:
    """Return a key that sorts whole numbers by their value, before all other names."""
    return (0, int(name), name) if name.isdecimal() else (1, 0, name)


def _truth(table: VectorTable, classes: Sequence[str]) -> IntArray | FloatArray | None:
    """Return (n,) class numbers, -1 if unknown, or values, NaN if unknown; None if there are no labels.

    Raises ProjectError for a name that is not a class.
    """
    if table.names is None:
        return table.values
    number = {name: index for index, name in enumerate(classes)} | {"": -1}
    for row, name in enumerate(table.names):
        if name not in number:
            raise ProjectError(f"{table.place(row)}: the class {name!r} is not one of {', '.join(classes)}")
    return np.array([number[name] for name in table.names], np.int64)


def _known_truth(table: VectorTable, classes: Sequence[str]) -> IntArray | FloatArray:
    """Return the truth of the test split. Raises ProjectError if some of it is unknown."""
    truth = _truth(table, classes)
    if truth is None:
        raise ProjectError(f"{table.file} has no labels; the test split needs the label of each item")
    unknown = np.flatnonzero(truth < 0 if classes else np.isnan(truth))
    if len(unknown):
        raise ProjectError(f"{table.place(int(unknown[0]))}: the label is missing; the test split needs all of them")
    return truth
