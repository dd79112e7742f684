"""Labels are appended in order and never lost once a write has ended."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nextlabel.contracts.errors import Conflict, NotFound, Unprocessable
from nextlabel.store import items, labels, projects
from nextlabel.store.labels import DATASET, Label, LabelEvent, StoredLabel, Submission

APPEND = """
    import sys
    from nextlabel.store import labels
    from nextlabel.store.database import Database
    from nextlabel.store.labels import Label, LabelEvent

    url, who, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    database = Database(url)
    print("ready", flush=True)
    sys.stdin.readline()
    for i in range(count):
        with database.write() as c:
            event = LabelEvent(f"item{i % 8}", who, Label(candidates=("a",)), float(i), f"{who}{i}")
            last = labels.append(c, "p", [event] * 2)
            labels.record_submission(c, "p", f"{who}{i}", "digest", 2, float(i))
        print(last, flush=True)
    database.dispose()
"""


def skips(count: int, annotator: str = "ann", item: str | None = None) -> list[LabelEvent]:
    """Return skips of one item, or of the eight items in turn."""
    return [LabelEvent(item or f"item{i % 8}", annotator, Label(skip=True), 1.0) for i in range(count)]


def test_labels_are_read_as_they_were_appended(database, project):
    events = [
        LabelEvent("item2", "ann", Label(candidates=("a", 'ü, "x"')), 9.5, "k", "p-1"),
        LabelEvent("item1", "bob", Label(value=0.1), 1.25),
        LabelEvent("item0", "ann", Label(skip=True), 5.5, "k"),
        LabelEvent("item2", "ann", Label(retract=True), 3.0),
        LabelEvent("item2", "bob", Label(candidates=("a", 'ü, "x"')), 6.5),
    ]
    with database.write() as c:
        assert labels.append(c, project, events[:4]) == 4
        assert labels.append(c, project, events[4:], {"item2": 2, "item3": 3}) == 5
        assert labels.append(c, project, []) == 5
    with database.read() as c:
        positions = [2, 1, 0, 2, 2]
        assert labels.since(c, project, 0) == list(map(StoredLabel, range(1, 6), positions, events))
        assert [stored.id for stored in labels.since(c, project, 1, until=4)] == [2, 3, 4]
        assert [stored.id for stored in labels.since(c, project, 1, until=4, limit=2)] == [2, 3]
        assert [stored.id for stored in labels.of_item(c, project, 2)] == [1, 4, 5]
        assert labels.of_item(c, project, 5) == []
        by_item = labels.of_items(c, project, [2, 1, 3], until=4)
    assert {position: [stored.id for stored in history] for position, history in by_item.items()} == {2: [1, 4], 1: [2]}


def test_numpy_numbers_are_stored_as_plain_ones(database, project):
    event = LabelEvent("item3", "ann", Label(value=np.float32(0.5)), 1.0)
    with database.write() as c:
        labels.append(c, project, [event], {"item3": np.int64(3)})
        (stored,) = labels.since(c, project, 0)
    assert (stored.position, stored.event.label.value) == (3, 0.5)


def test_each_project_has_its_own_ids(database, project):
    with database.write() as c:
        projects.create(c, projects.ProjectRow("q", "classification", ("a",), True, False, 1.0))
        items.add(c, "q", [items.NewItem("x", "array", None, None, False)], 1.0)
        assert labels.append(c, project, skips(2)) == 2
        assert labels.append(c, "q", skips(1, item="x")) == 1
        assert labels.append(c, project, skips(1)) == 3
        assert labels.last(c, project) == 3
        assert labels.last(c, "unknown") == 0


def test_labels_of_the_data_set_are_not_counted(database, project):
    with database.write() as c:
        labels.append(c, project, skips(5, DATASET))
        labels.append(c, project, skips(3))
        assert labels.count(c, project) == 3
        assert labels.count(c, project, after=6) == 2
        assert labels.count(c, project, after=8) == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, "exactly one of"),
        ({"candidates": ("a",), "value": 1.0}, "exactly one of"),
        ({"candidates": ("a",), "skip": True}, "exactly one of"),
        ({"value": 1.0, "retract": True}, "exactly one of"),
        ({"skip": True, "retract": True}, "exactly one of"),
        ({"candidates": ()}, "at least one class"),
        ({"candidates": ("a", "b", "a")}, "twice"),
        ({"value": float("nan")}, "finite"),
        ({"value": float("inf")}, "finite"),
    ],
)
def test_an_invalid_label_cannot_be_created(content, reason):
    with pytest.raises(Unprocessable, match=reason):
        Label(**content)


def test_a_label_knows_its_kind():
    all_kinds = [Label(candidates=("a",)), Label(value=0.0), Label(skip=True), Label(retract=True)]
    assert [label.kind for label in all_kinds] == ["candidates", "value", "skip", "retract"]


@pytest.mark.parametrize("positions", [None, {"item0": 0, "missing": 8}, {"item0": 0, "missing": 10_000}])
def test_a_label_for_a_missing_item_stores_nothing(database, project, positions):
    for name, item in ((project, "missing"), ("unknown", "item0")):
        with pytest.raises(NotFound, match=name), database.write() as c:
            labels.append(c, name, [*skips(1), *skips(1, item=item)], positions)
    with database.read() as c:
        assert labels.last(c, project) == 0


def test_a_submission_is_stored_under_its_key(database, project):
    with database.write() as c:
        assert labels.submission(c, project, "k") is None
        labels.record_submission(c, project, "k", "digest", 3, 1.0)
    with database.read() as c:
        assert labels.submission(c, project, "k") == Submission("digest", 3)
        assert labels.submission(c, project, "other") is None


def test_a_repeated_key_rolls_the_labels_back(database, project):
    with database.write() as c:
        labels.record_submission(c, project, "k", "digest", 1, 1.0)

    def again() -> None:
        with database.write() as c:
            labels.append(c, project, skips(1))
            labels.record_submission(c, project, "k", "digest", 1, 2.0)

    with pytest.raises(Conflict, match="'k'"):
        again()
    with database.read() as c:
        assert labels.last(c, project) == 0


def test_pages_hold_the_history_as_it_was_at_the_start(database, project):
    with database.write() as c:
        labels.append(c, project, skips(25))
    pages = labels.pages(database, project, size=10)
    first = next(pages)
    with database.write() as c:
        labels.append(c, project, skips(1, "bob"))
    rest = list(pages)
    assert [len(page) for page in (first, *rest)] == [10, 10, 5]
    assert [row.id for page in (first, *rest) for row in page] == list(range(1, 26))
    assert list(labels.pages(database, "unknown")) == []


def test_no_transaction_is_open_between_pages(sqlite_url, opened):
    database = opened(sqlite_url)
    database.migrate()
    with database.write() as c:
        projects.create(c, projects.ProjectRow("p", "classification", ("a",), True, False, 1.0))
        items.add(c, "p", [items.NewItem("x", "array", None, None, False)], 1.0)
        labels.append(c, "p", skips(30, item="x"))
    for _ in itertools.islice(labels.pages(database, "p", size=10), 2):
        with database.write() as c:
            labels.append(c, "p", skips(1, "bob", "x"))
        with database._engines().writer.connect() as c:
            c.rollback()
            raw = c.connection.driver_connection
            # a reader in the way would leave frames of the log behind
            busy, log, done = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            assert (busy, log, done) == (0, 0, 0)


@pytest.mark.slow
def test_concurrent_processes_lose_no_labels(url, database, project, start):
    children = [start(APPEND, url, f"w{i}", 15) for i in range(4)]
    assert [child.line() for child in children] == ["ready"] * 4
    for child in children:
        child.say()
    reported = sorted(int(line) for child in children for line in child.end())
    assert reported == list(range(2, 121, 2))
    with database.read() as c:
        rows = labels.since(c, project, 0)
    assert [row.id for row in rows] == list(range(1, 121))
    for i in range(4):
        keys = [row.event.key for row in rows if row.event.annotator == f"w{i}"]
        assert keys == [f"w{i}{n}" for n in range(15) for _ in range(2)]  # in order, both of each


@pytest.mark.slow
@pytest.mark.parametrize("after", [0, 1, 7, 40])
def test_every_reported_label_survives_kill_9(url, database, project, start, after):
    children = [start(APPEND, url, f"w{i}", 10_000) for i in range(2)]
    assert [child.line() for child in children] == ["ready"] * 2
    for child in children:
        child.say()
    reported = [int(children[0].line()) for _ in range(after)]
    for child in children:
        reported += [int(line) for line in child.kill()]
    with database.read() as c:
        rows = labels.since(c, project, 0)
        keys = {row.event.key for row in rows}
        assert all(labels.submission(c, project, key) == Submission("digest", 2) for key in keys)
    ids = [row.id for row in rows]
    assert ids == list(range(1, len(ids) + 1))
    assert set(reported) <= set(ids)
    assert len(ids) == 2 * len(keys)  # all or nothing
    with database.write() as c:
        assert labels.append(c, project, skips(1)) == len(ids) + 1


@pytest.mark.slow
def test_sixty_thousand_labels_are_stored_and_read(database, project):
    some = [("a",), ("a", "b"), ("c",)]
    with database.write() as c:
        events = [LabelEvent(f"item{i % 8}", DATASET, Label(candidates=some[i % 3]), 1.0) for i in range(60_000)]
        assert labels.append(c, project, events) == 60_000
    with database.read() as c:
        history = labels.since(c, project, 0)
    assert [stored.event for stored in history] == events
    assert len({id(stored.event.label) for stored in history}) == 3  # each label is decoded once
