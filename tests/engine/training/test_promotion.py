"""Which checkpoint is live after a training."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from math import comb
from typing import Any

import numpy as np
import pytest
from support.engine import SQUARES, WAVE, ToyProject, confident, full

from nextlabel.contracts.errors import Gone
from nextlabel.engine.training import job
from nextlabel.engine.training.promotion import LiveHoldout, Verdict, decide_promotion, score_holdout, sign_test
from nextlabel.store import checkpoints
from nextlabel.store.labels import Label

pytestmark = pytest.mark.slow

Make = Callable[..., ToyProject]
WRONG = {"red": "green", "green": "blue", "blue": "red"}
ALL = np.arange(10)


def decide(
    new: dict[str, np.ndarray], live: dict[str, np.ndarray], truth: np.ndarray, common: Sequence[int] = ALL
) -> Verdict:
    return decide_promotion(new, LiveHoldout("r1", np.asarray(common, np.int64), live), truth)


def state(project: ToyProject) -> list[bool]:
    """Whether each checkpoint is live, oldest first."""
    return [checkpoint.live for checkpoint in project.project.models.checkpoints()]


def promoted(project: ToyProject) -> list[bool]:
    with project.services.database.read() as connection:
        return [row.promoted for row in checkpoints.all(connection, project.name)]


# ------------------------------------------------------------------------------- the decision


def test_the_first_checkpoint_goes_live() -> None:
    assert decide_promotion(confident([0] * 10), None, np.zeros(10, np.int64)).promote


@pytest.mark.parametrize(
    ("lost", "promote"),
    [
        (0, True),
        (4, True),  # 1/16: chance
        (5, False),  # 1/32
        (10, False),
    ],
)
def test_a_checkpoint_waits_if_worse_beyond_chance(lost: int, promote: bool) -> None:
    verdict = decide(confident([1] * lost + [0] * (10 - lost)), confident([0] * 10), np.zeros(10, np.int64))
    assert verdict.promote == promote
    assert f"worse on {lost} of 10" in verdict.reason


def test_a_better_checkpoint_goes_live() -> None:
    assert decide(confident([0] * 10), confident([1] * 10), np.zeros(10, np.int64)).promote


def test_a_checkpoint_waits_without_common_items() -> None:
    """The hold-out is labelled, but the live checkpoint's predictions for it are not known, or not comparable."""
    verdict = decide(confident([0] * 6), {}, np.zeros(6, np.int64), common=[])
    assert not verdict.promote
    assert verdict.reason.endswith("has no predictions for the held-out items; promote it by hand")
    live = LiveHoldout("r1", np.empty(0, np.int64), {}, other_holdout=True)
    verdict = decide_promotion(confident([0] * 6), live, np.zeros(6, np.int64))
    assert not verdict.promote
    assert verdict.reason.endswith("was trained with another one, perhaps on these items; promote it by hand")


def test_the_newest_goes_live_without_a_hold_out_or_a_label_of_it() -> None:
    for other in (False, True):
        live = LiveHoldout("r1", np.empty(0, np.int64), {}, other_holdout=other)
        none = decide_promotion({}, live, np.empty(0, np.int64), holds_out=False)
        assert (none.promote, none.reason.startswith("there is no hold-out")) == (True, True)
        unlabelled = decide_promotion({}, live, np.empty(0, np.int64))
        assert (unlabelled.promote, unlabelled.reason.startswith("no held-out item has a known label")) == (True, True)


def test_a_bundled_checkpoint_stays_live_until_held_out_items_are_labelled() -> None:
    live = LiveHoldout("first", np.empty(0, np.int64), {}, bundled=True)
    waits = decide_promotion({}, live, np.empty(0, np.int64))
    assert not waits.promote
    assert "compare it with the bundled checkpoint on" in waits.reason
    assert decide_promotion({}, live, np.empty(0, np.int64), holds_out=False).promote


@pytest.mark.parametrize(("items", "reason"), [(4, "too few held-out items to show"), (5, "not worse than")])
def test_too_few_items_are_no_reason_to_wait(items: int, reason: str) -> None:
    truth = np.zeros(items, np.int64)
    even = decide(confident([0] * items), confident([0] * items), truth, common=range(items))
    assert (even.promote, even.reason.startswith(reason)) == (True, True)
    worse = decide(confident([1] * items), confident([0] * items), truth, common=range(items))
    assert worse.promote == (items == 4)  # 1/16: chance; 1/32


