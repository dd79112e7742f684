"""How good the live checkpoint is: on the data set's own test split, else on the hold-out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nextlabel.contracts.errors import NotReady
from nextlabel.contracts.items import FloatArray, GraphItems, IntArray, Items
from nextlabel.contracts.roles import Model
from nextlabel.engine.context import Context
from nextlabel.engine.judging import metrics
from nextlabel.engine.models import read_model
from nextlabel.engine.scoring import BATCH, checked, kept_scores
from nextlabel.engine.state import PoolState
from nextlabel.store import checkpoints


@dataclass(frozen=True)
class Evaluation:
    """A checkpoint's metrics, and what they were measured on."""

    project: str
    checkpoint: str
    split: Literal["test", "holdout"]
    """The data set's own test items, or those of the pool that are never trained on."""
    items: int
    metrics: Mapping[str, float]
    """`accuracy` and `loss`, or `rmse` and `loss`."""


def evaluate(context: Context, project: str, progress: Callable[[float], None]) -> Evaluation:
    """Evaluate a project's live checkpoint; NotReady where there is none, or nothing to measure it on."""
    row = context.row(project)
    with context.database.read() as connection:
        live = checkpoints.get(connection, project, row.live) if row.live else None
        scoring = checkpoints.scoring(connection, project, row.live) if row.live else None
    if live is None:
        raise NotReady(f"project {project!r} has no trained model yet; train it first")
    model = read_model(context.home.at(live.folder), context.registry)[0]
    test = context.pool(project).test(context.settings.max_pixels) if row.has_test and model.inductive else None
    if test is not None:
        items, truth = test
        measured = metrics(_predict(model, items, progress), np.arange(len(items)), truth)
        return _evaluation(project, live.name, "test", measured)
    arrays = kept_scores(context.home, scoring)
    if scoring is None or arrays is None:
        raise NotReady(f"checkpoint {live.name} of project {project!r} has not scored the pool yet")
    state = PoolState(row)
    with context.database.read() as connection:
        state.catch_up(connection)
    positions, truth = state.holdout_truth(context.pool(project).truth)
    scored = positions < scoring.rows
    measured = metrics(arrays, positions[scored], truth[scored])
    if not measured:
        raise NotReady(f"project {project!r} has no test split, and no held-out item has a full label yet")
    return _evaluation(project, live.name, "holdout", measured)


def _evaluation(
    project: str, checkpoint: str, split: Literal["test", "holdout"], measured: Mapping[str, float]
) -> Evaluation:
    told = {name: value for name, value in measured.items() if name != "holdout"}
    return Evaluation(project, checkpoint, split, int(measured["holdout"]), told)


def _predict(model: Model, items: Items, progress: Callable[[float], None]) -> Mapping[str, FloatArray]:
    assert not isinstance(items, GraphItems)
    parts: list[Mapping[str, FloatArray]] = []
    for start in range(0, len(items), BATCH):
        places: IntArray = np.arange(start, min(start + BATCH, len(items)))
        outputs = model.predict(items.take(places), frozenset(), np.random.default_rng(0))
        parts.append(checked(outputs, frozenset(), len(places)))
        progress((start + len(places)) / len(items))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
