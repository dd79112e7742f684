"""Scoring again: more items, more needs, another live checkpoint; and how long scores are kept."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.engine import SQUARES, ToyProject, ids

from nextlabel.contracts.errors import NotReady
from nextlabel.engine.evaluation.evaluate import evaluate
from nextlabel.engine.jobs.run_job import run_job
from nextlabel.engine.scheduling import catch_up, queue_once
from nextlabel.engine.scores import open_scores
from nextlabel.store import checkpoints, items, jobs, projects
from nextlabel.store.checkpoints import ScoringRow

Make = Callable[..., ToyProject]


def scorings(project: ToyProject) -> list[ScoringRow]:
    with project.services.database.read() as connection:
        return checkpoints.scorings(connection, project.name)


def arrays(project: ToyProject) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the newest scores."""
    return {
        name: array.shape for name, array in open_scores(project.services.home.at(scorings(project)[-1].folder)).items()
    }


@pytest.fixture
def squares(make: Make) -> ToyProject:
    return make(SQUARES).bring().train()


def test_new_items_are_scored_and_the_rest_copied(squares: ToyProject, image: Callable[[int], bytes]) -> None:
    before = open_scores(squares.services.home.at(scorings(squares)[0].folder))["probabilities"].copy()
    squares.add_images([image(1), image(2), image(1)])
    assert [(job.kind, job.state, job.metrics) for job in squares.work()] == [("score", "succeeded", {"items": 32.0})]
    (scoring,) = scorings(squares)
    assert (scoring.checkpoint, scoring.rows) == ("r1", 32)
    after = open_scores(squares.services.home.at(scoring.folder))["probabilities"]
    np.testing.assert_array_equal(after[:30], before)
    np.testing.assert_allclose(after[30:].sum(axis=1), 1, atol=1e-5)
    assert len(list(squares.services.home.root.glob("scores/toy/*"))) == 1


def test_what_was_asked_for_once_is_kept_for_all_items(squares: ToyProject, image: Callable[[int], bytes]) -> None:
    with pytest.raises(NotReady):
        squares.project.queries.create(2, "toy-embedded")
    squares.work()
    squares.add_images([image(1)])
    squares.work()
    assert arrays(squares) == {"embeddings": (31, 2), "probabilities": (31, 2)}
    embeddings = open_scores(squares.services.home.at(scorings(squares)[-1].folder))["embeddings"]
    assert (embeddings[30] != 0).all()
    assert len(ids(squares.project.queries.create(2, "toy-embedded"))) == 2


def test_uploads_queue_one_job_however_many_there_are(squares: ToyProject, image: Callable[[int], bytes]) -> None:
    for number in range(5):
        squares.add_images([image(number)])
    assert len(squares.work()) == 1
    squares.add_images([image(0)])  # there already
    assert squares.work() == []