def test_only_common_items_count() -> None:
    verdict = decide(confident([0] * 5 + [1] * 5), confident([0] * 4), np.zeros(10, np.int64), common=[0, 1, 2, 9])
    assert verdict.reason.endswith("better on 0 and worse on 1 of 4 held-out items")


def test_the_smaller_error_wins_in_regression() -> None:
    truth = np.zeros(10)
    near, far = {"mean": np.full(10, 0.1)}, {"mean": np.full(10, -2.0)}
    assert decide(near, far, truth).promote
    assert not decide(far, near, truth).promote
    assert decide(near, near, truth).promote


@pytest.mark.parametrize(("better", "compared"), [(0, 0), (0, 5), (3, 10), (40, 100), (50, 50)])
def test_the_sign_test_is_the_binomial_tail(better: int, compared: int) -> None:
    exact = sum(comb(compared, k) for k in range(better + 1)) / 2**compared
    assert sign_test(better, compared - better) == pytest.approx(exact, rel=1e-9)


def test_the_sign_test_is_fast_on_a_large_hold_out() -> None:
    began = time.monotonic()
    assert sign_test(99_000, 101_000) < 1e-4
    assert time.monotonic() - began < 2


# --------------------------------------------------------------------------- after a training


def test_a_worse_checkpoint_waits_and_can_be_promoted(make: Make) -> None:
    project = make(dataset={"size": 150}).import_dataset().train()
    query = project.project.queries.create(100, None, "ann")
    project.project.labels.submit("ann", [full(item.id, WRONG[project.truth(item.id)]) for item in query.items])
    project.train()
    first, second = project.project.models.checkpoints()
    assert (first.live, second.live) == (True, False)
    assert second.verdict.startswith("worse than the live checkpoint beyond chance")
    assert promoted(project) == [True, False]
    assert project.project.queries.create(1).checkpoint == "r1"
    assert project.project.models.promote("r2").live
    assert state(project) == [False, True]
    assert promoted(project) == [True, False]  # this is about the end of its training
    assert project.project.queries.create(1).checkpoint == "r2"


def test_an_equal_checkpoint_goes_live(blobs: ToyProject) -> None:
    blobs.train().train()
    first, second = blobs.project.models.checkpoints()
    assert (first.live, second.live) == (False, True)
    assert second.verdict.startswith("not worse than the live checkpoint")
    assert promoted(blobs) == [True, True]


@pytest.mark.parametrize(
    ("holdout", "verdict"),
    [
        (0.2, "no held-out item has a known label yet to compare it on: the newest goes live"),
        (0.0, "there is no hold-out to compare it with the live checkpoint on: the newest goes live"),
    ],
)
def test_the_newest_checkpoint_goes_live_if_nothing_can_be_compared(make: Make, holdout: float, verdict: str) -> None:
    project = make(dataset={"known": False}, labels={"initial": 0, "holdout": holdout}).import_dataset()
    pool = [item.id for item in project.project.items.page(limit=60).items if not item.holdout]
    project.project.labels.submit("ann", [full(item, ("red", "green")[place % 2]) for place, item in enumerate(pool)])
    project.train().train()
    first, second = project.project.models.checkpoints()
    assert (first.live, second.live) == (False, True)
    assert second.verdict == verdict
    assert "accuracy" not in second.metrics
    assert promoted(project) == [True, True]


@pytest.mark.parametrize("name", ["weights.safetensors", "model.onnx"])
def test_a_damaged_checkpoint_cannot_be_promoted(make: Make, name: str) -> None:
    project = make(SQUARES).import_dataset().train().train()
    (project.services.home.checkpoint(project.project.config.name, "r1") / name).write_bytes(b"damaged")
    with pytest.raises(Gone, match="damaged"):
        project.project.models.promote("r1")
    assert state(project) == [False, True]


def test_a_live_checkpoint_with_missing_files_is_replaced(blobs: ToyProject) -> None:
    blobs.train()
    blobs.services.home.checkpoint("toy", "r1").rename(blobs.services.home.root / "elsewhere")
    blobs.train()
    assert state(blobs) == [False, True]
    assert blobs.project.models.checkpoints()[-1].verdict == "the files of the live checkpoint are missing"


