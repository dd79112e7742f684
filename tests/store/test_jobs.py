"""Jobs: the table is the queue."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sqlalchemy as sa

from nextlabel.contracts.errors import Conflict, NotFound
from nextlabel.store import jobs
from nextlabel.store.jobs import JobRow
from nextlabel.store.schema import jobs as table

CLAIM = """
    import sys
    from nextlabel.store import jobs
    from nextlabel.store.database import Database

    database = Database(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    while True:
        with database.write() as c:
            job = jobs.claim(c, sys.argv[2], ["train", "score"], 2.0)
        if job is None:
            break
        print(job.id, flush=True)
    database.dispose()
"""
QUEUE = """
    import sys
    from nextlabel.contracts.errors import Conflict
    from nextlabel.store import jobs
    from nextlabel.store.database import Database

    database = Database(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        with database.write() as c:
            print(jobs.queue(c, "p", "train", {}, 1.0))
    except Conflict as error:
        print(error)
    database.dispose()
"""
KINDS = ["import", "train", "score", "evaluate"]


def test_a_job_is_queued_claimed_reported_and_finished(database):
    with database.write() as c:
        id_ = jobs.queue(c, "p", "train", {"epochs": 3}, 1.0)
        queued = JobRow(id_, "p", "train", "queued", 0.0, {}, None, {"epochs": 3}, 1.0, None, None, None, False)
        assert jobs.get(c, id_) == queued
        assert jobs.active(c, "p", "train") == queued
    assert [row.state for row in jobs.unfinished(database)] == ["queued"]
    with database.write() as c:
        running = jobs.claim(c, "w", KINDS, 2.0)
        assert running == JobRow(id_, "p", "train", "running", 0.0, {}, None, {"epochs": 3}, 1.0, 2.0, None, "w", False)
    assert [(row.id, row.state, row.owner) for row in jobs.unfinished(database)] == [(id_, "running", "w")]
    with database.write() as c:
        assert jobs.claim(c, "w", KINDS, 2.0) is None
        assert jobs.report(c, id_, "w", 0.5, {"loss": np.float32(0.25), "bad": math.nan})
        assert jobs.active(c, "p", "train").progress == 0.5
        assert jobs.finish(c, id_, "w", "succeeded", 3.0)
        ended = jobs.get(c, id_)
        assert jobs.active(c, "p", "train") is None
    assert (ended.state, ended.progress, ended.metrics, ended.finished) == ("succeeded", 1.0, {"loss": 0.25}, 3.0)


def test_a_failed_job_keeps_its_reason_and_progress(database):
    with database.write() as c:
        id_ = jobs.queue(c, "p", "score", {}, 1.0)
        jobs.claim(c, "w", KINDS, 2.0)
        jobs.report(c, id_, "w", 0.5, {"loss": 1.0})
        assert jobs.finish(c, id_, "w", "failed", 3.0, metrics={"loss": 2.0}, error="out of paper")
        ended = jobs.get(c, id_)
    assert (ended.state, ended.progress, ended.metrics, ended.error) == ("failed", 0.5, {"loss": 2.0}, "out of paper")


def test_a_project_trains_once_at_a_time(database):
    with database.write() as c:
        first = jobs.queue(c, "p", "train", {}, 1.0)
        jobs.queue(c, "q", "train", {}, 1.0)
        assert jobs.queue(c, "p", "score", {}, 1.0) != jobs.queue(c, "p", "score", {}, 1.0)
        with pytest.raises(Conflict, match=f"job {first} is queued"):
            jobs.queue(c, "p", "train", {}, 1.0)
        jobs.claim(c, "w", ["train"], 2.0)
        with pytest.raises(Conflict, match=f"job {first} is running"):
            jobs.queue(c, "p", "train", {}, 1.0)
        jobs.finish(c, first, "w", "failed", 3.0)
        assert jobs.queue(c, "p", "train", {}, 4.0) > first


def test_the_index_refuses_a_second_training(database):
    row = {
        "project": "p",
        "kind": "train",
        "progress": 0,
        "metrics": {},
        "parameters": {},
        "created": 1,
        "cancel": False,
    }
    with database.write() as c:
        c.execute(sa.insert(table), [{**row, "state": "succeeded"}, {**row, "state": "running"}])
    with pytest.raises(sa.exc.IntegrityError), database.write() as c:
        c.execute(sa.insert(table), {**row, "state": "queued"})


@pytest.mark.slow
def test_only_one_of_several_processes_queues_a_training(url, database, start):
    children = [start(QUEUE, url) for _ in range(3)]
    assert [child.line() for child in children] == ["ready"] * 3
    for child in children:
        child.say()
    answers = sorted(line for child in children for line in child.end())
    assert answers[0] == "1"
    assert answers[1:] == ["project 'p' already trains: job 1 is queued"] * 2


@pytest.mark.slow
def test_a_job_is_claimed_by_one_process(url, database, start):
    with database.write() as c:
        ids = [jobs.queue(c, f"p{i}", "train" if i % 2 else "score", {}, 1.0) for i in range(30)]
    children = [start(CLAIM, url, f"w{i}") for i in range(3)]
    assert [child.line() for child in children] == ["ready"] * 3
    for child in children:
        child.say()
    claimed = [[int(line) for line in child.end()] for child in children]
    assert sorted(id_ for mine in claimed for id_ in mine) == ids
    assert all(mine == sorted(mine) for mine in claimed)  # oldest first


def test_the_oldest_job_of_the_kinds_is_claimed(database):
    with database.write() as c:
        for kind in ("train", "score", "import"):
            jobs.queue(c, "p", kind, {}, 1.0)
        assert jobs.claim(c, "w", ["import", "score"], 2.0).kind == "score"
        assert jobs.claim(c, "w", ["evaluate"], 2.0) is None


def test_only_jobs_of_the_given_projects_are_claimed(database):
    with database.write() as c:
        for project in ("p", "q"):
            jobs.queue(c, project, "train", {}, 1.0)
        assert jobs.claim(c, "w", ["train"], 2.0, ["q", "r"]).project == "q"
        assert jobs.claim(c, "w", ["train"], 2.0, ["q", "r"]) is None
        assert jobs.claim(c, "w", ["train"], 2.0).project == "p"


def test_only_its_owner_reports_and_finishes_a_running_job(database):
    with database.write() as c:
        id_ = jobs.queue(c, "p", "train", {}, 1.0)
        assert not jobs.report(c, id_, "w", 0.5, {})
        assert not jobs.finish(c, id_, "w", "succeeded", 2.0)
        jobs.claim(c, "w", KINDS, 2.0)
        assert not jobs.report(c, id_, "other", 0.5, {})
        assert not jobs.finish(c, id_, "other", "succeeded", 3.0)
        assert jobs.finish(c, id_, "w", "succeeded", 3.0)
        assert not jobs.finish(c, id_, "w", "failed", 4.0)
        assert not jobs.report(c, id_, "w", 0.5, {})
        assert jobs.get(c, id_).state == "succeeded"


def test_cancelling_queued_running_and_ended_jobs(database):
    with database.write() as c:
        queued, running, ended = (jobs.queue(c, p, "train", {}, 1.0) for p in "abc")
        for id_ in (queued, running, ended):
            if id_ != queued:
                c.execute(sa.update(table).where(table.c.id == id_).values(state="running", owner="w"))
        jobs.finish(c, ended, "w", "succeeded", 2.0)
        row = jobs.request_cancel(c, queued, 3.0)
        assert (row.state, row.finished) == ("cancelled", 3.0)
        row = jobs.request_cancel(c, running, 3.0)
        assert (row.state, row.cancel, row.finished) == ("running", True, None)
        before = jobs.get(c, ended)
        assert jobs.request_cancel(c, ended, 3.0) == before
        with pytest.raises(NotFound, match="99"):
            jobs.request_cancel(c, 99, 3.0)
        assert not jobs.report(c, running, "w", 0.9, {})  # stop
        assert jobs.finish(c, running, "w", "cancelled", 4.0)
        assert jobs.queue(c, "a", "train", {}, 5.0) > ended


def test_orphans_are_interrupted_and_can_run_again(database):
    with database.write() as c:
        for project in "abc":
            jobs.queue(c, project, "train", {}, 1.0)
        jobs.claim(c, "old", KINDS, 2.0)
        jobs.claim(c, "new", KINDS, 2.0)
        assert jobs.interrupt_orphans(c, "new", 3.0) == 1
        assert jobs.interrupt_orphans(c, "new", 3.0) == 0
        assert [row.state for row in jobs.page(c, None, 9)] == ["queued", "running", "interrupted"]
        orphan = jobs.get(c, 1)
        assert orphan.finished == 3.0
        assert "has ended" in orphan.error
        jobs.queue(c, "a", "train", {}, 4.0)


def test_choices_are_apart_from_other_jobs(database):
    with database.write() as c:
        for kind, parameters in (
            ("score", {}), ("score", {"choose": {"size": 1}}), ("train", {}), ("score", {"choose": {"replay": "q"}}),
            ("score", {"needs": ["std"]}),
        ):  # fmt: skip
            jobs.queue(c, "p", kind, parameters, 1.0)
        jobs.queue(c, "q", "score", {"choose": {}}, 1.0)
        assert [row.id for row in jobs.choices(c, "p")] == [4, 2]
        assert [row.id for row in jobs.latest(c, "p", "score", 9)] == [5, 1]
        assert [row.id for row in jobs.latest(c, "p", "score", 1)] == [5]
        assert [row.id for row in jobs.latest(c, "p", "train", 9)] == [3]
        assert [row.id for row in jobs.all_active(c, "p", "score")] == [1, 2, 4, 5]
        jobs.remove(c, [2, 4])
        assert [row.id for row in jobs.page(c, "p", 9)] == [5, 3, 1]


def test_pages_are_newest_first(database):
    with database.write() as c:
        for i in range(6):
            jobs.queue(c, "pq"[i % 2], "score", {}, 1.0)
    with database.read() as c:
        assert [row.id for row in jobs.page(c, None, 4)] == [6, 5, 4, 3]
        assert [row.id for row in jobs.page(c, None, 4, before=3)] == [2, 1]
        assert [row.id for row in jobs.page(c, "q", 2)] == [6, 4]
        assert jobs.get(c, 99) is None
