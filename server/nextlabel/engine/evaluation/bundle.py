"""Writes a checkpoint as a bundled one: in half precision, with a card that records how it was made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nextlabel.contracts.data import Items
from nextlabel.contracts.errors import Conflict, NotReady, PluginError, Unprocessable
from nextlabel.contracts.interfaces import Model
from nextlabel.engine.bundled_checkpoints import check_name
from nextlabel.engine.checkpoints.half_precision import halve_onnx, halve_tensors
from nextlabel.engine.checkpoints.serialization import check_onnx, rebuild_model
from nextlabel.engine.evaluation.evaluate import find_evaluation_set, measure
from nextlabel.engine.services import Services
from nextlabel.engine.training.pool_items import PoolItems
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
class BuildInfo:
    """How a bundled checkpoint was made, for its card."""

    command: str
    """The command line, without paths of the machine."""
    seconds: float
    """Duration of the training."""
    threads: int
    """Processor threads that the training used."""
    licence: str
    """An SPDX identifier."""


def check_target(target: Path) -> None:
    """Raise Conflict if the folder exists, Unprocessable if it cannot be created or has an invalid name."""
    check_name(target.name)
    if target.exists():
        raise Conflict(f"{target} exists already; name a new folder for the checkpoint")
    check_writable(target.parent)


def write_bundle(
    services: Services, project: str, checkpoint: str, target: Path, info: BuildInfo, progress: Callable[[float], None]
) -> dict[str, Any]:
    """Write a checkpoint of `project` to the new folder `target` as a bundled one, and return its card.

    The weights are stored in half precision. So are those of the ONNX form, unless it then
    predicts differently from the model. The card's `test` is measured on the written files, as they
    will be served; it is None if there is nothing to measure on.
    """
    check_target(target)
    with services.database.read() as connection:
        row = checkpoints.get(connection, project, checkpoint)
    assert row is not None
    source = services.home.at(row.folder)
    card = read_card(source)
    if card["input"] is None or card.get("fitted"):
        raise Unprocessable(
            f"checkpoint {checkpoint} of {project!r} is transductive: it cannot be bundled without its pool"
        )
    if card.get("features") and card["features"]["checkpoint"] is not None:
        raise Unprocessable(
            f"checkpoint {checkpoint} of {project!r} takes the features of {card['features']['plugin']!r}: "
            "it cannot be bundled without that project's checkpoint"
        )
    with new_folder(target.absolute()) as partial:
        tensors = halve_tensors(read_weights(source))
        write_weights(partial, tensors)
        # from here on, the model with the rounded weights
        model = rebuild_model(card, single_precision(tensors), services.registry)
        onnx = model.write_onnx(partial / ONNX)
        if onnx:
            pool = PoolItems(services, services.state(services.row(project)))
            _halve(partial / ONNX, model, pool.of(card.get("features")))
        bundled: dict[str, Any] = {
            **{name: value for name, value in card.items() if name != "sha256"},
            "checkpoint": target.name,
            "onnx": onnx,
            "precision": HALF,
            "command": info.command,
            "seconds": round(info.seconds, 1),
            "processor_threads": info.threads,
            "licence": info.licence,
            "test": None,
        }
        write_card(partial, bundled)
        bundled["test"] = _measure(services, project, partial, target.name, progress)
        return write_card(partial, bundled)


def _halve(path: Path, model: Model, items: Items) -> None:
    """Halve the weights of an ONNX file in place, unless it then predicts differently from the model."""
    check_onnx(path, model, items)
    half = path.with_suffix(".half")
    halve_onnx(path, half)
    try:
        check_onnx(half, model, items)
    except PluginError:
        half.unlink()
    else:
        half.replace(path)


def _measure(
    services: Services, project: str, folder: Path, checkpoint: str, progress: Callable[[float], None]
) -> Mapping[str, Any] | None:
    """Return the card's `test` entry, or None if there is nothing to measure the checkpoint on."""
    try:
        evaluation_set = find_evaluation_set(services, services.row(project))
    except NotReady:
        return None
    if evaluation_set is None:
        return None
    served = services.live.load(checkpoint, folder)
    measured = measure(served, evaluation_set, services.settings.cores, services.settings.max_pixels, progress)
    if measured is None:
        return None
    values = {name: value for name, value in measured.metrics.items() if name != "holdout"}
    return {"split": evaluation_set.split, "items": len(measured.outcome.truth), **values}