@pytest.fixture
def good_and_bad(meddled: Callable[..., Any]) -> tuple[ToyProject, list[Callable[[], None]]]:
    """A project whose r1 is bad and live, whose r2 is good, and whose next checkpoint will be bad."""
    project, calls = meddled({**SQUARES, "dataset": {"plugin": "toy-blobs", "size": 150}})
    items = [item.id for item in project.project.queries.create(100, None, "ann").items]
    project.project.labels.submit("ann", [full(item, WRONG[project.truth(item)]) for item in items])
    project.train()
    project.project.labels.submit("ann", [full(item, project.truth(item)) for item in items])
    project.train()
    project.project.models.promote("r1")
    project.project.labels.submit("ann", [full(item, WRONG[project.truth(item)]) for item in items])
    return project, calls


def test_a_checkpoint_is_compared_with_what_is_live_at_the_end(good_and_bad: Any) -> None:
    project, calls = good_and_bad
    calls.append(lambda: project.project.models.promote("r2") and None)
    project.train()
    assert state(project) == [False, True, False]
    assert project.project.models.checkpoints()[-1].verdict.startswith("worse than the live checkpoint")


def test_a_promotion_during_the_comparison_repeats_it(good_and_bad: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    project, _ = good_and_bad
    compared = []

    def promote_meanwhile(*arguments: Any) -> LiveHoldout | None:
        live = score_holdout(*arguments)
        assert live is not None
        compared.append(live.checkpoint)
        if len(compared) == 1:
            project.project.models.promote("r2")
        return live

    monkeypatch.setattr(job, "score_holdout", promote_meanwhile)
    project.train()
    assert compared == ["r1", "r2"]
    assert state(project) == [False, True, False]
    assert project.project.models.checkpoints()[-1].verdict.startswith("worse than the live checkpoint")


def delete_scores(project: ToyProject) -> None:
    with project.services.database.write() as connection:
        for scoring in checkpoints.scorings(connection, project.name):
            checkpoints.delete_scoring(connection, scoring.id)


def test_a_live_checkpoint_without_scores_predicts_the_hold_out(make: Make) -> None:
    project = make(dataset={"size": 150}).import_dataset().train()
    delete_scores(project)
    items = [item.id for item in project.project.items.page(limit=150).items if not item.holdout]
    project.project.labels.submit("ann", [full(item, WRONG[project.truth(item)]) for item in items])
    project.train()
    first, second = project.project.models.checkpoints()
    assert (first.live, second.live) == (True, False)
    assert "worse on 30 of 30 held-out items" in second.verdict


def test_a_damaged_live_checkpoint_is_compared_by_its_scores(make: Make) -> None:
    project = make(dataset={"size": 150}).import_dataset().train()
    (project.services.home.checkpoint("toy", "r1") / "weights.safetensors").write_bytes(b"damaged")
    items = [item.id for item in project.project.items.page(limit=150).items if not item.holdout]
    project.project.labels.submit("ann", [full(item, WRONG[project.truth(item)]) for item in items])
    project.train()
    first, second = project.project.models.checkpoints()
    assert (first.live, second.live) == (True, False)
    assert "worse on 30 of 30 held-out items" in second.verdict


def test_a_transductive_live_checkpoint_without_scores_stays_live(make: Make) -> None:
    tables = {"dataset": {"plugin": "tiny-moons"}, "learner": {"plugin": "tiny-spreading"}}
    project = make(name="tiny", **tables).import_dataset().train()
    delete_scores(project)
    project.train()
    assert "no common hold-out" in project.project.models.checkpoints()[-1].verdict
    assert state(project) == [True, False]


def test_a_better_regression_goes_live(make: Make) -> None:
    project = make(WAVE, name="wave").import_dataset().train()
    assert project.project.models.checkpoints()[0].metrics["rmse"] > 0
    query = project.project.queries.create(30, None, "ann")
    truth = project.services.pool("wave").truth
    assert truth is not None
    project.project.labels.submit(
        "ann", [(item.id, Label(value=float(truth[int(item.id[1:])]))) for item in query.items]
    )
    project.train()
    before, after = project.project.models.checkpoints()
    assert after.live
    assert after.metrics["rmse"] < before.metrics["rmse"]
