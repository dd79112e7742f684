"""Trainings: what the learner sees, what is kept, who goes live."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_help import MODULES, SQUARES, WAVE, Project, candidates, full
from engine_toys import Linear, Ridge

from nextlabel.contracts import Items, Model, Targets, Training, VectorItems
from nextlabel.contracts.errors import Conflict, NextlabelError
from nextlabel.engine.answers import LabelInput
from nextlabel.engine.registry import Offer, Registry, load
from nextlabel.engine.retention import sweep
from nextlabel.engine.running import run_job
from nextlabel.store import checkpoints, jobs, projects
from nextlabel.store.checkpoint_files import read_weights

Make = Callable[..., Project]


@pytest.fixture
def plugged() -> Callable[..., Registry]:
    """Our plugins with a learner in the place of `toy-ridge`."""

    def made(learner: Callable[[Any], Any], **changes: Any) -> Registry:
        found = load(candidates(*MODULES))
        offer = found.learners["toy-ridge"]
        found.learners["toy-ridge"] = Offer(replace(offer.record, target=learner, **changes), offer.source)
        return found

    return made


def folders(project: Project) -> set[str]:
    """What lies on disk of checkpoints and scores."""
    home = project.context.home.root
    return {str(path.relative_to(home)) for area in ("checkpoints", "scores") for path in home.glob(f"{area}/*/*")}


# ------------------------------------------------------------------- what the learner sees


class Spy(Ridge):
    """Notes what it was given."""

    def __init__(self, parameters: Any, seen: list[tuple[Items, Targets, Training]]) -> None:
        super().__init__(parameters)
        self.seen = seen

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        self.seen.append((items, targets, training))
        return super().fit(items, targets, training)


def test_the_hold_out_never_reaches_the_learner(make: Make, plugged: Callable[..., Registry]) -> None:
    seen: list[tuple[Items, Targets, Training]] = []
    project = make(plugins=plugged(lambda parameters: Spy(parameters, seen))).bring()
    project.loop.submit("ann", [full(f"p{place}", "red") for place in range(60)])
    project.train()
    ((items, targets, training),) = seen
    assert isinstance(items, VectorItems)
    pool = project.context.pool("toy")
    held = [int(item.id[1:]) for item in project.loop.items(limit=60).items if item.holdout]
    assert len(held) == 12
    assert len(items) == len(targets) == 48
    np.testing.assert_array_equal(items.vectors, np.delete(pool._array("pool-vectors"), held, axis=0))
    assert targets.labelled.all()
    assert (training.classes, training.start, training.features) == (("red", "green", "blue"), None, None)


def test_a_transductive_learner_sees_the_hold_out_unlabelled(make: Make, plugged: Callable[..., Registry]) -> None:
    seen: list[tuple[Items, Targets, Training]] = []
    learner = plugged(lambda parameters: Spy(parameters, seen), transductive=True)
    project = make(plugins=learner).bring()
    project.loop.submit("ann", [full(f"p{place}", "red") for place in range(60)])
    project.train()
    ((items, targets, _),) = seen
    assert len(items) == 60
    held = [int(item.id[1:]) for item in project.loop.items(limit=60).items if item.holdout]
    np.testing.assert_array_equal(np.flatnonzero(~targets.labelled), held)


def test_359_of_the_digits_are_held_out(make: Make) -> None:
    project = make(SQUARES, dataset={"plugin": "digits"}, labels={"initial": 10}).bring()
    items = project.loop.items(limit=2000).items
    assert len(items) == 1797
    assert sum(item.holdout for item in items) == 359
    labelled = [item for item in items if item.state == "labelled"]
    assert len(labelled) == 10
    assert not any(item.holdout for item in labelled)


def test_the_next_training_starts_from_the_live_model(make: Make, plugged: Callable[..., Registry]) -> None:
    seen: list[tuple[Items, Targets, Training]] = []
    project = make(plugins=plugged(lambda parameters: Spy(parameters, seen))).bring().train().train()
    first, second = (training for _, _, training in seen)
    assert isinstance(second.start, Linear)
    live = project.loop.checkpoints()[0]
    np.testing.assert_array_equal(
        second.start.weights, read_weights(project.context.home.checkpoint("toy", live.checkpoint))["weights"]
    )
    assert first.seed != second.seed


def test_a_live_checkpoint_that_cannot_be_read_is_no_start(
    make: Make, plugged: Callable[..., Registry], capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[tuple[Items, Targets, Training]] = []
    project = make(plugins=plugged(lambda parameters: Spy(parameters, seen))).bring().train()
    (project.context.home.checkpoint("toy", "r1") / "weights.safetensors").write_bytes(b"rot")
    project.train()
    assert seen[-1][2].start is None
    assert "training starts afresh" in capsys.readouterr().out


def test_the_same_seed_gives_the_same_weights(make: Make) -> None:
    weights = []
    for _ in range(2):
        project = make().bring().train()
        weights.append((project.context.home.checkpoint("toy", "r1") / "weights.safetensors").read_bytes())
    assert weights[0] == weights[1]


# -------------------------------------------------------------------------- what is kept


def test_a_training_ends_with_a_checkpoint_judged_and_live(blobs: Project) -> None:
    job = blobs.loop.train()
    assert blobs.loop.status().training == job
    (done,) = blobs.work()
    assert (done.state, done.progress, done.error) == ("succeeded", 1.0, None)
    assert done.metrics["labels"] == 6
    assert done.metrics["accuracy"] > 0.8
    (found,) = blobs.loop.checkpoints()
    assert (found.checkpoint, found.live, found.job) == ("r1", True, job)
    assert found.verdict == "the first checkpoint of this project"
    assert found.metrics == done.metrics
    assert folders(blobs) == {"checkpoints/toy/r1", f"scores/toy/r1-{job}"}
    assert {path.name for path in (blobs.context.home.root / "checkpoints/toy/r1").iterdir()} == {
        "card.json",
        "model.onnx",
        "weights.safetensors",
    }
    assert blobs.loop.ready()


def test_without_a_label_the_training_fails_and_says_why(make: Make) -> None:
    project = make(labels={"initial": 0})
    project.loop.train()
    (job,) = project.work()
    assert (job.state, job.error) == ("failed", "project 'toy' has no label to learn from yet")
    assert folders(project) == set()
    assert not project.loop.ready()


def test_whatever_a_learner_raises_is_told(make: Make) -> None:
    project = make(learner={"plugin": "toy-failing"})
    project.loop.train()
    (job,) = project.work()
    assert (job.state, job.error) == ("failed", "ZeroDivisionError: the toy broke")


def test_a_data_set_that_is_missing_fails_the_training_in_one_line(make: Make) -> None:
    project = make(dataset={"plugin": "toy-missing"})
    project.loop.train()
    (job,) = project.work()
    assert (job.state, job.error) == ("failed", "toy-missing is not on this machine; get it from nowhere")
    assert project.loop.status().missing == job.error


class Wide(Ridge):
    """Says a class too many."""

    def made(self, weights: np.ndarray[Any, Any], spec: Any) -> Model:
        return Linear(np.concatenate([weights, weights[:, :1]], axis=1), spec)


class Nan(Ridge):
    """Says no numbers."""

    def made(self, weights: np.ndarray[Any, Any], spec: Any) -> Model:
        return Linear(weights * np.nan, spec)


class Liar(Ridge):
    """Its ONNX form is of another model."""

    def made(self, weights: np.ndarray[Any, Any], spec: Any) -> Model:
        class Lying(Linear):
            def write_onnx(self, path: Path) -> bool:
                return Linear(-weights, spec).write_onnx(path)

        return Lying(weights, spec)


@pytest.mark.parametrize(
    ("learner", "error"),
    [
        (Wide, "the model says probabilities of 4 classes; the project has 3"),
        (Nan, "not finite"),
        (Liar, "the ONNX form answers differently: probabilities by"),
    ],
)
def test_a_model_that_breaks_its_contract_leaves_nothing(
    make: Make, plugged: Callable[..., Registry], learner: type[Ridge], error: str
) -> None:
    project = make(plugins=plugged(learner)).bring()
    project.loop.train()
    (job,) = project.work()
    assert job.state == "failed"
    assert error in str(job.error)
    assert folders(project) == set()
    assert project.loop.checkpoints() == []


# ---------------------------------------------------------------------------- the fence


class Meddler(Ridge):
    """Has something happen while it trains."""

    def __init__(self, parameters: Any, happens: Callable[[], None]) -> None:
        super().__init__(parameters)
        self.happens = happens

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        model = super().fit(items, targets, training)
        self.happens()
        return model


@pytest.fixture
def meddled(make: Make, plugged: Callable[..., Registry]) -> Callable[..., tuple[Project, list[Callable[[], None]]]]:
    """A project in whose next training something happens."""

    def made(base: Mapping[str, Any] = SQUARES, **tables: Any) -> tuple[Project, list[Callable[[], None]]]:
        happens: list[Callable[[], None]] = []

        def learner(parameters: Any) -> Meddler:
            return Meddler(parameters, lambda: happens.pop()() if happens else None)

        return make(base, plugins=plugged(learner), **tables).bring(), happens

    return made


def test_a_cancelled_training_leaves_nothing_visible(meddled: Callable[..., Any]) -> None:
    project, happens = meddled()
    number = project.loop.train()
    happens.append(lambda: project.engine.cancel(number) and None)
    (job,) = project.work()
    assert job.state == "cancelled"
    assert (project.loop.checkpoints(), folders(project)) == ([], set())
    project.train()
    assert [found.checkpoint for found in project.loop.checkpoints()] == ["r1"]


@pytest.mark.parametrize("ended", ["cancelled", "interrupted"])
def test_a_training_taken_for_dead_leaves_nothing_visible(meddled: Callable[..., Any], ended: Any) -> None:
    """It lost its row between its last report and its end: the fence holds."""
    project, happens = meddled()
    number = project.loop.train()

    def take() -> None:
        with project.context.database.write() as connection:
            jobs.finish(connection, number, "worker", ended, time.time())

    happens.append(take)
    assert [job.state for job in project.work()] == [ended]
    assert (project.loop.checkpoints(), folders(project)) == ([], set())


def test_what_a_killed_job_wrote_is_in_nobodys_way(blobs: Project) -> None:
    """A kill -9 between the folder and its row: the next training takes the same name."""
    left = blobs.context.home.checkpoint("toy", "r1")
    left.mkdir(parents=True)
    (left / "card.json").write_text("{}")
    blobs.train()
    assert [found.checkpoint for found in blobs.loop.checkpoints()] == ["r1"]
    assert (left / "weights.safetensors").exists()
    stale = blobs.context.home.scores("toy", "r9-9")
    stale.mkdir(parents=True)
    sweep(blobs.context)
    assert folders(blobs) == {"checkpoints/toy/r1", "scores/toy/r1-2"}


# ------------------------------------------------------------------------------ judging


def test_a_worse_checkpoint_waits_and_can_be_promoted(make: Make) -> None:
    project = make(dataset={"size": 150}).bring().train()
    wrong = {"red": "green", "green": "blue", "blue": "red"}
    query = project.loop.query(100, None, "ann")
    project.loop.submit("ann", [full(item.id, wrong[project.truth(item.id)]) for item in query.items])
    project.train()
    first, second = project.loop.checkpoints()
    assert (first.live, second.live) == (True, False)
    assert second.verdict.startswith("worse than the live checkpoint beyond chance")
    assert project.loop.query(1).checkpoint == "r1"
    assert project.loop.promote("r2").live
    assert [found.live for found in project.loop.checkpoints()] == [False, True]
    assert project.loop.query(1).checkpoint == "r2"


def test_one_as_good_goes_live(blobs: Project) -> None:
    blobs.train().train()
    first, second = blobs.loop.checkpoints()
    assert (first.live, second.live) == (False, True)
    assert second.verdict.startswith("not worse than the live checkpoint")


def test_without_a_common_hold_out_it_waits(make: Make) -> None:
    project = make(dataset={"known": False}, labels={"initial": 0}).bring()
    pool = [item.id for item in project.loop.items(limit=60).items if not item.holdout]
    project.loop.submit("ann", [full(item, ("red", "green")[place % 2]) for place, item in enumerate(pool)])
    project.train().train()
    first, second = project.loop.checkpoints()
    assert (first.live, second.live) == (True, False)
    assert "promote it by hand" in second.verdict
    assert "accuracy" not in second.metrics


def test_it_is_judged_against_what_is_live_at_its_end(meddled: Callable[..., Any]) -> None:
    project, happens = meddled({**SQUARES, "dataset": {"plugin": "toy-blobs", "size": 150}})
    wrong = {"red": "green", "green": "blue", "blue": "red"}
    items = [item.id for item in project.loop.query(100, None, "ann").items]
    project.loop.submit("ann", [full(item, wrong[project.truth(item)]) for item in items])
    project.train()
    project.loop.submit("ann", [full(item, project.truth(item)) for item in items])
    project.train()
    project.loop.promote("r1")  # the bad one
    project.loop.submit("ann", [full(item, wrong[project.truth(item)]) for item in items])
    happens.append(lambda: project.loop.promote("r2") and None)
    project.train()
    assert [found.live for found in project.loop.checkpoints()] == [False, True, False]
    assert project.loop.checkpoints()[-1].verdict.startswith("worse than the live checkpoint")


def test_a_live_checkpoint_without_scores_is_not_taken_for_none(blobs: Project) -> None:
    blobs.train()
    with blobs.context.database.write() as connection:
        (scoring,) = checkpoints.scorings(connection, "toy")
        checkpoints.delete_scoring(connection, scoring.id)
    blobs.train()
    assert "no common hold-out" in blobs.loop.checkpoints()[-1].verdict


def test_a_regression_is_judged_too(make: Make) -> None:
    project = make(WAVE, name="wave").bring().train()
    assert project.loop.checkpoints()[0].metrics["rmse"] > 0
    query = project.loop.query(30, None, "ann")
    truth = project.context.pool("wave").truth
    assert truth is not None
    project.loop.submit("ann", [LabelInput(item.id, value=float(truth[int(item.id[1:])])) for item in query.items])
    project.train()
    before, after = project.loop.checkpoints()
    assert after.live
    assert after.metrics["rmse"] < before.metrics["rmse"]


# ---------------------------------------------------- what happens to the pool meanwhile


def test_items_that_came_during_a_training_are_scored_after_it(
    meddled: Callable[..., Any], picture: Callable[[int], bytes]
) -> None:
    project, happens = meddled()
    happens.append(lambda: project.loop.add_images([picture(1)]) and None)
    project.loop.train()
    done = project.work()
    assert [(job.kind, job.state) for job in done] == [("train", "succeeded"), ("score", "succeeded")]
    assert project.loop.query(100, "random").remaining == 24 - 6 + 1


def test_one_training_at_a_time(blobs: Project) -> None:
    number = blobs.loop.train()
    with pytest.raises(Conflict, match=f"job {number} is queued"):
        blobs.loop.train()


def test_a_job_that_is_not_ours_any_more_says_nothing(blobs: Project) -> None:
    number = blobs.loop.train()
    with blobs.context.database.write() as connection:
        job = jobs.claim(connection, "one", ("train",), time.time())
        assert job is not None
        jobs.interrupt_orphans(connection, "two", time.time())
    run_job(blobs.context, job)
    assert blobs.engine.job(number).state == "interrupted"
    assert blobs.loop.checkpoints() == []


# ------------------------------------------------------------------------------ features


class Fed(Ridge):
    """Learns from features of another project's checkpoint."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        assert training.features is not None
        assert training.features().shape == (len(items), 3)
        return super().fit(items, targets, training)


def test_features_of_another_projects_checkpoint(
    make: Make, plugged: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make(plugins=plugged(Fed), learner={"features": "checkpoint:toy"}).bring()
    with pytest.raises(NextlabelError, match="has no live checkpoint"):
        project.train()
    with monkeypatch.context() as patch:
        patch.setattr(Fed, "fit", Ridge.fit)
        project.train()
    project.train()
    with project.context.database.read() as connection:
        row = projects.get(connection, "toy")
    assert row is not None
    assert row.live == "r2"
    project = make(learner={"features": "raw"}).bring()
    with pytest.raises(NextlabelError, match='say "checkpoint:<project>"'):
        project.train()
