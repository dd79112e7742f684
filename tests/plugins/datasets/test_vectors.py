"""The data set `vectors`: what it reads from .csv and .npz files, and the faults that it finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nextlabel.contracts import Contents, VectorItems
from nextlabel.contracts.errors import DatasetMissing, ProjectError
from nextlabel_plugins.datasets import vector_csv
from nextlabel_plugins.datasets.vectors import Vectors, VectorsParameters

TABLE = "id,x,label,y\na,1,cat,2\nb,3.5,,-4e1\nc,0,dog,7\n"


def read(path: Path | str, root: Path | None = None, **parameters: Any) -> Contents:
    return Vectors(VectorsParameters(str(path), **parameters)).read(root, 0)


def write(folder: Path, text: str, name: str = "table.csv") -> Path:
    (folder / name).write_text(text, "utf-8")
    return folder / name


def save(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "table.npz", **{name: np.asarray(array) for name, array in arrays.items()})
    return folder / "table.npz"


def vectors(contents: Contents) -> list[list[float]]:
    assert isinstance(contents.content, VectorItems)
    assert contents.content.vectors.dtype == np.float32
    return contents.content.vectors.tolist()


def refusal(path: Path, **parameters: Any) -> str:
    with pytest.raises(ProjectError) as refused:
        read(path, **parameters)
    message = str(refused.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(str(path))


def test_a_csv_file_has_ids_labels_and_numbers(tmp_path):
    contents = read(write(tmp_path, TABLE))
    assert list(contents.ids) == ["a", "b", "c"]
    assert contents.classes == ("cat", "dog")
    assert contents.truth is not None
    assert contents.truth.tolist() == [0, -1, 1]
    assert vectors(contents) == [[1, 2], [3.5, -40], [0, 7]]


def test_other_names_of_columns(tmp_path):
    file = write(tmp_path, "name,kind,x\nu,p,1\nv,q,2\n")
    contents = read(file, id="name", label="kind")
    assert list(contents.ids) == ["u", "v"]
    assert contents.classes == ("p", "q")
    assert vectors(contents) == [[1], [2]]


def test_ids_are_numbers_and_labels_unknown_without_their_columns(tmp_path):
    contents = read(write(tmp_path, "x,y\n1,2\n3,4\n"), classes=("yes", "no"))
    assert list(contents.ids) == ["0", "1"]
    assert contents.truth is None
    assert vectors(contents) == [[1, 2], [3, 4]]


def test_quotes_blank_lines_and_a_byte_order_mark_are_read(tmp_path):
    contents = read(write(tmp_path, '\ufeff"label",x\r\n"a, b",1\r\n\r\nc,2\r\n'))
    assert contents.classes == ("a, b", "c")
    assert vectors(contents) == [[1], [2]]


def test_a_long_file_is_read_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(vector_csv, "CELLS_AT_A_TIME", 9)
    rows = [f"{number % 2},{number},{number / 8}" for number in range(20)]
    contents = read(write(tmp_path, "\n".join(["label,x,y", *rows])))
    assert vectors(contents) == [[number, number / 8] for number in range(20)]
    assert list(contents.ids) == [str(number) for number in range(20)]


def test_whole_numbers_as_class_names_are_sorted_by_value(tmp_path):
    contents = read(write(tmp_path, "label,x\n10,1\n9,2\nother,3\n"))
    assert contents.classes == ("9", "10", "other")
    assert read(write(tmp_path, "label,x\n1,1\n0,2\n"), classes=("1", "0", "2")).classes == ("1", "0", "2")


def test_values_of_a_regression(tmp_path):
    contents = read(write(tmp_path, "label,x\n0.5,1\n,2\n-3,3\n"), task="regression")
    assert contents.classes == ()
    np.testing.assert_array_equal(contents.truth, [0.5, np.nan, -3])
    npz = save(tmp_path, vectors=[[1.0], [2.0]], labels=np.array([1.5, np.nan]))
    np.testing.assert_array_equal(read(npz, task="regression").truth, [1.5, np.nan])
    assert read(save(tmp_path, vectors=[[1.0]]), task="regression").truth is None


def test_an_npz_file_has_arrays(tmp_path):
    file = save(tmp_path, vectors=np.eye(3), labels=["dog", "", "cat"], ids=["a", "b", "c"])
    contents = read(file)
    assert list(contents.ids) == ["a", "b", "c"]
    assert contents.classes == ("cat", "dog")
    assert contents.truth is not None
    assert contents.truth.tolist() == [1, -1, 0]
    assert vectors(contents) == np.eye(3).tolist()


def test_an_npz_file_with_numbers_and_other_names(tmp_path):
    contents = read(save(tmp_path, X=np.arange(4).reshape(2, 2), y=[10, 9]), vectors="X", label="y")
    assert list(contents.ids) == ["0", "1"]
    assert contents.classes == ("9", "10")
    assert contents.truth is not None
    assert contents.truth.tolist() == [1, 0]
    assert vectors(contents) == [[0, 1], [2, 3]]


def test_a_test_split(tmp_path):
    write(tmp_path, "x,label\n5,dog\n6,cat\n", "test.csv")
    contents = read(write(tmp_path, "x,label\n1,cat\n2,dog\n"), test=str(tmp_path / "test.csv"))
    assert contents.test is not None
    assert contents.test.truth.tolist() == [1, 0]
    assert isinstance(contents.test.content, VectorItems)
    assert contents.test.content.vectors.tolist() == [[5], [6]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,label\n5,bird\n", ", line 2: the class 'bird' is not one of cat, dog"),
        ("x,label\n5,\n", ", line 2: the label is missing; the test split needs all of them"),
        ("x\n5\n", " has no labels; the test split needs the label of each item"),
        ("y,label\n5,cat\n", " has the columns y, but "),
    ],
)
def test_an_unusable_test_split_is_refused(tmp_path, text, message):
    table, test = write(tmp_path, "x,label\n1,cat\n2,dog\n"), write(tmp_path, text, "test.csv")
    with pytest.raises(ProjectError) as refused:
        read(table, test=str(test))
    assert str(refused.value).startswith(f"{test}{message}")


def test_a_relative_path_is_below_the_folder_of_data_sets(tmp_path):
    write(tmp_path, TABLE)
    assert len(read("table.csv", tmp_path).ids) == 3


def test_missing_files_are_reported(tmp_path):
    with pytest.raises(DatasetMissing, match=r"there is no file .*missing\.csv"):
        read(tmp_path / "missing.csv")
    with pytest.raises(DatasetMissing, match="there is no file"):
        read(tmp_path)
    with pytest.raises(DatasetMissing, match="has no rows"):
        read(write(tmp_path, "x,label\n"))
    with pytest.raises(DatasetMissing, match=r"there is no file .*missing\.csv"):
        read(write(tmp_path, TABLE), test=str(tmp_path / "missing.csv"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y,label\n1,2,a\n3,four,b\n", ", line 3, column 'y': 'four' is not a number"),
        ("x,label\n1,a\n,b\n", ", line 3, column 'x': '' is not a number"),
        ("x,y,label\n1,2,a\n3,b\n", ", line 3: 2 columns instead of 3"),
        ("x,label\n1,a\nnan,b\n", ", line 3, column 'x': the number is NaN, infinite, or too large"),
        ("x,label\n1,a\n\n-inf,b\n", ", line 4, column 'x': the number is NaN, infinite, or too large"),
        ("x,label\n1,a\n1e39,b\n", ", line 3, column 'x': the number is NaN, infinite, or too large"),
        ("id,x,label\nq,1,a\np,1,a\nq,2,b\n", ", line 4: the id 'q' is also that of line 2"),
        ("id,x,label\n,1,a\n", ", line 2: the id is empty"),
        ("", " is empty; its first line must name the columns"),
        ("1,2\n3,4\n", ", line 1: the first line must name the columns, but has numbers only"),
        ("x,x,label\n1,2,a\n", ", line 1: there are several columns 'x'"),
        ("id,label\n1,a\n", " has no column of numbers; its columns are id, label"),
        ("x\n1\n", " has no labels, so its classes must be named: classes = [...] in [dataset]"),
        ("x,label\n1,a\n2,a\n", " has only one class, 'a'; name the others too: classes = [...]"),
        ('x,label\n1,"a\n', ", line 2: unexpected end of data"),
    ],
)
def test_faults_of_a_csv_file_are_named_with_their_place(tmp_path, text, message):
    assert refusal(write(tmp_path, text)) == message


def test_faults_that_depend_on_parameters(tmp_path):
    file = write(tmp_path, TABLE)
    assert refusal(file, label="class") == " has no column 'class'; valid: id, x, label, y"
    assert refusal(file, id="Id") == " has no column 'Id'; valid: id, x, label, y"
    assert refusal(file, classes=("cat", "cow")) == ", line 4: the class 'dog' is not one of cat, cow"
    assert refusal(file, task="regression").startswith(", line 2, column 'label': 'cat' is not a finite number")
    with pytest.raises(ProjectError, match="`classes` names a class twice: cat, cat"):
        read(file, classes=("cat", "cat"))
    with pytest.raises(ValueError, match="a regression has no classes"):
        VectorsParameters("table.csv", task="regression", classes=("a", "b"))


def test_bytes_that_are_not_utf8_are_refused(tmp_path):
    file = tmp_path / "table.csv"
    file.write_bytes(b"x,label\n1,\xff\n")
    assert refusal(file).startswith(" is not UTF-8")


def test_other_files_are_refused(tmp_path):
    assert refusal(write(tmp_path, TABLE, "table.txt")) == " is neither a .csv nor an .npz file"
    assert refusal(write(tmp_path, TABLE, "table.npz")).startswith(" is no .npz file of plain arrays")
    np.save(tmp_path / "one.npy", np.eye(2))
    single = (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    assert refusal(single).startswith(" is no .npz file of plain arrays")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.eye(2)}, " has no array 'vectors'; valid: x"),
        ({"vectors": np.arange(3)}, ": the array 'vectors' must hold real numbers (n, d), not int64 (3,)"),
        ({"vectors": np.array([["a"]])}, ": the array 'vectors' must hold real numbers (n, d), not <U1 (1, 1)"),
        ({"vectors": np.eye(2) * 1j}, ": the array 'vectors' must hold real numbers (n, d), not complex128 (2, 2)"),
        ({"vectors": np.empty((2, 0))}, ": the array 'vectors' must hold real numbers (n, d), not float64 (2, 0)"),
        ({"vectors": [[1, 2], [3, np.nan]]}, ", row 1, column '1': the number is NaN, infinite, or too large"),
        (
            {"vectors": np.eye(2), "labels": ["a"]},
            ": the array 'labels' must hold 2 texts or whole numbers, not <U1 (1,)",
        ),
        (
            {"vectors": np.eye(2), "labels": [0.5, 1]},
            ": the array 'labels' must hold 2 texts or whole numbers, not float64 (2,)",
        ),
        ({"vectors": np.eye(2), "labels": [0, 1], "ids": [7, 7]}, ", row 1: the id '7' is also that of row 0"),
    ],
)
def test_faults_of_an_npz_file_are_named(tmp_path, arrays, message):
    assert refusal(save(tmp_path, **arrays)) == message


def test_values_in_an_npz_file_must_be_finite(tmp_path):
    file = save(tmp_path, vectors=np.eye(2), labels=[1.0, np.inf])
    assert "must hold 2 numbers, NaN where the value is unknown" in refusal(file, task="regression")


def test_objects_are_never_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    objects = np.empty(2, object)
    objects[:] = [Trap(), Trap()]
    np.savez(tmp_path / "table.npz", vectors=np.eye(2), labels=objects, allow_pickle=True)
    assert refusal(tmp_path / "table.npz").startswith(
        " is no .npz file of plain arrays: Object arrays cannot be loaded"
    )
    assert not (tmp_path / "sprung").exists()
