from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nextlabel.contracts.errors import Conflict
from nextlabel.store import checkpoints, jobs
from nextlabel.store.checkpoints import CheckpointRow, ScoringRow

ROW = CheckpointRow("p", "p-1", 1, None, 1.5, {"accuracy": 0.9}, {"input": [8, 8]}, "first", "checkpoints/p/p-1", True)


def test_checkpoints_are_returned_in_order(database, project):
    with database.write() as c:
        assert checkpoints.next_number(c, project) == 1
        job = jobs.queue(c, project, "train", {}, 1.0)
        second = replace(ROW, name="a", number=2, job=job, promoted=False)
        checkpoints.insert(c, second)
        checkpoints.insert(c, ROW)
        assert checkpoints.next_number(c, project) == 3
        assert checkpoints.next_number(c, "other") == 1
    with database.read() as c:
        assert checkpoints.get(c, project, "p-1") == ROW
        assert checkpoints.get(c, project, "unknown") is None
        assert checkpoints.all(c, project) == [ROW, second]
        assert checkpoints.all(c, "other") == []


def test_infinite_metrics_are_left_out(database, project):
    with database.write() as c:
        checkpoints.insert(c, replace(ROW, metrics={"loss": math.nan, "rmse": math.inf, "accuracy": 1.0}))
        assert checkpoints.get(c, project, "p-1").metrics == {"accuracy": 1.0}


@pytest.mark.parametrize("clash", [ROW, replace(ROW, name="other"), replace(ROW, project="unknown")])
def test_insert_raises_conflict_for_a_taken_name_or_unknown_project(database, project, clash):
    with database.write() as c:
        checkpoints.insert(c, ROW)
    with pytest.raises(Conflict, match=clash.name), database.write() as c:
        checkpoints.insert(c, clash)


def test_the_newest_scoring_is_returned_and_ids_are_not_reused(database, project):
    def add(c, folder: str) -> int:
        row = ScoringRow(project, "p-1", 8, ("probabilities", "std"), folder, 2.0, 12)
        return checkpoints.insert_scoring(c, row)

    with database.write() as c:
        assert checkpoints.scoring(c, project, "p-1") is None
        one, two = add(c, "one"), add(c, "two")
        row = ScoringRow(project, "p-1", 8, ("probabilities", "std"), "two", 2.0, 12, id=two)
        assert checkpoints.scoring(c, project, "p-1") == row
        assert checkpoints.scoring_by_id(c, two) == row
        assert checkpoints.scoring_by_id(c, two + 1) is None
        assert [row.id for row in checkpoints.scorings(c, project)] == [one, two]
        checkpoints.delete_scoring(c, two)
        assert checkpoints.scoring(c, project, "p-1").id == one
        assert add(c, "three") > two
        assert checkpoints.scorings(c, "other") == []


def test_a_scoring_may_have_no_checkpoint(database, project):
    with database.write() as c:
        row = ScoringRow(project, None, 8, (), "before", 2.0, 0, {"core-set-1": ("distance",)})
        id_ = checkpoints.insert_scoring(c, row)
        assert checkpoints.scoring(c, project, "p-1") is None
        found = checkpoints.scoring(c, project, None)
        assert (found.id, found.checkpoint, found.prepared) == (id_, None, {"core-set-1": ["distance"]})
