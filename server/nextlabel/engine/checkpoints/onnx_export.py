"""A model as an ONNX file that says of itself what goes in, and what comes out."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nextlabel.contracts.errors import NotFound, Unprocessable
from nextlabel.engine.checkpoints.preprocessing import preprocessing
from nextlabel.store import checkpoints
from nextlabel.store.checkpoint_files import ONNX, read_card, verified_path
from nextlabel.store.database import Database
from nextlabel.store.home import Home


def write(database: Database, home: Home, project: str, name: str, path: Path) -> None:
    """Write checkpoint `name` with its metadata to `path`.

    Raises NotFound, Unprocessable if it has no ONNX form, or Gone if its files are damaged.
    """
    import onnx  # noqa: PLC0415 - only who exports a model needs it

    with database.read() as connection:
        found = checkpoints.get(connection, project, name)
        if found is None:
            raise NotFound.name("checkpoint", name, [each.name for each in checkpoints.all(connection, project)])
    folder = home.at(found.folder)
    card = read_card(folder)
    source = verified_path(folder, ONNX) if card["onnx"] else None
    if source is None:
        raise Unprocessable(
            f"checkpoint {name!r} of {project!r} has no ONNX form: {card['learner']['plugin']!r} writes none"
        )
    model = onnx.load(source)
    onnx.helper.set_model_props(model, metadata(card, name))
    model.producer_name, model.producer_version = "nextlabel", version("nextlabel")
    onnx.checker.check_model(model)
    onnx.save(model, path)


def metadata(card: dict[str, Any], checkpoint: str) -> dict[str, str]:
    """Return what an exported file says of itself: texts, JSON where they are more than a name."""
    told = {
        "labels": _json(card["classes"]),
        "preprocessing": _json(preprocessing(card)),
        "project": card["project"],
        "title": card.get("title", card["project"]),
        "checkpoint": checkpoint,
        "nextlabel": version("nextlabel"),
        "task": card["task"],
        "metrics": _json(card["metrics"]),
        "learner": _json(card["learner"]),
        "created": card["created"],
    }
    if card.get("test"):
        told["test"] = _json(card["test"])
    if card.get("licence"):
        told["licence"] = card["licence"]
    return told


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
