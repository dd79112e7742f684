"""Measures the live checkpoint as it serves: on the data set's own test split, else on the hold-out.

Without either, it is measured on the items that have no label now, by the scores that were stored after its
training; so is one that predicts only its pool, or knows its pool better than from its content. An item whose label
was retracted since the training counts as unlabelled, although the model learnt from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from nextlabel.contracts.data import FloatArray, GraphItems, IntArray, Items
from nextlabel.contracts.errors import DatasetMissing, NotReady, Unprocessable
from nextlabel.engine.checkpoints.serialization import trained_with_other_holdout
from nextlabel.engine.datasets.read_dataset import read_dataset
from nextlabel.engine.evaluation.outcome_report import Outcome, Report, Split, outcome, report
from nextlabel.engine.evaluation.stored_predictions import pool_split, stored_predictions
from nextlabel.engine.images.image_items import unreadable_positions
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.live_models import OutputArrays, Served
from nextlabel.engine.metrics import Predictions, metrics
from nextlabel.engine.services import Services
from nextlabel.engine.training.unlabelled_items import uses_unlabelled_items
from nextlabel.store import checkpoints
from nextlabel.store.checkpoints import CheckpointRow
from nextlabel.store.projects import ProjectRow

Form = Literal["onnx", "model"]
_CHUNK = 256
"""Items that a thread predicts at a time."""


@dataclass(frozen=True)
class Evaluation:
    """A checkpoint's metrics, and what they were measured on."""

    project: str
    checkpoint: str
    split: Split
    """The data set's own test items, or the pool's hold-out, which is never trained on, or its unlabelled items."""
    items: int
    metrics: Mapping[str, float]
    """`accuracy` and `loss`, or `rmse` and `loss`."""
    form: Form
    """The ONNX form, which also serves predictions, or the model's own class if it has none."""
    report: Report
    """Scores by class and the confusion matrix, or the errors of a regression."""

    def document(self) -> dict[str, Any]:
        """Return the evaluation as a JSON object."""
        fields = {name: value for name, value in vars(self).items() if name != "report"}
        return {**fields, **self.report.document()}


@dataclass(frozen=True)
class Measured:
    """A checkpoint's predictions for some items, and their metrics."""

    metrics: Mapping[str, float]
    """`accuracy` and `loss`, or `rmse` and `loss`; `holdout` is the number of items."""
    outcome: Outcome


@dataclass(frozen=True)
class EvaluationSet:
    """Items that no checkpoint is trained on, with their labels (k,)."""

    split: Split
    items: Items
    truth: IntArray | FloatArray


def evaluate(services: Services, project: str, progress: Callable[[float], None]) -> Evaluation:
    """Evaluate a project's live checkpoint.

    Without a test split and a hold-out, a checkpoint that was trained here is measured on the items without a label.

    Raises NotReady if there is none or nothing to measure it on, Unprocessable if it may have been
    trained on the project's hold-out.
    """
    row = services.row(project)
    with services.database.read() as connection:
        live = checkpoints.get(connection, project, row.live) if row.live else None
    if live is None:
        raise NotReady(f"project {project!r} has no trained model yet; train it first")
    served = services.live.load(live.name, services.home.at(live.folder))
    state = services.state(row)
    if live.job is not None and uses_unlabelled_items(state):
        return _evaluation(served, _measure_stored(services, state, live), "model")
    evaluation_set = find_evaluation_set(services, row) if served.card["input"] is not None else None
    if evaluation_set is not None and evaluation_set.split == "holdout" and served.card.get("fitted"):
        evaluation_set = None  # it knows held-out items better than from their content
    on_holdout = evaluation_set is None or evaluation_set.split == "holdout"
    sampled = services.pool(project).sampled
    if on_holdout and trained_with_other_holdout(live, row, services.projects.get(project), sampled=sampled):
        raise Unprocessable(
            f"checkpoint {live.name} was trained with another hold-out than that of project {project!r}, and may "
            "have been trained on items of it; train here first"
        )
    if evaluation_set is None:
        return _evaluation(served, _measure_stored(services, state, live), "model")
    measured = measure(served, evaluation_set, services.settings.cores, services.settings.max_pixels, progress)
    if measured is None:
        raise _nothing_to_measure(services, row)
    return _evaluation(served, measured, "onnx" if served.card["onnx"] else "model")


