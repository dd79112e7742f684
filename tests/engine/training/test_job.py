"""Training jobs: what the learner sees, and what is stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bundled import bundle
from support.engine import SQUARES, WAVE, ToyProject, folders, full
from support.toy_learners import Linear, Ridge, with_training_state

from nextlabel.contracts import Items, Model, Targets, Training, VectorItems
from nextlabel.engine.plugins.registry import Registry
from nextlabel.store.checkpoint_files import TRAINING_STATE, read_weights

Make = Callable[..., ToyProject]


class Spy(Ridge):
    """Records what it was called with."""

    def __init__(self, parameters: Any, seen: list[tuple[Items, Targets, Training]]) -> None:
        super().__init__(parameters)
        self.seen = seen

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        self.seen.append((items, targets, training))
        return super().fit(items, targets, training)


def test_the_learner_does_not_see_the_hold_out(make: Make, plugged: Callable[..., Registry]) -> None:
    seen: list[tuple[Items, Targets, Training]] = []
    project = make(plugins=plugged(lambda parameters: Spy(parameters, seen))).import_dataset()
    project.project.labels.submit("ann", [full(f"p{number}", "red") for number in range(60)])
    project.train()
    ((items, targets, training),) = seen
    assert isinstance(items, VectorItems)
    pool = project.services.pool("toy")
    held = [int(item.id[1:]) for item in project.project.items.page(limit=60).items if item.holdout]
    assert len(held) == 12
    assert len(items) == len(targets) == 48
    np.testing.assert_array_equal(items.vectors, np.delete(pool._array("pool-vectors"), held, axis=0))
    assert targets.labelled.all()
    assert (training.classes, training.start, training.features) == (("red", "green", "blue"), None, None)


def test_a_transductive_learner_sees_the_hold_out_unlabelled(make: Make, plugged: Callable[..., Registry]) -> None:
    seen: list[tuple[Items, Targets, Training]] = []
    learner = plugged(lambda parameters: Spy(parameters, seen), transductive=True)
    project = make(plugins=learner).import_dataset()
    project.project.labels.submit("ann", [full(f"p{number}", "red") for number in range(60)])
    project.train()
    ((items, targets, _),) = seen
    assert len(items) == 60
    held = [int(item.id[1:]) for item in project.project.items.page(limit=60).items if item.holdout]
    np.testing.assert_array_equal(np.flatnonzero(~targets.labelled), held)


def test_the_digits_have_359_held_out_items(make: Make) -> None:
    project = make(SQUARES, dataset={"plugin": "digits"}, labels={"initial": 10}).import_dataset()
    items = project.project.items.page(limit=2000).items
    assert len(items) == 1797
    assert sum(item.holdout for item in items) == 359
    labelled = [item for item in items if item.state == "labelled"]
    assert len(labelled) == 10
    assert not any(item.holdout for item in labelled)


def test_the_next_training_starts_from_the_live_model(make: Make, plugged: Callable[..., Registry]) -> None:
    seen: list[tuple[Items, Targets, Training]] = []
    project = make(plugins=plugged(lambda parameters: Spy(parameters, seen))).import_dataset().train().train()
    first, second = (training for _, _, training in seen)
    assert isinstance(second.start, Linear)
    live = project.project.models.checkpoints()[0]
    np.testing.assert_array_equal(
        second.start.weights, read_weights(project.services.home.checkpoint("toy", live.checkpoint))["weights"]
    )
    assert first.seed != second.seed


def test_a_damaged_live_checkpoint_is_not_a_start(
    make: Make, plugged: Callable[..., Registry], capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[tuple[Items, Targets, Training]] = []
    project = make(plugins=plugged(lambda parameters: Spy(parameters, seen))).import_dataset().train()
    (project.services.home.checkpoint("toy", "r1") / "weights.safetensors").write_bytes(b"damaged")
    project.train()
    assert seen[-1][2].start is None
    assert "training starts from scratch" in capsys.readouterr().out


def test_the_same_seed_gives_the_same_weights(make: Make) -> None:
    weights = []
    for _ in range(2):
        project = make().import_dataset().train()
        weights.append((project.services.home.checkpoint("toy", "r1") / "weights.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_a_training_ends_with_a_live_checkpoint(blobs: ToyProject) -> None:
    job = blobs.project.start_training()
    training = blobs.project.status().training
    assert training is not None
    assert training.job == job
    (done,) = blobs.work()
    assert (done.state, done.progress, done.error) == ("succeeded", 1.0, None)
    assert done.metrics["labels"] == 6
    assert done.metrics["accuracy"] > 0.8
    (checkpoint,) = blobs.project.models.checkpoints()
    assert (checkpoint.checkpoint, checkpoint.live, checkpoint.job) == ("r1", True, job)
    assert checkpoint.verdict == "the first checkpoint of this project"
    assert checkpoint.metrics == done.metrics
    assert folders(blobs) == {"checkpoints/toy/r1", f"scores/toy/r1-{job}"}
    assert {path.name for path in (blobs.services.home.root / "checkpoints/toy/r1").iterdir()} == {
        "card.json",
        "model.onnx",
        "weights.safetensors",
    }
    assert blobs.project.models.ready()


@pytest.mark.parametrize("learner", ["toy-ridge", "cnn", "proden"])
def test_a_training_without_labels_fails_with_the_reason(make: Make, learner: str) -> None:
    project = make(SQUARES, learner={"plugin": learner}, labels={"initial": 0})
    project.project.start_training()
    (job,) = project.work()
    assert (job.state, job.error) == ("failed", "there is no label to learn from yet")
    assert folders(project) == set()
    assert not project.project.models.ready()


@pytest.mark.parametrize(
    ("tables", "strategy", "kind", "need", "valid"),
    [
        (SQUARES, "largest-std", "classification", "std", "margin"),
        (WAVE, "margin", "regression", "probabilities", "largest-std"),
    ],
)
def test_a_strategy_that_does_not_fit_is_refused_before_the_fit(
    make: Make, plugged: Callable[..., Registry], tables: Any, strategy: str, kind: str, need: str, valid: str
) -> None:
    seen: list[tuple[Items, Targets, Training]] = []
    project = make(
        tables, strategy={"plugin": strategy}, plugins=plugged(lambda parameters: Spy(parameters, seen))
    ).import_dataset()
    project.project.start_training()
    (job,) = project.work()
    assert job.state == "failed"
    message, _, names = str(job.error).partition("valid strategies")
    assert message == (
        f"project 'toy': strategy {strategy!r} needs {need}, which the models of a {kind} do not return; "
    )
    assert names.startswith(f" for a {kind}: ")
    assert valid in names
    assert strategy not in names
    assert not seen


def test_an_error_of_the_learner_is_the_error_of_the_job(make: Make) -> None:
    project = make(learner={"plugin": "toy-failing"})
    project.project.start_training()
    (job,) = project.work()
    assert (job.state, job.error) == ("failed", "ZeroDivisionError: the toy broke")


def test_a_missing_data_set_fails_the_training_with_the_reason(make: Make) -> None:
    project = make(dataset={"plugin": "toy-missing"})
    project.project.start_training()
    (job,) = project.work()
    assert (job.state, job.error) == (
        "failed",
        "toy-missing is not on this machine; download it with `nextlabel download toy`",
    )
    assert project.project.status().missing == job.error


class Wide(Ridge):
    """Predicts one class too many."""

    def build_model(self, weights: np.ndarray[Any, Any], spec: Any) -> Model:
        return Linear(np.concatenate([weights, weights[:, :1]], axis=1), spec)


class Nan(Ridge):
    """Predicts NaN."""

    def build_model(self, weights: np.ndarray[Any, Any], spec: Any) -> Model:
        return Linear(weights * np.nan, spec)


class WrongOnnx(Ridge):
    """Writes the ONNX form of another model."""

    def build_model(self, weights: np.ndarray[Any, Any], spec: Any) -> Model:
        class Different(Linear):
            def write_onnx(self, path: Path) -> bool:
                return Linear(-weights, spec).write_onnx(path)

        return Different(weights, spec)


@pytest.mark.parametrize(
    ("learner", "error"),
    [
        (Wide, "the model predicts 4 classes; the project has 3"),
        (Nan, "not finite"),
        (WrongOnnx, "the ONNX form and the model disagree: probabilities differ by"),
    ],
)
def test_a_model_that_breaks_its_contract_leaves_nothing(
    make: Make, plugged: Callable[..., Registry], learner: type[Ridge], error: str
) -> None:
    project = make(plugins=plugged(learner)).import_dataset()
    project.project.start_training()
    (job,) = project.work()
    assert job.state == "failed"
    assert error in str(job.error)
    assert folders(project) == set()
    assert project.project.models.checkpoints() == []


class Stateful(Spy):
    """Its models have a training state: how many trainings there were."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        model = super().fit(items, targets, training)
        return with_training_state(model, {"trainings": np.array(len(self.seen))})


def test_the_next_training_gets_the_state_of_the_live_model(
    make: Make, plugged: Callable[..., Registry], tmp_path: Path
) -> None:
    seen: list[tuple[Items, Targets, Training]] = []
    project = make(plugins=plugged(lambda parameters: Stateful(parameters, seen))).import_dataset().train().train()
    assert [dict(training.start_state) for _, _, training in seen] == [{}, {"trainings": 1}]
    project.project.start_training(from_scratch=True)
    project.work()
    assert seen[2][2].start_state == {}
    # a bundled checkpoint has no training state
    folder = bundle(project, tmp_path / "toy" / "toy-1")
    assert not (folder / TRAINING_STATE).exists()


def test_a_training_with_a_damaged_state_starts_from_scratch(
    make: Make, plugged: Callable[..., Registry], capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[tuple[Items, Targets, Training]] = []
    project = make(plugins=plugged(lambda parameters: Stateful(parameters, seen))).import_dataset().train()
    (project.services.home.checkpoint("toy", "r1") / TRAINING_STATE).write_bytes(b"damaged")
    project.train()
    assert (seen[1][2].start, seen[1][2].start_state) == (None, {})
