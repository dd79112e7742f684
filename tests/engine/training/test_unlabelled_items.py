"""Without a hold-out and a test split, a model is measured on the items without a label, which decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.engine import BLOBS, SQUARES, WAVE, ToyProject

from nextlabel.contracts.errors import NotReady
from nextlabel.engine.evaluation.evaluate import evaluate
from nextlabel.engine.evaluation.last_outcome import last_outcome
from nextlabel.engine.scores import open_scores
from nextlabel.store import checkpoints

Make = Callable[..., ToyProject]
WITHOUT = {"initial": 6, "holdout": 0.0}


def metrics(project: ToyProject) -> dict[str, float]:
    return dict(project.project.models.checkpoints()[-1].metrics)


def scores(project: ToyProject) -> dict[str, np.ndarray]:
    with project.services.database.read() as connection:
        scoring = checkpoints.scorings(connection, "toy")[-1]
    return dict(open_scores(project.services.home.at(scoring.folder)))


def test_accuracy_and_loss_are_those_of_the_items_without_a_label(make: Make) -> None:
    project = make(dataset={"spread": 1.5}, labels=WITHOUT).import_dataset().train()
    measured = metrics(project)
    labelled = project.services.state(project.services.row("toy")).labelled
    truth = np.asarray(project.services.pool("toy").truth)
    correct = scores(project)["probabilities"].argmax(axis=1) == truth
    assert labelled.sum() == 6
    assert measured["unlabelled_accuracy"] == correct[~labelled].mean()
    assert 0 < measured["unlabelled_accuracy"] < 1
    assert measured["unlabelled_loss"] > 0
    evaluation = evaluate(project.services, "toy", lambda _: None)
    assert (evaluation.split, evaluation.items, evaluation.form) == ("unlabelled", (~labelled).sum(), "model")
    assert evaluation.metrics == {name: measured[f"unlabelled_{name}"] for name in ("accuracy", "loss")}


@pytest.mark.parametrize("holdout", [0.0, 0.5])
def test_items_that_no_label_reached_count_as_predicted(make: Make, holdout: float) -> None:
    learner = {"plugin": "label-spreading", "neighbours": 1}
    labels = {"initial": 6, "holdout": holdout}
    project = make({**BLOBS, "learner": learner}, labels=labels).import_dataset().train()
    measured, prefix = metrics(project), "" if holdout else "unlabelled_"
    state = project.services.state(project.services.row("toy"))
    others = np.flatnonzero(state.holdout if holdout else ~state.labelled)
    assert np.ptp(scores(project)["probabilities"][others], axis=1).max() == 0
    evaluation = evaluate(project.services, "toy", lambda _: None)
    assert evaluation.items == len(others)
    assert evaluation.metrics == {name: measured[f"{prefix}{name}"] for name in ("accuracy", "loss")}
    outcome = last_outcome(project.services, "toy")
    assert outcome is not None
    assert (outcome.truth == outcome.predicted).mean() == measured[f"{prefix}accuracy"]


def test_without_a_checkpoint_there_is_no_outcome(make: Make) -> None:
    assert last_outcome(make(labels=WITHOUT).import_dataset().services, "toy") is None


def test_items_that_were_labelled_since_are_left_out(make: Make) -> None:
    project = make(labels=WITHOUT).import_dataset().train()
    before = evaluate(project.services, "toy", lambda _: None).items
    project.answer(project.project.queries.create(4, None, "ann"), "ann")
    assert evaluate(project.services, "toy", lambda _: None).items == before - 4


@pytest.mark.parametrize("tables", [{}, {"dataset": {"tests": 9}, "labels": WITHOUT}])
def test_a_hold_out_or_a_test_split_is_measured_instead(make: Make, tables: dict[str, Any]) -> None:
    measured = metrics(make(**tables).import_dataset().train())
    assert not [name for name in measured if name.startswith("unlabelled")]


def test_values_have_an_error(make: Make) -> None:
    project = make(WAVE, labels={"initial": 8, "holdout": 0.0}).import_dataset().train()
    measured = metrics(project)
    assert measured["unlabelled_rmse"] > 0
    assert "unlabelled_accuracy" not in measured
    assert evaluate(project.services, "toy", lambda _: None).metrics["rmse"] == measured["unlabelled_rmse"]


def test_it_neither_promotes_nor_reaches_a_goal(make: Make) -> None:
    project = make(labels=WITHOUT, stop={"accuracy": 0.5}).import_dataset().train().train()
    assert metrics(project)["unlabelled_accuracy"] == 1.0
    assert not project.project.status().reached
    assert [made.live for made in project.project.models.checkpoints()] == [False, True]
    verdict = project.project.models.checkpoints()[-1].verdict
    assert verdict == "there is no hold-out to compare it with the live checkpoint on: the newest goes live"


def test_a_fully_labelled_pool_has_nothing_to_measure(make: Make) -> None:
    project = make(labels={"holdout": 0.0}).import_dataset()
    project.answer(project.project.queries.create(project.project.status().items, "random", "ann"), "ann")
    assert project.services.state(project.services.row("toy")).labelled.all()
    project.train()
    assert "unlabelled_accuracy" not in metrics(project)
    with pytest.raises(NotReady, match="items without a label"):
        evaluate(project.services, "toy", lambda _: None)


def test_files_that_cannot_be_read_are_left_out(make: Make, tmp_path: Path, image: Callable[..., bytes]) -> None:
    for number in range(12):
        path = tmp_path / "things" / ("cat" if number % 2 else "dog") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image(number, 40, 40))
    table = {"plugin": "folder", "path": str(tmp_path / "things")}
    project = make(SQUARES, dataset=table, labels={"initial": 4, "holdout": 0.0}).import_dataset().train()
    assert evaluate(project.services, "toy", lambda _: None).items == 8
    state = project.services.state(project.services.row("toy"))
    lost = project.project.items.page("open").items[0].id
    (tmp_path / "things" / lost).unlink()
    project.train()
    assert evaluate(project.services, "toy", lambda _: None).items == 7
    outcome = last_outcome(project.services, "toy")
    assert outcome is not None
    assert len(outcome.truth) == 7
    assert (~state.labelled).sum() == 8
