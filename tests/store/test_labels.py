"""Labels: only added to, in order, and never lost once a write has ended."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nextlabel.contracts.errors import Conflict, NotFound, Unprocessable
from nextlabel.store import items, labels, projects
from nextlabel.store.labels import DATASET, LabelRow, NewLabel, Submission

APPEND = """
    import sys
    from nextlabel.store import labels
    from nextlabel.store.database import Database
    from nextlabel.store.labels import NewLabel

    url, who, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    database = Database(url)
    print("ready", flush=True)
    sys.stdin.readline()
    for i in range(count):
        with database.write() as c:
            last = labels.append(c, "p", who, [NewLabel(i % 8, "candidates", ("a",))] * 2, float(i), key=f"{who}{i}")
            labels.record_submission(c, "p", f"{who}{i}", "digest", 2, float(i))
        print(last, flush=True)
    database.dispose()
"""


def skip(position: int = 0) -> NewLabel:
    return NewLabel(position, "skip")


def test_what_is_appended_is_what_is_read(database, project):
    said = [
        NewLabel(2, "candidates", ("a", 'ü, "x"')),
        NewLabel(1, "value", value=0.1),
        NewLabel(0, "skip"),
        NewLabel(2, "retract"),
    ]
    with database.write() as c:
        assert labels.append(c, project, "ann", said, 5.5, key="k", query="p-1") == 4
        assert labels.append(c, project, "bob", said[:1], 6.5) == 5
        assert labels.append(c, project, "bob", [], 6.5) == 5
    with database.read() as c:
        assert labels.since(c, project, 0) == [
            LabelRow(1, 2, "item2", "ann", "candidates", ("a", 'ü, "x"'), None, 5.5, "k", "p-1"),
            LabelRow(2, 1, "item1", "ann", "value", None, 0.1, 5.5, "k", "p-1"),
            LabelRow(3, 0, "item0", "ann", "skip", None, None, 5.5, "k", "p-1"),
            LabelRow(4, 2, "item2", "ann", "retract", None, None, 5.5, "k", "p-1"),
            LabelRow(5, 2, "item2", "bob", "candidates", ("a", 'ü, "x"'), None, 6.5, None, None),
        ]
        assert [row.id for row in labels.since(c, project, 1, until=4)] == [2, 3, 4]
        assert [row.id for row in labels.since(c, project, 1, until=4, limit=2)] == [2, 3]
        assert [row.id for row in labels.of_item(c, project, 2)] == [1, 4, 5]
        assert labels.of_item(c, project, 5) == []


def test_numpys_numbers_are_numbers(database, project):
    with database.write() as c:
        labels.append(c, project, "ann", [NewLabel(np.int64(3), "value", value=np.float32(0.5))], 1.0)
        (row,) = labels.since(c, project, 0)
    assert (row.position, row.value) == (3, 0.5)


def test_each_project_counts_its_own(database, project):
    with database.write() as c:
        projects.create(c, projects.ProjectRow("q", "classification", ("a",), True, False, 1.0))
        items.add(c, "q", [items.NewItem("x", "array", None, None, False)], 1.0)
        assert labels.append(c, project, "ann", [skip(), skip()], 1.0) == 2
        assert labels.append(c, "q", "ann", [skip()], 1.0) == 1
        assert labels.append(c, project, "ann", [skip()], 1.0) == 3
        assert labels.last(c, project) == 3
        assert labels.last(c, "nobody") == 0


def test_the_data_sets_own_labels_are_not_counted(database, project):
    with database.write() as c:
        labels.append(c, project, DATASET, [skip(i) for i in range(5)], 1.0)
        labels.append(c, project, "ann", [skip(i) for i in range(3)], 1.0)
        assert labels.count(c, project) == 3
        assert labels.count(c, project, after=6) == 2
        assert labels.count(c, project, after=8) == 0


@pytest.mark.parametrize(
    "bad",
    [
        NewLabel(0, "candidates"),
        NewLabel(0, "candidates", ()),
        NewLabel(0, "candidates", ("a",), 1.0),
        NewLabel(0, "value"),
        NewLabel(0, "value", value=float("nan")),
        NewLabel(0, "value", value=float("inf")),
        NewLabel(0, "value", ("a",), 1.0),
        NewLabel(0, "skip", ("a",)),
        NewLabel(0, "retract", value=1.0),
        NewLabel(0, "shout"),  # type: ignore[arg-type]
    ],
)
def test_a_label_that_makes_no_sense_stores_nothing(database, project, bad):
    with pytest.raises(Unprocessable), database.write() as c:
        labels.append(c, project, "ann", [skip(), bad], 1.0)
    with database.read() as c:
        assert labels.last(c, project) == 0


def test_a_label_of_no_item_stores_nothing(database, project):
    for name, position in ((project, 8), ("nobody", 0)):
        with pytest.raises(NotFound, match=name), database.write() as c:
            labels.append(c, name, "ann", [skip(), skip(position)], 1.0)
    with database.read() as c:
        assert labels.last(c, project) == 0


def test_a_submission_is_remembered_by_its_key(database, project):
    with database.write() as c:
        assert labels.submission(c, project, "k") is None
        labels.record_submission(c, project, "k", "digest", 3, 1.0)
    with database.read() as c:
        assert labels.submission(c, project, "k") == Submission("digest", 3)
        assert labels.submission(c, project, "other") is None


def test_a_key_is_recorded_once_and_what_came_with_it_goes(database, project):
    with database.write() as c:
        labels.record_submission(c, project, "k", "digest", 1, 1.0)

    def again() -> None:
        with database.write() as c:
            labels.append(c, project, "ann", [skip()], 1.0, key="k")
            labels.record_submission(c, project, "k", "digest", 1, 2.0)

    with pytest.raises(Conflict, match="'k'"):
        again()
    with database.read() as c:
        assert labels.last(c, project) == 0


def test_pages_hold_the_history_as_it_was_at_the_start(database, project):
    with database.write() as c:
        labels.append(c, project, "ann", [skip(i % 8) for i in range(25)], 1.0)
    pages = labels.pages(database, project, size=10)
    first = next(pages)
    with database.write() as c:
        labels.append(c, project, "bob", [skip()], 2.0)
    rest = list(pages)
    assert [len(page) for page in (first, *rest)] == [10, 10, 5]
    assert [row.id for page in (first, *rest) for row in page] == list(range(1, 26))
    assert list(labels.pages(database, "nobody")) == []


def test_no_transaction_is_open_between_pages(sqlite_url, opened):
    database = opened(sqlite_url)
    database.migrate()
    with database.write() as c:
        projects.create(c, projects.ProjectRow("p", "classification", ("a",), True, False, 1.0))
        items.add(c, "p", [items.NewItem("x", "array", None, None, False)], 1.0)
        labels.append(c, "p", "ann", [skip()] * 30, 1.0)
    for _ in itertools.islice(labels.pages(database, "p", size=10), 2):
        with database.write() as c:
            labels.append(c, "p", "bob", [skip()], 2.0)
        with database._engines().writer.connect() as c:
            c.rollback()
            raw = c.connection.driver_connection
            # a reader in the way would leave frames of the log behind
            busy, log, done = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            assert (busy, log, done) == (0, 0, 0)


def test_writers_of_several_processes_lose_nothing(url, database, project, start):
    children = [start(APPEND, url, f"w{i}", 15) for i in range(4)]
    assert [child.line() for child in children] == ["ready"] * 4
    for child in children:
        child.say()
    told = sorted(int(line) for child in children for line in child.end())
    assert told == list(range(2, 121, 2))
    with database.read() as c:
        rows = labels.since(c, project, 0)
    assert [row.id for row in rows] == list(range(1, 121))
    for i in range(4):
        mine = [row.key for row in rows if row.annotator == f"w{i}"]
        assert mine == [f"w{i}{n}" for n in range(15) for _ in range(2)]  # in order, both of each


@pytest.mark.parametrize("after", [0, 1, 7, 40])
def test_every_label_told_of_outlives_kill_9(url, database, project, start, after):
    children = [start(APPEND, url, f"w{i}", 10_000) for i in range(2)]
    assert [child.line() for child in children] == ["ready"] * 2
    for child in children:
        child.say()
    told = [int(children[0].line()) for _ in range(after)]
    for child in children:
        told += [int(line) for line in child.kill()]
    with database.read() as c:
        rows = labels.since(c, project, 0)
        keys = {row.key for row in rows}
        assert all(labels.submission(c, project, key) == Submission("digest", 2) for key in keys)
    ids = [row.id for row in rows]
    assert ids == list(range(1, len(ids) + 1))
    assert set(told) <= set(ids)
    assert len(ids) == 2 * len(keys)  # all or nothing
    with database.write() as c:
        assert labels.append(c, project, "ann", [skip()], 1.0) == len(ids) + 1


def test_sixty_thousand_labels_go_in_and_come_out(database, project):
    some = [("a",), ("a", "b"), ("c",)]
    with database.write() as c:
        rows = [NewLabel(i % 8, "candidates", some[i % 3]) for i in range(60_000)]
        assert labels.append(c, project, DATASET, rows, 1.0) == 60_000
    with database.read() as c:
        back = labels.since(c, project, 0)
    assert [row.candidates for row in back] == [row.candidates for row in rows]
    assert len({id(row.candidates) for row in back}) == 3  # each set decoded once
