"""How good the live checkpoint is, as served: on the data set's own test split, else on the hold-out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nextlabel.contracts.data import FloatArray, GraphItems, IntArray, Items
from nextlabel.contracts.errors import NotReady, Unprocessable
from nextlabel.engine.bundled_checkpoints import held_out_elsewhere
from nextlabel.engine.checkpoints.serialization import input_array, model_input
from nextlabel.engine.images.image_items import unread
from nextlabel.engine.live_models import OutputArrays, Served
from nextlabel.engine.scores import decided, kept_scores
from nextlabel.engine.services import Services
from nextlabel.engine.training.evaluation import metrics
from nextlabel.store import checkpoints
from nextlabel.store.checkpoint_files import read_card
from nextlabel.store.checkpoints import CheckpointRow
from nextlabel.store.projects import ProjectRow

Split = Literal["test", "holdout"]
Form = Literal["onnx", "model"]
_PIECE = 256


@dataclass(frozen=True)
class Evaluation:
    """A checkpoint's metrics, and what they were measured on."""

    project: str
    checkpoint: str
    split: Split
    """The data set's own test items, or those of the pool that are never trained on."""
    items: int
    metrics: Mapping[str, float]
    """`accuracy` and `loss`, or `rmse` and `loss`."""
    form: Form
    """What answered: the ONNX form, as it serves, or the model's own class where it has none."""


@dataclass(frozen=True)
class Measured:
    """Items nobody trained on, with what is right of them (k,)."""

    split: Split
    items: Items
    truth: IntArray | FloatArray


def evaluate(services: Services, project: str, progress: Callable[[float], None]) -> Evaluation:
    """Evaluate a project's live checkpoint; NotReady where there is none, or nothing to measure it on.

    Unprocessable where it may have learnt from what is held out here.
    """
    row = services.row(project)
    with services.database.read() as connection:
        live = checkpoints.get(connection, project, row.live) if row.live else None
    if live is None:
        raise NotReady(f"project {project!r} has no trained model yet; train it first")
    folder = services.home.at(live.folder)
    served = Served(live.name, read_card(folder), folder, services.registry)
    untouched = untouched_items(services, row) if served.card["input"] is not None else None
    if (untouched is None or untouched.split == "holdout") and held_out_elsewhere(
        live, row, services.projects.get(project)
    ):
        raise Unprocessable(
            f"checkpoint {live.name} was made with another hold-out than project {project!r} has, of which it may have "
            "learnt: train here first"
        )
    if untouched is None:
        return _evaluation(served, "holdout", _by_scores(services, row, live))
    measured = measure(served, untouched.items, untouched.truth, services.settings.cores, progress)
    if not measured:
        raise _nothing(project)
    return _evaluation(served, untouched.split, measured)


def untouched_items(services: Services, row: ProjectRow) -> Measured | None:
    """Return the data set's own test items where it has them, else the hold-out; None for a graph.

    NotReady where there is neither.
    """
    pool = services.pool(row.name)
    test = pool.test(services.settings.max_pixels) if row.has_test else None
    if test is not None and len(test[1]):
        return Measured("test", *test)
    state = services.state(row)
    positions, truth = state.holdout_truth(pool.truth)
    if not len(positions):
        raise _nothing(row.name)
    items = services.items(state)
    return None if isinstance(items, GraphItems) else Measured("holdout", items.take(positions), truth)


def measure(
    served: Served, items: Items, truth: IntArray | FloatArray, threads: int, progress: Callable[[float], None]
) -> dict[str, float]:
    """Return the metrics of what `/predict` would answer for `items` (k), whose `truth` (k,) is known.

    Each is prepared as an upload is, and answered by itself where there is an ONNX form. Empty where
    no image can be read.
    """
    assert not isinstance(items, GraphItems)
    spec = model_input(served.card)

    def answer(places: IntArray) -> OutputArrays:
        return served.infer(input_array(spec, items.take(places)))

    pieces = [np.arange(start, min(start + _PIECE, len(items))) for start in range(0, len(items), _PIECE)]
    served.warm()
    parts = []
    # a session of ONNX Runtime may be shared; a model's own class need not bear it
    with ThreadPoolExecutor(threads if served.card["onnx"] else 1) as pool:
        for part in pool.map(answer, pieces):
            parts.append({name: array for name, array in part.items() if name in ("probabilities", "mean", "std")})
            progress(len(parts) / len(pieces))
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    known = np.setdiff1d(np.arange(len(items)), unread(items))  # white was seen in the place of those that are gone
    return metrics(arrays, known, truth[known])


def _by_scores(services: Services, row: ProjectRow, live: CheckpointRow) -> dict[str, float]:
    """Measure a model that knows only its pool on the hold-out, by its stored scores."""
    with services.database.read() as connection:
        scoring = checkpoints.scoring(connection, row.name, live.name)
    arrays = kept_scores(services.home, scoring)
    if scoring is None or arrays is None:
        raise NotReady(f"checkpoint {live.name} of project {row.name!r} has not scored the pool yet")
    positions, truth = services.state(row).holdout_truth(services.pool(row.name).truth)
    scored = positions < scoring.rows
    if "probabilities" in arrays:
        scored[scored] = decided(arrays["probabilities"], positions[scored])
    measured = metrics(arrays, positions[scored], truth[scored])
    if not measured:
        raise _nothing(row.name)
    return measured


def _nothing(project: str) -> NotReady:
    return NotReady(f"project {project!r} has no test split, and no held-out item has a full label yet")


def _evaluation(served: Served, split: Split, measured: Mapping[str, float]) -> Evaluation:
    told = {name: value for name, value in measured.items() if name != "holdout"}
    form: Form = "onnx" if served.card["onnx"] else "model"
    return Evaluation(served.card["project"], served.checkpoint, split, int(measured["holdout"]), told, form)
