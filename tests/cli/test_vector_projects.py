"""Projects on a table of vectors: the example of two Gaussians, and faults that are refused with nothing stored."""

from __future__ import annotations

import runpy
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "two-gaussians"
PROJECT = """
[dataset]
plugin = "vectors"
path = "table.csv"
[learner]
plugin = "linear"
[labels]
initial = 4
holdout = 0.0
"""
TABLE = "x,y,label\n" + "".join(f"{number},{number % 3},{'low' if number < 5 else 'high'}\n" for number in range(10))


@pytest.fixture
def project(quick, tmp_path, monkeypatch):
    """Return a function that writes a project file and its table, and returns the path of the file."""
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("NEXTLABEL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("NEXTLABEL_HOME", str(tmp_path / "home"))

    def write(text=PROJECT, table=TABLE):
        (tmp_path / "heights.toml").write_text(text)
        if table is not None:
            (tmp_path / "data" / "table.csv").write_text(table)
        return str(tmp_path / "heights.toml")

    return write


def test_the_table_is_labelled_and_trained_on(shell, project):
    file = project()
    assert shell.json("train", file)["checkpoint"] == "r1"
    query = shell.json("query", file, "--size", "2", "--annotator", "ann")
    labels = [("low" if int(item["id"]) < 5 else "high") for item in query["items"]]
    for item, label in zip(query["items"], labels, strict=True):
        shell.json("label", file, item["id"], label, "--annotator", "ann")
    assert shell.json("train", file)["checkpoint"] == "r2"
    assert shell.json("predict", file, "--id", "0")["label"] == "low"


@pytest.mark.parametrize(
    ("text", "table", "message"),
    [
        (PROJECT.replace('"linear"', '"linear"\nC = 0.0'), TABLE, "C: input should be greater than 0, not 0.0"),
        (PROJECT.replace("holdout = 0.0", "holdout = 1.5"), TABLE, "holdout"),
        (PROJECT.replace("table.csv", "none.csv"), TABLE, "none.csv; put it there or correct the path"),
        (PROJECT, None, "table.csv; put it there or correct the path"),
        (PROJECT, TABLE + "ten,1,high\n", "line 12, column 'x': 'ten' is not a number"),
        (PROJECT, TABLE + "10,high\n", "line 12: 2 columns instead of 3"),
        (PROJECT, TABLE + "10,nan,high\n", "line 12, column 'y': the number is NaN, infinite, or too large"),
    ],
)
def test_faults_are_named_and_nothing_is_stored(shell, project, tmp_path, text, table, message):
    file = project(text, table)
    assert message in shell.refused("train", file)
    assert not list((tmp_path / "home").glob("pools/heights*"))
    database = tmp_path / "home" / "nextlabel.db"
    if database.exists():  # a faulty project file is refused before it is opened
        with closing(sqlite3.connect(database)) as connection:
            assert connection.execute("SELECT COUNT(*) FROM projects WHERE name = 'heights'").fetchone() == (0,)
            assert connection.execute("SELECT COUNT(*) FROM items WHERE project = 'heights'").fetchone() == (0,)


def test_the_tables_of_the_example_are_generated(tmp_path):
    table = runpy.run_path(str(EXAMPLE / "generate.py"))["table"]
    assert (EXAMPLE / "points.csv").read_text() == table(400, seed=0)
    assert (EXAMPLE / "new-points.csv").read_text() == table(2000, seed=1)


@pytest.mark.slow
def test_the_example_runs(shell, quick):
    file = str(EXAMPLE / "two-gaussians.toml")
    printed = shell.json("simulate", file, "--data", str(EXAMPLE), "--strategy", "entropy,random", "--rounds", "2")
    assert [point["labels"] for point in printed["points"]] == [4, 5, 6] * 2
    assert all(0.4 < point["metrics"]["test_accuracy"] < 0.95 for point in printed["points"])
