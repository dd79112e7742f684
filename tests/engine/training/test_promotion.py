"""Who goes live after a training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.engine import SQUARES, WAVE, ToyProject, full

from nextlabel.contracts.errors import Gone
from nextlabel.store import checkpoints
from nextlabel.store.labels import Label

Make = Callable[..., ToyProject]


def test_a_worse_checkpoint_waits_and_can_be_promoted(make: Make) -> None:
    project = make(dataset={"size": 150}).bring().train()
    wrong = {"red": "green", "green": "blue", "blue": "red"}
    query = project.project.queries.create(100, None, "ann")
    project.project.labels.submit("ann", [full(item.id, wrong[project.truth(item.id)]) for item in query.items])
    project.train()
    first, second = project.project.models.checkpoints()
    assert (first.live, second.live) == (True, False)
    assert second.verdict.startswith("worse than the live checkpoint beyond chance")
    assert project.project.queries.create(1).checkpoint == "r1"
    assert project.project.models.promote("r2").live
    assert [found.live for found in project.project.models.checkpoints()] == [False, True]
    assert project.project.queries.create(1).checkpoint == "r2"


def test_one_as_good_goes_live(blobs: ToyProject) -> None:
    blobs.train().train()
    first, second = blobs.project.models.checkpoints()
    assert (first.live, second.live) == (False, True)
    assert second.verdict.startswith("not worse than the live checkpoint")


def test_without_a_common_hold_out_it_waits(make: Make) -> None:
    project = make(dataset={"known": False}, labels={"initial": 0}).bring()
    pool = [item.id for item in project.project.items.page(limit=60).items if not item.holdout]
    project.project.labels.submit("ann", [full(item, ("red", "green")[place % 2]) for place, item in enumerate(pool)])
    project.train().train()
    first, second = project.project.models.checkpoints()
    assert (first.live, second.live) == (True, False)
    assert "promote it by hand" in second.verdict
    assert "accuracy" not in second.metrics


@pytest.mark.parametrize("name", ["weights.safetensors", "model.onnx"])
def test_a_damaged_one_is_not_promoted(make: Make, name: str) -> None:
    project = make(SQUARES).bring().train().train()
    (project.services.home.checkpoint(project.project.config.name, "r1") / name).write_bytes(b"damaged")
    with pytest.raises(Gone, match="damaged"):
        project.project.models.promote("r1")
    assert [found.live for found in project.project.models.checkpoints()] == [False, True]


def test_it_is_judged_against_what_is_live_at_its_end(meddled: Callable[..., Any]) -> None:
    project, happens = meddled({**SQUARES, "dataset": {"plugin": "toy-blobs", "size": 150}})
    wrong = {"red": "green", "green": "blue", "blue": "red"}
    items = [item.id for item in project.project.queries.create(100, None, "ann").items]
    project.project.labels.submit("ann", [full(item, wrong[project.truth(item)]) for item in items])
    project.train()
    project.project.labels.submit("ann", [full(item, project.truth(item)) for item in items])
    project.train()
    project.project.models.promote("r1")  # the bad one
    project.project.labels.submit("ann", [full(item, wrong[project.truth(item)]) for item in items])
    happens.append(lambda: project.project.models.promote("r2") and None)
    project.train()
    assert [found.live for found in project.project.models.checkpoints()] == [False, True, False]
    assert project.project.models.checkpoints()[-1].verdict.startswith("worse than the live checkpoint")


def forget_scores(project: ToyProject) -> None:
    with project.services.database.write() as connection:
        for scoring in checkpoints.scorings(connection, project.name):
            checkpoints.delete_scoring(connection, scoring.id)


def test_a_live_checkpoint_without_scores_is_asked_of_the_hold_out(make: Make) -> None:
    project = make(dataset={"size": 150}).bring().train()
    forget_scores(project)
    wrong = {"red": "green", "green": "blue", "blue": "red"}
    items = [item.id for item in project.project.items.page(limit=150).items if not item.holdout]
    project.project.labels.submit("ann", [full(item, wrong[project.truth(item)]) for item in items])
    project.train()
    first, second = project.project.models.checkpoints()
    assert (first.live, second.live) == (True, False)
    assert "worse on 30 of 30 held-out items" in second.verdict


def test_a_live_checkpoint_that_can_neither_be_asked_nor_has_scores_is_not_taken_for_none(make: Make) -> None:
    project = make(name="tiny", dataset={"plugin": "tiny-moons"}, learner={"plugin": "tiny-spreading"}).bring().train()
    forget_scores(project)
    project.train()
    assert "no common hold-out" in project.project.models.checkpoints()[-1].verdict
    assert [found.live for found in project.project.models.checkpoints()] == [True, False]


def test_a_regression_is_judged_too(make: Make) -> None:
    project = make(WAVE, name="wave").bring().train()
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
