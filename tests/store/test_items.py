from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from nextlabel.store import items, projects
from nextlabel.store.items import ItemRow, NewItem

pytestmark = pytest.mark.slow


def new(id_: str) -> NewItem:
    return NewItem(id_, "upload", f"{id_}.png", "image/png", id_.endswith("h"))


@pytest.fixture
def empty(database):
    with database.write() as c:
        projects.create(c, projects.ProjectRow("p", "classification", ("a",), True, False, 1.0))
        projects.create(c, projects.ProjectRow("q", "classification", ("a",), True, False, 1.0))
    return database


def test_positions_are_dense_and_stable(empty):
    with empty.write() as c:
        assert items.add(c, "p", [new("b"), new("a"), new("b")], 1.0) == [0, 1, 0]
        assert items.add(c, "p", [new("c"), new("a"), new("dh"), new("c")], 2.0) == [2, 1, 3, 2]
        assert items.add(c, "q", [new("c")], 3.0) == [0]
        assert items.add(c, "p", [], 4.0) == []
    with empty.read() as c:
        assert items.count(c, "p") == 4
        assert items.count(c, "nobody") == 0
        page = items.page(c, "p", -1, 10)
    assert [(row.position, row.id, row.added) for row in page] == [
        (0, "b", 1.0),
        (1, "a", 1.0),
        (2, "c", 2.0),
        (3, "dh", 2.0),
    ]
    assert page[3] == ItemRow(3, "dh", "upload", "dh.png", "image/png", True, 2.0)
    assert page[0].holdout is False


def test_an_existing_item_keeps_its_row(empty):
    with empty.write() as c:
        items.add(c, "p", [NewItem("x", "array", None, None, True)], 1.0)
        items.add(c, "p", [NewItem("x", "upload", "y", "image/png", False)], 2.0)
        assert items.page(c, "p", -1, 9) == [ItemRow(0, "x", "array", None, None, True, 1.0)]


def test_pages_follow_one_another(empty):
    with empty.write() as c:
        items.add(c, "p", [new(str(i)) for i in range(25)], 1.0)
    seen, after = [], -1
    with empty.read() as c:
        while page := items.page(c, "p", after, 10):
            seen += page
            after = page[-1].position
    assert [row.position for row in seen] == list(range(25))


def test_lookups_leave_out_unknown_items(empty):
    with empty.write() as c:
        items.add(c, "p", [new("a"), new("b")], 1.0)
        assert items.by_ids(c, "p", ["b", "nobody"]).keys() == {"b"}
        assert items.by_ids(c, "p", ["b"])["b"].position == 1
        assert items.by_positions(c, "p", [1, 7]).keys() == {1}
        assert items.by_ids(c, "p", []) == items.by_positions(c, "p", []) == {}
        assert items.by_ids(c, "q", ["a"]) == {}


def test_a_hundred_thousand_items_are_stored_and_read(empty):
    rows = [NewItem(str(i), "array", None, None, False) for i in range(100_000)]
    begin = time.process_time()
    with empty.write() as c:
        assert items.add(c, "p", rows, 1.0) == list(range(100_000))
    with empty.write() as c:
        assert items.add(c, "p", [*rows[::-1], new("late")], 1.0) == [*range(99_999, -1, -1), 100_000]
        assert len(items.by_ids(c, "p", [row.id for row in rows])) == 100_000
        assert len(items.by_positions(c, "p", range(100_000))) == 100_000
    assert time.process_time() - begin < 10  # 1.5 s on a quiet core


def test_ids_are_looked_up_in_their_index(sqlite_url, opened):
    database = opened(sqlite_url)
    database.migrate()
    statements = []
    with database.write() as c:
        projects.create(c, projects.ProjectRow("p", "classification", ("a",), True, False, 1.0))
        items.add(c, "p", [new(str(i)) for i in range(1000)], 1.0)

        @event.listens_for(c, "before_cursor_execute")
        def note(connection, cursor, statement, parameters, *_):
            statements.append((statement, parameters))

        assert len(items.by_ids(c, "p", [str(i) for i in range(100)])) == 100
        assert items.add(c, "p", [new("3"), new("late"), new("4"), new("5"), new("6"), new("7")], 1.0)[:2] == [3, 1000]
        plans = [
            " ".join(row[3] for row in c.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters))
            for statement, parameters in list(statements)
            if "json_each" in statement
        ]
    assert len(plans) == 2
    assert all("SEARCH items USING INDEX ix_items_id (project=? AND id=?)" in plan for plan in plans)


@pytest.mark.parametrize("odd", ['"', "\\", "é", "\U0001f600", "[1]", "a,b", "\n", "'"])
def test_ids_of_any_text_are_found(empty, odd):
    with empty.write() as c:
        items.add(c, "p", [new(odd)], 1.0)
        assert items.by_ids(c, "p", [odd, "a"]).keys() == {odd}
        assert items.get(c, "p", odd).id == odd


def test_the_hold_out_by_position(empty):
    with empty.write() as c:
        items.add(c, "p", [new(name) for name in ("a", "bh", "c", "dh", "e")], 1.0)
        assert items.holdout_flags(c, "p", 0).tolist() == [False, True, False, True, False]
        assert items.holdout_flags(c, "p", 3).tolist() == [True, False]
        assert items.holdout_flags(c, "p", 5).tolist() == items.holdout_flags(c, "p", 9).tolist() == []


def test_paths_are_those_of_files_and_uploads(empty):
    with empty.write() as c:
        items.add(c, "p", [NewItem("x", "array", None, None, False), new("a"), new("b")], 1.0)
        assert items.paths(c, "p", 2) == ["a.png"]
        assert items.paths(c, "p", 3) == ["a.png", "b.png"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.text("abc", min_size=1, max_size=2), max_size=6), max_size=5))
def test_positions_follow_the_first_occurrence_of_an_id(empty, arrivals):
    order: list[str] = []
    with empty.write() as c:
        nested = c.begin_nested()
        for ids in arrivals:
            order += [id_ for id_ in dict.fromkeys(ids) if id_ not in order]
            assert items.add(c, "p", [new(id_) for id_ in ids], 1.0) == [order.index(id_) for id_ in ids]
        assert [row.id for row in items.page(c, "p", -1, 99)] == order
        nested.rollback()


@pytest.mark.parametrize(
    ("text", "found"), [("B", [1, 2]), ("%", [3]), ("a_b", [2]), ("\\", [3]), ("'", [4]), ("none", []), ("Ü", [5])]
)
def test_items_are_found_by_a_part_of_their_id_in_any_case(empty, text, found):
    ids = ("", "aB", "a_bc", "50%\\", "it's", "Ü")
    with empty.write() as c:
        items.add(c, "p", [new(id_) for id_ in ids], 1.0)
        items.add(c, "q", [new("b")], 1.0)
    with empty.read() as c:
        assert items.with_text_in_id(c, "p", text).tolist() == found