def test_items_that_come_while_others_are_scored_are_scored_too(
    squares: ToyProject, image: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The running job has looked at the pool already, so it cannot be relied on for them."""
    squares.add_images([image(0)])
    services = squares.services
    read = type(services).items

    def slow(self: object, state: object) -> object:
        found = read(self, state)  # type: ignore[arg-type]
        monkeypatch.undo()
        squares.add_images([image(1)])
        return found

    monkeypatch.setattr(type(services), "items", slow)
    assert [job.state for job in squares.work()] == ["succeeded"] * 2
    assert scorings(squares)[-1].rows == 32


def test_scores_of_one_that_is_live_no_more_are_followed_by_those_of_the_live_one(
    make: Make, image: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make(SQUARES).bring().train().train()
    project.add_images([image(0)])
    read = type(project.services).items

    def slow(self: object, state: object) -> object:
        monkeypatch.undo()
        project.project.models.promote("r1")
        return read(self, state)  # type: ignore[arg-type]

    monkeypatch.setattr(type(project.services), "items", slow)
    assert [job.state for job in project.work()] == ["succeeded"] * 2
    assert {scoring.checkpoint: scoring.rows for scoring in scorings(project)} == {"r1": 31, "r2": 31}


def test_a_cancelled_scoring_leaves_nothing(squares: ToyProject, image: Callable[[int], bytes]) -> None:
    squares.add_images([image(0)])
    (job,) = squares.engine.jobs(limit=1)
    with squares.services.database.write() as connection:
        claimed = jobs.claim(connection, "worker", ("score",), time.time())
        assert claimed is not None
        jobs.request_cancel(connection, job.job, time.time())
    run_job(squares.services, claimed)
    assert squares.engine.job(job.job).state == "cancelled"
    assert scorings(squares)[-1].rows == 30
    assert len(list(squares.services.home.root.glob("scores/toy/*"))) == 1


def test_without_a_live_checkpoint_there_is_nothing_to_score_with(blobs: ToyProject) -> None:
    queue_once(blobs.services, "toy", "score")
    (job,) = blobs.work()
    assert (job.state, job.error) == ("failed", "project 'toy' has no live checkpoint to score with")


def test_scores_that_vanished_are_computed_again(squares: ToyProject) -> None:
    shutil.rmtree(squares.services.home.at(scorings(squares)[0].folder))
    with pytest.raises(NotReady):
        squares.project.queries.create(1)
    assert [job.state for job in squares.work()] == ["succeeded"]
    assert squares.project.queries.create(1).checkpoint == "r1"


def test_a_model_of_its_pool_is_not_asked_of_what_came_later(make: Make, image: Callable[[int], bytes]) -> None:
    project = (
        make(SQUARES, name="tiny", dataset={"plugin": "toy-squares"}, learner={"plugin": "toy-whole"}).bring().train()
    )
    project.add_images([image(0)])
    assert project.work() == []
    with pytest.raises(NotReady):
        project.project.queries.create(2, "toy-embedded")
    assert [job.state for job in project.work()] == ["succeeded"]
    assert scorings(project)[-1].rows == 30
    project.train()
    assert scorings(project)[-1].rows == 31


# ------------------------------------------------------------------------------ retention


def test_scores_of_the_newest_checkpoints_and_the_live_one_are_kept(make: Make) -> None:
    project = make(settings={"keep_scores": 2}).bring().train()
    for _ in range(3):
        project.train()
        project.project.models.promote("r1")
        project.work()
    assert {scoring.checkpoint for scoring in scorings(project)} == {"r1", "r3", "r4"}
    kept = {project.services.home.at(scoring.folder) for scoring in scorings(project)}
    assert set(project.services.home.root.glob("scores/toy/*")) == kept
    assert len(project.project.models.checkpoints()) == 4


# ------------------------------------------------------------------------------- queueing


def test_work_is_queued_once(blobs: ToyProject) -> None:
    blobs.train()
    services = blobs.services
    plain = queue_once(services, "toy", "score")
    assert queue_once(services, "toy", "score") == plain
    more = queue_once(services, "toy", "score", {"needs": ["samples"]})
    assert more != plain
    for _ in range(3):
        assert queue_once(services, "toy", "score", {"needs": ["samples"]}) == more
    assert queue_once(services, "toy", "train") == queue_once(services, "toy", "train")


def test_a_start_queues_what_is_left_to_do(make: Make, image: Callable[[int], bytes]) -> None:
    default = make(SQUARES)
    for _ in range(2):
        catch_up(default.services)
    assert [(job.kind, job.state) for job in default.work()] == [("train", "succeeded")]
    catch_up(default.services)
    assert default.work() == []
    default.add_images([image(0)])
    with default.services.database.write() as connection:
        (job,) = jobs.page(connection, "toy", 1)
        jobs.request_cancel(connection, job.id, time.time())
    catch_up(default.services)
    assert [job.kind for job in default.work()] == ["score"]


def test_others_train_unasked_only_where_the_file_says_so(make: Make) -> None:
    for automatic in (False, True):
        project = make(automatic=automatic, settings={"default_project": "another"})
        catch_up(project.services)
        assert len(project.work()) == int(automatic)


def test_a_live_pointer_without_scores_is_scored_at_the_start(squares: ToyProject) -> None:
    with squares.services.database.write() as connection:
        checkpoints.delete_scoring(connection, scorings(squares)[0].id)
        assert projects.get(connection, "toy") is not None
    catch_up(squares.services)
    assert [(job.kind, job.state) for job in squares.work()] == [("score", "succeeded")]


def test_a_scoring_that_came_to_a_bad_end_is_queued_again_by_those_who_ask(
    squares: ToyProject, image: Callable[[int], bytes]
) -> None:
    squares.add_images([image(1)])
    with squares.services.database.write() as connection:
        job = jobs.claim(connection, "worker", ("score",), time.time())
    assert job is not None
    squares.project.queries.create(1)  # it runs
    assert [one.state for one in squares.engine.jobs() if one.kind == "score"] == ["running"]
    with squares.services.database.write() as connection:
        jobs.finish(connection, job.id, "worker", "interrupted", time.time() - 61, None, None)

    def scorings_queued() -> int:
        return sum((one.kind, one.state) == ("score", "queued") for one in squares.engine.jobs())

    assert scorings_queued() == 0
    squares.project.queries.create(1)
    assert scorings_queued() == 1
    squares.project.queries.create(1)
    assert scorings_queued() == 1
    assert [one.state for one in squares.work()] == ["succeeded"]
    squares.project.queries.create(1)
    assert scorings_queued() == 0


@pytest.fixture
def things(make: Make, tmp_path: Path, image: Callable[..., bytes]) -> ToyProject:
    """A folder project of ten images, its data set read; `things/cat/1.jpg` is one."""
    for number in range(10):
        path = tmp_path / "things" / ("cat" if number % 2 else "dog") / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image(number, 40, 40, "JPEG"))
    table = {"plugin": "folder", "path": str(tmp_path / "things")}
    return make(SQUARES, dataset=table, labels={"initial": 8}).bring()


def test_files_that_break_or_vanish_stop_neither_training_nor_scoring(
    things: ToyProject, tmp_path: Path, image: Callable[..., bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "things"
    (folder / "cat" / "1.jpg").write_bytes(image(1, 40, 40, "JPEG")[:-100])
    (folder / "dog" / "2.jpg").unlink()
    assert things.train().project.status().live == "r1"
    said = capsys.readouterr().err.splitlines()
    assert sorted(line.split()[0] for line in said) == [str(folder / "cat" / "1.jpg"), str(folder / "dog" / "2.jpg")]
    identities = [item.id for item in things.project.items.page().items]
    scores = open_scores(things.services.home.at(scorings(things)[-1].folder))["probabilities"]
    even = [identity for identity, row in zip(identities, scores, strict=True) if (row == 0.5).all()]
    assert even == ["cat/1.jpg", "dog/2.jpg"]
    # the next to come is scored by itself; what is broken stays as it is
    things.add_images([image(99)])
    assert [job.state for job in things.work()] == ["succeeded"]


def test_what_is_held_out_and_gone_is_not_held_against_a_new_checkpoint(things: ToyProject, tmp_path: Path) -> None:
    things.train()
    with things.services.database.read() as connection:
        (held, other) = (row.id for row in items.page(connection, "toy", -1, 100) if row.holdout)
    (tmp_path / "things" / held).unlink()
    things.train()
    first, second = things.project.models.checkpoints()
    assert (first.metrics["holdout"], second.metrics["holdout"]) == (2, 1)
    assert second.verdict.endswith("of 1 held-out items")
    assert evaluate(things.services, "toy", lambda _: None).items == 1
    told = things.project.progress.confusion()
    assert (int(told.counts.sum()), told.unscored) == (1, 1)
    (tmp_path / "things" / other).unlink()
    assert "holdout" not in things.train().project.models.checkpoints()[-1].metrics
    with pytest.raises(NotReady, match="no held-out item"):
        evaluate(things.services, "toy", lambda _: None)


def test_a_folder_that_is_gone_is_told_and_nothing_is_learnt_of_white(things: ToyProject, tmp_path: Path) -> None:
    (tmp_path / "things").rename(tmp_path / "elsewhere")
    things.project.training.start()
    (job,) = things.work()
    assert job.state == "failed"
    assert "10 of the pool's 10 images can no longer be read" in str(job.error)
    (tmp_path / "elsewhere").rename(tmp_path / "things")
    assert things.train().project.status().live == "r1"
