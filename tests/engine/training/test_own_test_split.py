"""The data set's own test split is measured after each training, and decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.engine import SQUARES, ToyProject, ids

from nextlabel.engine.checkpoints.serialization import read_model
from nextlabel.engine.evaluation.evaluate import evaluate
from nextlabel.engine.evaluation.last_outcome import last_outcome
from nextlabel.engine.jobs.run_job import JobReport

Make = Callable[..., ToyProject]


def metrics(project: ToyProject) -> dict[str, float]:
    return dict(project.project.models.checkpoints()[-1].metrics)


def test_accuracy_and_loss_are_those_of_the_test_split(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nextlabel.engine.scores.BATCH", 4)
    project = make(dataset={"tests": 10}).import_dataset().train()
    measured = metrics(project)
    model = read_model(project.services.home.checkpoint("toy", "r1"), project.services.registry)[0]
    test = project.services.pool("toy").test(100)
    assert test is not None
    items, truth = test
    rows = model.predict(items, frozenset(), np.random.default_rng(0)).probabilities
    assert rows is not None
    assert measured["test_accuracy"] == (rows.argmax(axis=1) == truth).mean() == 1.0
    assert measured["test_loss"] == pytest.approx(-np.log(rows[np.arange(10), truth]).mean(), rel=1e-5)
    evaluation = evaluate(project.services, "toy", lambda _: None)
    assert (evaluation.split, evaluation.metrics["accuracy"]) == ("test", 1.0)
    assert evaluation.metrics["loss"] == pytest.approx(measured["test_loss"], abs=1e-4)
    (job,) = project.engine.jobs(limit=1)
    assert job.metrics == measured


def test_a_wrong_test_split_changes_nothing_else(make: Make) -> None:
    """Neither a verdict nor a goal nor a query reads it, with a hold-out and without."""
    for labels in ({}, {"holdout": 0.0}):
        outcomes = []
        for dataset in ({}, {"tests": 30}, {"tests": 30, "wrong_tests": True}):
            project = make(dataset={"spread": 1.2, **dataset}, stop={"accuracy": 0.9}, labels=labels).import_dataset()
            project.train().train()
            measured = metrics(project)
            tests = {name: measured.pop(name, None) for name in ("test_accuracy", "test_loss")}
            # measured where there is no test split
            measured = {
                name: value for name, value in measured.items() if not name.startswith(("seconds", "unlabelled"))
            }
            status = project.project.status()
            verdicts = [(made.verdict, made.live) for made in project.project.models.checkpoints()]
            query = ids(project.project.queries.create(10))
            outcomes.append((measured, status.reached, verdicts, query))
            if dataset:
                assert (tests["test_accuracy"] < 0.4) == ("wrong_tests" in dataset)  # type: ignore[operator]
        assert outcomes[0] == outcomes[1] == outcomes[2]


def test_a_goal_is_not_reached_by_the_test_split(make: Make) -> None:
    project = make(dataset={"tests": 9}, labels={"holdout": 0.0}, stop={"accuracy": 0.5}).import_dataset().train()
    assert metrics(project)["test_accuracy"] == 1.0
    assert "accuracy" not in metrics(project)
    assert not project.project.status().reached


def test_values_have_an_error(make: Make) -> None:
    table = {"dataset": {"plugin": "toy-steps"}, "learner": {"plugin": "tiny-process"}, "labels": {"initial": 30}}
    project = make({"title": "Steps", **table}).import_dataset().train()
    measured = metrics(project)
    assert measured["test_rmse"] == pytest.approx(0.5, abs=0.05)
    assert measured["rmse"] < 0.05
    assert measured["test_loss"] > measured["loss"]
    assert "test_accuracy" not in measured


def test_a_transductive_model_is_not_measured_on_new_items(make: Make) -> None:
    project = make(dataset={"tests": 9}, learner={"plugin": "toy-whole"}).import_dataset().train()
    assert not {"test_accuracy", "test_loss"} & set(metrics(project))


def test_a_model_that_knows_its_pool_is_measured_by_content(make: Make) -> None:
    project = make(dataset={"tests": 9}, learner={"plugin": "toy-both"}).import_dataset().train()
    assert metrics(project)["test_accuracy"] == 1.0


@pytest.fixture
def things(make: Make, tmp_path: Path, image: Callable[..., bytes]) -> ToyProject:
    """Ten images in `train` and four in `test`."""
    for part, count in (("train", 10), ("test", 4)):
        for number in range(count):
            path = tmp_path / "things" / part / ("cat" if number % 2 else "dog") / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(image(number, 40, 40))
    table = {"plugin": "folder", "path": str(tmp_path / "things")}
    return make(SQUARES, dataset=table, labels={"initial": 8}).import_dataset()


def test_unreadable_test_images_are_left_out(
    things: ToyProject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = metrics(things.train())["test_loss"]
    (tmp_path / "things" / "test" / "cat" / "1.png").unlink()
    assert metrics(things.train())["test_loss"] != whole
    assert "1.png cannot be read" in capsys.readouterr().err
    assert evaluate(things.services, "toy", lambda _: None).items == 3
    for path in (tmp_path / "things" / "test").glob("*/*"):
        path.unlink()
    assert "test_loss" not in metrics(things.train())
    outcome = last_outcome(things.services, "toy")
    assert outcome is not None
    assert outcome.split == "holdout"


def test_the_progress_goes_on_while_it_is_measured(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nextlabel.engine.scores.BATCH", 4)
    shares: list[float] = []
    original = JobReport.__call__

    def noted(self: JobReport, progress: float, metrics: Any) -> None:
        shares.append(progress)
        original(self, progress, metrics)

    monkeypatch.setattr(JobReport, "__call__", noted)
    make(dataset={"tests": 8}).import_dataset().train()
    assert shares == sorted(shares)
    assert [share for share in shares if share > 0.985] == pytest.approx([0.99, 0.995])
