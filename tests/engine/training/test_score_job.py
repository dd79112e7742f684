"""Scoring jobs: new items, more outputs, another live checkpoint, unreadable files, and how long scores stay."""

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
from nextlabel.engine.scheduling import queue_once
from nextlabel.engine.scores import open_scores
from nextlabel.store import checkpoints, items, jobs
from nextlabel.store.checkpoints import ScoringRow

Make = Callable[..., ToyProject]


def scorings(project: ToyProject) -> list[ScoringRow]:
    with project.services.database.read() as connection:
        return checkpoints.scorings(connection, project.name)


def arrays(project: ToyProject) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the arrays in the newest scores."""
    return {
        name: array.shape for name, array in open_scores(project.services.home.at(scorings(project)[-1].folder)).items()
    }


@pytest.fixture
def squares(make: Make) -> ToyProject:
    return make(SQUARES).import_dataset().train()


def test_new_items_are_scored_and_the_others_copied(squares: ToyProject, image: Callable[[int], bytes]) -> None:
    before = open_scores(squares.services.home.at(scorings(squares)[0].folder))["probabilities"].copy()
    squares.add_images([image(1), image(2), image(1)])
    assert [(job.kind, job.state, job.metrics) for job in squares.work()] == [("score", "succeeded", {"items": 32.0})]
    (scoring,) = scorings(squares)
    assert (scoring.checkpoint, scoring.rows) == ("r1", 32)
    after = open_scores(squares.services.home.at(scoring.folder))["probabilities"]
    np.testing.assert_array_equal(after[:30], before)
    np.testing.assert_allclose(after[30:].sum(axis=1), 1, atol=1e-5)
    assert len(list(squares.services.home.root.glob("scores/toy/*"))) == 1


def test_outputs_requested_once_are_computed_for_new_items(squares: ToyProject, image: Callable[[int], bytes]) -> None:
    with pytest.raises(NotReady):
        squares.project.queries.create(2, "toy-embedded")
    squares.work()
    squares.add_images([image(1)])
    squares.work()
    assert arrays(squares) == {"embeddings": (31, 2), "probabilities": (31, 2)}
    embeddings = open_scores(squares.services.home.at(scorings(squares)[-1].folder))["embeddings"]
    assert (embeddings[30] != 0).all()
    assert len(ids(squares.project.queries.create(2, "toy-embedded"))) == 2


def test_items_added_during_a_scoring_are_scored_too(
    squares: ToyProject, image: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The running job has read the pool already, so another one has to score them."""
    squares.add_images([image(0)])
    services = squares.services
    read = type(services).items

    def slow(self: object, state: object) -> object:
        pool_items = read(self, state)  # type: ignore[arg-type]
        monkeypatch.undo()
        squares.add_images([image(1)])
        return pool_items

    monkeypatch.setattr(type(services), "items", slow)
    assert [job.state for job in squares.work()] == ["succeeded"] * 2
    assert scorings(squares)[-1].rows == 32


def test_a_promotion_during_a_scoring_queues_another(
    make: Make, image: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make(SQUARES).import_dataset().train().train()
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


def test_a_scoring_without_a_live_checkpoint_fails(blobs: ToyProject) -> None:
    queue_once(blobs.services.database, "toy", "score")
    (job,) = blobs.work()
    assert (job.state, job.error) == ("failed", "project 'toy' has no live checkpoint to score with")


def test_deleted_scores_are_computed_again(squares: ToyProject) -> None:
    shutil.rmtree(squares.services.home.at(scorings(squares)[0].folder))
    with pytest.raises(NotReady):
        squares.project.queries.create(1)
    assert [job.state for job in squares.work()] == ["succeeded"]
    assert squares.project.queries.create(1).checkpoint == "r1"


def test_a_transductive_model_does_not_score_new_items(make: Make, image: Callable[[int], bytes]) -> None:
    project = (
        make(SQUARES, name="tiny", dataset={"plugin": "toy-squares"}, learner={"plugin": "toy-whole"})
        .import_dataset()
        .train()
        .import_dataset()
        .train()
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


def test_scores_of_the_newest_and_the_live_checkpoint_stay(make: Make) -> None:
    project = make(settings={"keep_scores": 2}).import_dataset().train()
    for _ in range(3):
        project.train()
        project.project.models.promote("r1")
        project.work()
    assert {scoring.checkpoint for scoring in scorings(project)} == {"r1", "r3", "r4"}
    folders = {project.services.home.at(scoring.folder) for scoring in scorings(project)}
    assert set(project.services.home.root.glob("scores/toy/*")) == folders
    assert len(project.project.models.checkpoints()) == 4


@pytest.fixture
def things(make: Make, tmp_path: Path, image: Callable[..., bytes]) -> ToyProject:
    """A project of ten images in a folder, imported; one file is `things/cat/1.jpg`."""
    for number in range(10):
        path = tmp_path / "things" / ("cat" if number % 2 else "dog") / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image(number, 40, 40, "JPEG"))
    table = {"plugin": "folder", "path": str(tmp_path / "things")}
    return make(SQUARES, dataset=table, labels={"initial": 8}).import_dataset()


def test_unreadable_files_do_not_stop_training_or_scoring(
    things: ToyProject, tmp_path: Path, image: Callable[..., bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "things"
    (folder / "cat" / "1.jpg").write_bytes(image(1, 40, 40, "JPEG")[:-100])
    (folder / "dog" / "2.jpg").unlink()
    assert things.train().project.status().live == "r1"
    messages = capsys.readouterr().err.splitlines()
    assert sorted(line.split()[0] for line in messages) == [
        str(folder / "cat" / "1.jpg"),
        str(folder / "dog" / "2.jpg"),
    ]
    identities = [item.id for item in things.project.items.page().items]
    scores = open_scores(things.services.home.at(scorings(things)[-1].folder))["probabilities"]
    even = [identity for identity, row in zip(identities, scores, strict=True) if (row == 0.5).all()]
    assert even == ["cat/1.jpg", "dog/2.jpg"]
    # only a new item is scored; the damaged ones stay as they are
    things.add_images([image(99)])
    assert [job.state for job in things.work()] == ["succeeded"]


@pytest.mark.slow
def test_missing_hold_out_files_do_not_count(things: ToyProject, tmp_path: Path) -> None:
    things.train()
    with things.services.database.read() as connection:
        (held, other) = (row.id for row in items.page(connection, "toy", -1, 100) if row.holdout)
    (tmp_path / "things" / held).unlink()
    things.train()
    first, second = things.project.models.checkpoints()
    assert (first.metrics["holdout"], second.metrics["holdout"]) == (2, 1)
    assert second.verdict.endswith("of 1 held-out items")
    assert evaluate(things.services, "toy", lambda _: None).items == 1
    confusion = things.project.progress.confusion()
    assert (int(confusion.counts.sum()), confusion.unscored) == (1, 1)
    (tmp_path / "things" / other).unlink()
    assert "holdout" not in things.train().project.models.checkpoints()[-1].metrics
    with pytest.raises(NotReady, match="no held-out item"):
        evaluate(things.services, "toy", lambda _: None)


def test_a_missing_folder_fails_the_training_with_the_reason(things: ToyProject, tmp_path: Path) -> None:
    (tmp_path / "things").rename(tmp_path / "elsewhere")
    things.project.start_training()
    (job,) = things.work()
    assert job.state == "failed"
    assert "10 of the pool's 10 images can no longer be read" in str(job.error)
    (tmp_path / "elsewhere").rename(tmp_path / "things")
    assert things.train().project.status().live == "r1"
