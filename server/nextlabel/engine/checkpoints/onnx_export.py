"""Exports a checkpoint as an ONNX file whose metadata describe its inputs and outputs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nextlabel.contracts.errors import NotFound, Unprocessable
from nextlabel.contracts.interfaces import ImageInput, VectorInput
from nextlabel.engine.checkpoints.serialization import model_input
from nextlabel.engine.images.decoding import REDUCING_GAP
from nextlabel.engine.onnx_graphs import compose
from nextlabel.store import checkpoints
from nextlabel.store.checkpoint_files import ONNX, read_card, verified_path
from nextlabel.store.database import Database
from nextlabel.store.feature_files import network_path
from nextlabel.store.home import Home

_CROP = ", and crop the centre"
_INSTRUCTIONS = (
    "Decode the first frame. Decode a JPEG at 1/2, 1/4 or 1/8 of its size, as libjpeg can: at the smallest size of "
    "which both sides are at least `draft` times what covers the model's input; but not a lossless one (frame FF C3). "
    "Turn it upright by its EXIF orientation, or by the one in a PNG's text or in XMP. Scale 16 bits of grey to 8 by "
    "v / 257, rounded, and use the higher 8 of 16 bits of colour. Lay transparent images on white. Convert to the "
    "colour mode (grey: 0.299 R + 0.587 G + 0.114 B); ignore colour profiles. Resize, bilinear and antialiased, until "
    f"both sides are covered{_CROP}. Pass the whole numbers as they are, 0 to 255: if mean and std are "
    "null, the network itself subtracts the mean and divides by the standard deviation."
)


def write(database: Database, home: Home, project: str, name: str, path: Path) -> None:
    """Write checkpoint `name` with its metadata to `path`.

    Raises NotFound, Unprocessable if it has no ONNX form, or Gone if its files are damaged.
    """
    import onnx  # noqa: PLC0415 - only an export needs it

    with database.read() as connection:
        row = checkpoints.get(connection, project, name)
        if row is None:
            raise NotFound.name("checkpoint", name, [other.name for other in checkpoints.all(connection, project)])
    folder = home.at(row.folder)
    card = read_card(folder)
    source = verified_path(folder, ONNX) if card["onnx"] else None
    if source is None:
        raise Unprocessable(
            f"checkpoint {name!r} of {project!r} has no ONNX form: {card['learner']['plugin']!r} writes none"
        )
    features = card.get("features")
    if features and features["checkpoint"] is not None:
        raise Unprocessable(
            f"checkpoint {name!r} of {project!r} has no ONNX form: its features come from the model of "
            f"{features['plugin']!r}, whose ONNX form returns no embeddings"
        )
    model = compose(network_path(home.features(features["key"])), source) if features else onnx.load(source)
    onnx.helper.set_model_props(model, metadata(card, name))
    model.producer_name, model.producer_version = "nextlabel", version("nextlabel")
    onnx.checker.check_model(model)
    onnx.save(model, path)


def metadata(card: dict[str, Any], checkpoint: str) -> dict[str, str]:
    """Return the metadata of an exported file: texts, or JSON if they are more than a name."""
    properties = {
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
    if card.get("features"):
        properties["features"] = _json({name: card["features"][name] for name in ("plugin", "parameters", "version")})
    if card.get("test"):
        properties["test"] = _json(card["test"])
    if card.get("licence"):
        properties["licence"] = card["licence"]
    return properties


def preprocessing(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return how to prepare the model's input, in words and numbers that suffice to do it elsewhere."""
    spec = model_input(card)
    if isinstance(spec, ImageInput):
        whole = not (card.get("features") or {"crop": True})["crop"]
        return {
            "kind": "image",
            "input": "input",
            "shape": [None, *([None] * 2 if whole else [spec.height, spec.width]), spec.channels],
            "layout": "NHWC",
            "type": "uint8",
            "range": [0, 255],
            "mean": None,
            "std": None,
            "mode": "L" if spec.channels == 1 else "RGB",
            "size": [spec.height, spec.width],
            "resize": "cover",
            "crop": None if whole else "centre",
            "filter": "bilinear",
            "antialias": True,
            "orientation": "exif",
            "background": "white",
            "frame": 0,
            "draft": REDUCING_GAP,
            "words": _INSTRUCTIONS.replace(_CROP, "") if whole else _INSTRUCTIONS,
        }
    assert isinstance(spec, VectorInput)
    return {
        "kind": "vector",
        "input": "input",
        "shape": [None, spec.dimensions],
        "type": "float32",
        "words": "Pass the numbers of the vectors as they are in the data set.",
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
