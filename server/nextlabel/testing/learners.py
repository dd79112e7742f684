"""Checks a learner and the models that it trains."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from nextlabel.contracts import BoolArray, Learner, LearnerPlugin, Model, Targets, Training
from nextlabel.contracts.data import Task as TaskName
from nextlabel.contracts.errors import Unprocessable
from nextlabel.testing.assertions import check_record, errors_prefixed, no_global_randomness, require
from nextlabel.testing.models import Arrays, check_model, close, predict_all
from nextlabel.testing.toy_problems import KINDS, TASKS, Task, tasks

Make = Callable[[], Learner[Any]]


def check_learner(
    record: LearnerPlugin,
    parameters: Mapping[str, Any] | None = None,
    *,
    kinds: Sequence[str] | None = None,
    task: TaskName | None = None,
) -> None:
    """Check a learner on small images, vectors and graphs, in classification and regression.

    `kinds` (images, vectors, graph) and `task` are what it must learn. If one of them is left out,
    the learner may refuse combinations, but it must learn at least one. Pass `parameters` that
    make training short, because it is trained about ten times per kind.
    """
    make = check_record(record, parameters, Learner)
    refusals = []
    learnt = 0
    for kind in kinds or KINDS:
        for name in (task,) if task else TASKS:
            first, *variants = tasks(kind, name)
            refusal = _refusal(make, first)
            if refusal is None:
                learnt += 1
                _check_task(record, make, first)
                for variant in variants:
                    with errors_prefixed(f"{record.name}, {variant}"):
                        check_model(record, make, _fit(make(), variant, variant.full), variant)
            else:
                refusals.append(f"{first}: {refusal}")
    required = len(kinds) * (1 if task else 0) if kinds else 0
    require(learnt >= max(1, required), f"{record.name} refuses too many tasks: {'; '.join(refusals)}")
    for kind in kinds or ():
        of_kind = [refusal for refusal in refusals if f" of {kind}:" in refusal]
        require(len(of_kind) < len(TASKS), f"{record.name} does not learn {kind}: {'; '.join(of_kind)}")


def _refusal(make: Make, task: Task) -> str | None:
    """Return why the learner does not learn `task`, or None if it does."""
    try:
        make().fit(task.items, task.full, Training(0, task.classes))
    except Exception as error:  # noqa: BLE001 - a learner may refuse unsupported items with any error
        return f"{type(error).__name__}: {error}"
    return None


def _check_task(record: LearnerPlugin, make: Make, task: Task) -> None:
    with errors_prefixed(f"{record.name}, {task}"):
        with no_global_randomness():
            model = _fit(make(), task, task.full)
            outputs = predict_all(model, task, task.items)
        check_model(record, make, model, task)
        require(
            close(outputs, predict_all(_fit(make(), task, task.full), task, task.items), 0),
            "the same seed gives another model; all randomness must come from training.seed",
        )
    for name, targets in task.cases():
        with errors_prefixed(f"{record.name}, {task}, {name}"):
            _check_case(make, task, targets)
    with errors_prefixed(f"{record.name}, {task}, started from another model"):
        predict_all(_fit(make(), task, task.full, start=model), task, task.items)
    with errors_prefixed(f"{record.name}, {task}, with a folder"), TemporaryDirectory() as folder:
        _check_folder(make, task, outputs, Path(folder))


class _Killed(BaseException):
    """Ends a training as a signal does."""


def _check_folder(make: Make, task: Task, outputs: Arrays, folder: Path) -> None:
    """Check a training that ends in the middle, and one that resumes from what the first wrote to `folder`."""

    def stop(share: float, _: Mapping[str, float]) -> None:
        if share < 1:
            raise _Killed

    with suppress(_Killed):
        make().fit(task.items, task.full, Training(7, task.classes, stop, folder=folder))
    resumed = predict_all(_fit(make(), task, task.full, folder=folder), task, task.items)
    shutil.rmtree(folder)
    folder.mkdir()
    whole = predict_all(_fit(make(), task, task.full, folder=folder), task, task.items)
    require(close(outputs, whole, 0), "with an empty folder, the same seed gives another model")
    same = all(resumed[name].shape == outputs[name].shape for name in outputs)
    require(same, "a training that was killed and resumed gives a model with other outputs")


def _check_case(make: Make, task: Task, targets: Targets) -> None:
    try:
        model = _fit(make(), task, targets)
    except Unprocessable as error:
        require(str(error).strip(), "it raises Unprocessable without a reason")
        includes_first = _full(targets)[_full(task.full)].all()  # the labels of the first fit, which it accepted
        require(not includes_first, f"it refuses labels it could learn from: {error}")
        return
    predict_all(model, task, task.items)


def _full(targets: Targets) -> BoolArray:
    """Return which items have a full label, or a value."""
    return targets.labelled if targets.candidates is None else np.asarray(targets.candidates.sum(axis=1) == 1)


def _fit(
    learner: Learner[Any], task: Task, targets: Targets, start: Model | None = None, folder: Path | None = None
) -> Model:
    reports: list[tuple[float, Mapping[str, float]]] = []
    training = Training(7, task.classes, lambda share, metrics: reports.append((share, dict(metrics))))
    try:
        model = learner.fit(task.items, targets, replace(training, start=start, folder=folder))
    except ValueError as error:
        if "read-only" in str(error):
            raise AssertionError("it modifies the arrays that it receives; copy them first") from error
        raise
    require(isinstance(model, Model), f"fit() returned {type(model).__name__}, which is not a Model")
    _check_progress(reports)
    return model


def _check_progress(reports: Sequence[tuple[float, Mapping[str, float]]]) -> None:
    require(reports, "it never called training.progress")
    shares = [float(share) for share, _ in reports]
    require(all(0 <= share <= 1 for share in shares), f"progress outside 0..1: {shares}")
    require(bool((np.diff(shares) >= 0).all()), f"progress decreased: {shares}")
    require(math.isclose(shares[-1], 1.0, abs_tol=1e-9), f"progress ended at {shares[-1]} instead of 1.0")
    for _, metrics in reports:
        for name, value in metrics.items():
            require(
                isinstance(name, str) and isinstance(value, (int, float, np.number)) and math.isfinite(value),
                f"a metric must be a name and a finite number, not {name!r}: {value!r}",
            )
