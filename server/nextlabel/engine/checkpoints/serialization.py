"""Models on disk: a checkpoint folder is weights, a card, and ONNX where the model can say so."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nextlabel.contracts.data import FloatArray, GraphItems, Items
from nextlabel.contracts.errors import PluginError
from nextlabel.contracts.interfaces import ImageInput, Learner, Model, ModelInput, VectorInput
from nextlabel.engine.plugins.parameters import build, with_current_names
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.store.checkpoint_files import ONNX, read_card, read_weights, write_card, write_weights
from nextlabel.store.projects import ProjectRow

_TOLERANCE = 1e-3
_SAMPLE = 32


@dataclass(frozen=True)
class Trained:
    """How a checkpoint came to be."""

    checkpoint: str
    seed: int
    last_label: int
    metrics: Mapping[str, float]
    start: str | None = None
    """The checkpoint it was given to start from; a learner may have ignored it."""


def write_model(
    folder: Path, model: Model, items: Items, config: ProjectConfig, project: ProjectRow, how: Trained
) -> dict[str, Any]:
    """Write weights, ONNX (checked on some of `items`) and the card to `folder`; return the card."""
    write_weights(folder, {name: np.ascontiguousarray(array) for name, array in model.tensors().items()})
    onnx = model.inductive and model.write_onnx(folder / ONNX)
    if onnx:
        check_onnx(folder / ONNX, model, items)
    card = {
        "project": config.name,
        "checkpoint": how.checkpoint,
        "title": config.title,
        "task": project.task,
        "classes": list(project.classes),
        "learner": {"plugin": config.learner.plugin, "parameters": config.learner.parameters},
        **drawn(config),
        "input": input_card(model.input),
        "onnx": onnx,
        "description": dict(model.description()),
        "seed": how.seed,
        "start": how.start,
        "last_label": how.last_label,
        "metrics": dict(how.metrics),
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    return write_card(folder, card)


def drawn(config: ProjectConfig) -> dict[str, Any]:
    """Return what says which items are held out, and which sets are drawn: the data set, the seed, the share."""
    return {
        "dataset": {"plugin": config.dataset.plugin, "parameters": config.dataset.parameters},
        "project_seed": config.seed,
        "holdout": config.labels.holdout,
    }


def read_model(folder: Path, registry: Registry) -> tuple[Model, dict[str, Any]]:
    """Rebuild a checkpoint's model through its learner; returns it with its card."""
    card = read_card(folder)
    return learner_of(card, registry).rebuild(card["description"], read_weights(folder)), card


def learner_of(card: Mapping[str, Any], registry: Registry) -> Learner[object]:
    """Make the learner that a card names; NotFound where it is not installed."""
    learner = card["learner"]
    record = registry.learner(learner["plugin"])
    parameters = with_current_names(record.parameters, learner["parameters"])
    made: Learner[object] = build(record, parameters, "the card's learner")
    return made


def input_card(spec: ModelInput) -> dict[str, Any] | None:
    """Return what a model takes, as JSON."""
    if spec is None:
        return None
    return {"kind": "image" if isinstance(spec, ImageInput) else "vector", **asdict(spec)}


def model_input(card: Mapping[str, Any]) -> ModelInput:
    """Return what the card's model takes."""
    spec = dict(card["input"] or {})
    kind = spec.pop("kind", None)
    if kind == "image":
        return ImageInput(**spec)
    return VectorInput(**spec) if kind == "vector" else None


def input_array(spec: ModelInput, items: Items) -> Any:
    """Return `items` as the array an ONNX model takes: uint8 (n, h, w, c) or float32 (n, d)."""
    if isinstance(spec, ImageInput):
        return items.pixels((spec.height, spec.width), spec.channels)  # type: ignore[union-attr]
    return np.asarray(items.vectors, np.float32)  # type: ignore[union-attr]


def check_onnx(path: Path, model: Model, items: Items) -> None:
    """Raise PluginError where the ONNX form answers some of `items` otherwise than the model, or in another shape."""
    from onnxruntime import InferenceSession  # noqa: PLC0415 - 50 MB that a listing of projects need not load

    if isinstance(items, GraphItems) or not len(items):
        return
    sample = items.take(np.linspace(0, len(items) - 1, min(_SAMPLE, len(items))).astype(np.int64))
    expected = model.predict(sample, frozenset(), np.random.default_rng(0))
    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    given: dict[str, FloatArray] = dict(
        zip(names, session.run(names, {"input": input_array(model.input, sample)}), strict=True)
    )
    if set(names) not in ({"probabilities"}, {"mean", "std"}):
        raise PluginError(f"the ONNX form must give probabilities, or mean and std, not {', '.join(names)}")
    for name, array in given.items():
        wanted = getattr(expected, name)
        if wanted is None or array.shape != wanted.shape:
            raise PluginError(f"the ONNX form gives {name} of shape {array.shape}, which the model does not")
        difference = float(np.abs(array - wanted).max())
        if not difference <= _TOLERANCE:
            raise PluginError(f"the ONNX form answers differently: {name} by {difference:.2g}")
