from __future__ import annotations

from dataclasses import replace

import pytest

from nextlabel.contracts.errors import Conflict, NotFound
from nextlabel.store import projects
from nextlabel.store.projects import ProjectRow

ROW = ProjectRow("digits", "classification", ("zero", "één", 'a, "b"'), True, False, 12.5, None, 0)


def test_a_project_is_read_as_it_was_created(database):
    other = replace(ROW, name="a", task="regression", classes=(), live="a-1", queries=3)
    with database.write() as c:
        projects.create(c, ROW)
        projects.create(c, other)
    with database.read() as c:
        assert projects.get(c, "digits") == ROW
        assert projects.get(c, "nobody") is None
        assert projects.all(c) == [other, ROW]


def test_a_name_is_taken_once(database):
    with database.write() as c:
        projects.create(c, ROW)
    with pytest.raises(Conflict, match="digits"), database.write() as c:
        projects.create(c, ROW)


def test_queries_are_counted_from_one(database):
    with database.write() as c:
        projects.create(c, ROW)
        projects.create(c, replace(ROW, name="other"))
        assert [projects.next_query_number(c, "digits") for _ in range(3)] == [1, 2, 3]
        assert projects.next_query_number(c, "other") == 1
        with pytest.raises(NotFound, match="nobody"):
            projects.next_query_number(c, "nobody")


def test_the_live_checkpoint_can_be_set_and_cleared(database):
    with database.write() as c:
        projects.create(c, ROW)
        projects.set_live(c, "digits", "digits-1")
        assert projects.get(c, "digits").live == "digits-1"
        projects.set_live(c, "digits", None)
        assert projects.get(c, "digits").live is None
        with pytest.raises(NotFound, match="nobody"):
            projects.set_live(c, "nobody", "x")


def test_a_later_data_set_keeps_queries_and_live_checkpoint(database):
    with database.write() as c:
        projects.create(c, replace(ROW, known_truth=False, imported=0.0))
        projects.set_live(c, "digits", "first")
        projects.next_query_number(c, "digits")
        projects.set_dataset(c, replace(ROW, has_test=True))
        assert projects.get(c, "digits") == replace(ROW, has_test=True, live="first", queries=1)
        with pytest.raises(NotFound, match="nobody"):
            projects.set_dataset(c, replace(ROW, name="nobody"))