def find_evaluation_set(services: Services, row: ProjectRow) -> EvaluationSet | None:
    """Return the data set's own test items if it has any, else the hold-out; None for a graph.

    Raises NotReady if there is neither.
    """
    pool = services.pool(row.name)
    test = pool.test(services.settings.max_pixels) if row.has_test else None
    if test is not None and len(test[1]):
        return EvaluationSet("test", *test)
    state = services.state(row)
    positions, truth = state.holdout_truth(pool.truth)
    if not len(positions):
        raise _nothing_to_measure(services, row)
    items = services.items(state)
    return None if isinstance(items, GraphItems) else EvaluationSet("holdout", items.take(positions), truth)


def measure(
    served: Served, evaluation_set: EvaluationSet, threads: int, max_pixels: int, progress: Callable[[float], None]
) -> Measured | None:
    """Return the metrics of the predictions that `/predict` returns for the items of `evaluation_set`.

    Each item is prepared like an upload, and predicted alone if there is an ONNX form. Returns None if no
    image can be read.
    """
    items, truth = evaluation_set.items, evaluation_set.truth
    assert not isinstance(items, GraphItems)

    def predict(positions: IntArray) -> OutputArrays:
        return served.infer(served.preprocess_items(items.take(positions), max_pixels))

    chunks = [np.arange(start, min(start + _CHUNK, len(items))) for start in range(0, len(items), _CHUNK)]
    served.warm()
    parts = []
    # threads can share an ONNX Runtime session; a model's own class may not be thread-safe
    with ThreadPoolExecutor(threads if served.card["onnx"] else 1) as pool:
        for part in pool.map(predict, chunks):
            parts.append({name: array for name, array in part.items() if name in ("probabilities", "mean", "std")})
            progress(len(parts) / len(chunks))
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    readable = np.setdiff1d(np.arange(len(items)), unreadable_positions(items))  # others were white
    return _measured(evaluation_set.split, Predictions(arrays, readable, truth[readable]), served.card["classes"])


def _measured(split: Split, predictions: Predictions, classes: Sequence[str]) -> Measured | None:
    values = metrics(predictions.arrays, predictions.positions, predictions.truth)
    return Measured(values, outcome(split, predictions, classes)) if values else None


def _measure_stored(services: Services, state: PoolState, live: CheckpointRow) -> Measured:
    """Measure a checkpoint on items of the pool, by the scores that were stored after its training."""
    project = state.project
    predictions = stored_predictions(services, state, live.name)
    if predictions is None:
        raise NotReady(f"checkpoint {live.name} of project {project.name!r} has not scored the pool yet")
    measured = _measured(pool_split(state), predictions, project.classes)
    if measured is None:
        raise _nothing_to_measure(services, project)
    return measured


def _nothing_to_measure(services: Services, project: ProjectRow) -> NotReady:
    if not project.imported:
        try:
            read_dataset(services.projects.get(project.name), services.registry, services.settings)
        except DatasetMissing as missing:
            return NotReady(f"{missing}; without it, no held-out item of project {project.name!r} has a full label yet")
    return NotReady(
        f"project {project.name!r} has no test split, and no held-out item has a full label yet; without a hold-out, "
        "items without a label are used, but the data set knows none of theirs"
    )


def _evaluation(served: Served, measured: Measured, form: Form) -> Evaluation:
    return Evaluation(
        project=served.card["project"],
        checkpoint=served.checkpoint,
        split=measured.outcome.split,
        items=len(measured.outcome.truth),
        metrics={name: value for name, value in measured.metrics.items() if name != "holdout"},
        form=form,
        report=report([measured.outcome]),
    )
