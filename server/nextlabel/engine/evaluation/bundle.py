"""A checkpoint written as one that ships: half precision, with a card that says how it was made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nextlabel.contracts.data import Items
from nextlabel.contracts.errors import Conflict, NotReady, PluginError, Unprocessable
from nextlabel.contracts.interfaces import Model
from nextlabel.engine.bundled_checkpoints import check_name
from nextlabel.engine.checkpoints.half_precision import halve_onnx, halved
from nextlabel.engine.checkpoints.serialization import check_onnx, learner_of
from nextlabel.engine.evaluation.evaluate import measure, untouched_items
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.live_models import Served
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints
from nextlabel.store.atomic import new_folder
from nextlabel.store.checkpoint_files import (
    HALF,
    ONNX,
    read_card,
    read_weights,
    single_precision,
    write_card,
    write_weights,
)
from nextlabel.store.home import check_writable


@dataclass(frozen=True)
class Made:
    """How a checkpoint was made, for its card."""

    command: str
    """The command line, without paths of the machine."""
    seconds: float
    """Of the training, by the clock."""
    threads: int
    """The processor's, that it used."""
    licence: str
    """An SPDX identifier."""


def check_target(target: Path) -> None:
    """Raise Conflict where the folder is there already, Unprocessable where it cannot be made or called so."""
    check_name(target.name)
    if target.exists():
        raise Conflict(f"{target} exists already; a checkpoint is written to a folder of its own")
    check_writable(target.parent)


def pack(
    services: Services, project: str, checkpoint: str, target: Path, made: Made, progress: Callable[[float], None]
) -> dict[str, Any]:
    """Write a checkpoint of `project` to the new folder `target`, to be shipped, and return its card.

    Weights are kept in half precision, those of the ONNX form too unless it then answers
    otherwise than the model. The card's `test` is measured on what was written, as it will be
    served; None where nothing is known to measure it on.
    """
    check_target(target)
    row = services.row(project)
    state = PoolState(row)
    with services.database.read() as connection:
        state.catch_up(connection)
        found = checkpoints.get(connection, project, checkpoint)
    assert found is not None
    source = services.home.at(found.folder)
    card = read_card(source)
    if card["input"] is None:
        raise Unprocessable(f"checkpoint {checkpoint} of {project!r} knows only its pool: it cannot ship without it")
    with new_folder(target.absolute()) as partial:
        tensors = halved(read_weights(source))
        write_weights(partial, tensors)
        # from here on it is the model that those weights give
        model = learner_of(card, services.registry).rebuild(card["description"], single_precision(tensors))
        onnx = model.write_onnx(partial / ONNX)
        if onnx:
            _halve(partial / ONNX, model, services.items(state))
        whole: dict[str, Any] = {
            **{name: value for name, value in card.items() if name != "sha256"},
            "checkpoint": target.name,
            "onnx": onnx,
            "precision": HALF,
            "command": made.command,
            "seconds": round(made.seconds, 1),
            "processor_threads": made.threads,
            "licence": made.licence,
            "test": None,
        }
        whole["test"] = _test(services, project, partial, write_card(partial, whole), progress)
        return write_card(partial, whole)


def _halve(path: Path, model: Model, items: Items) -> None:
    """Halve the weights of an ONNX file in place, unless it then answers otherwise than the model."""
    check_onnx(path, model, items)
    half = path.with_suffix(".half")
    halve_onnx(path, half)
    try:
        check_onnx(half, model, items)
    except PluginError:
        half.unlink()
    else:
        half.replace(path)


def _test(
    services: Services, project: str, folder: Path, card: dict[str, Any], progress: Callable[[float], None]
) -> Mapping[str, Any] | None:
    try:
        untouched = untouched_items(services, services.row(project))
    except NotReady:
        return None
    if untouched is None:
        return None
    served = Served(card["checkpoint"], card, folder, services.registry)
    measured = measure(served, untouched.items, untouched.truth, services.settings.cores, progress)
    if not measured:
        return None
    count = int(measured.pop("holdout"))
    return {"split": untouched.split, "items": count, **measured}
