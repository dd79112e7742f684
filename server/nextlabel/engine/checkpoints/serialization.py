"""Writes a model to a checkpoint folder and rebuilds it: weights, a card, and ONNX if the model has that form."""

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
from nextlabel.engine.committee.committee_model import Arrays, Committee, member_tensors
from nextlabel.engine.fitted import fitted_items
from nextlabel.engine.plugins.parameters import build, with_current_names
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import LearnerChoice, ProjectConfig
from nextlabel.store.checkpoint_files import (
    ONNX,
    read_card,
    read_weights,
    write_card,
    write_training_state,
    write_weights,
)
from nextlabel.store.checkpoints import CheckpointRow
from nextlabel.store.projects import ProjectRow

_TOLERANCE = 1e-3
"""Largest accepted difference between an output of the ONNX form and the model's own."""
_SAMPLE = 32
"""Number of items that the ONNX form is checked on."""


@dataclass(frozen=True)
class TrainingInfo:
    """How a checkpoint was trained, for its card."""

    checkpoint: str
    seed: int
    last_label: int
    """The newest label it was trained on."""
    metrics: Mapping[str, float]
    start: str | None = None
    """The checkpoint passed to the learner as a start; the learner may have ignored it."""
    sampled: bool = False
    """Whether the pool starts with a sample, most of whose items the settings alone would hold out."""


def write_model(
    folder: Path,
    model: Model,
    items: Items,
    config: ProjectConfig,
    project: ProjectRow,
    info: TrainingInfo,
    features: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write weights, training state, ONNX (checked on some of `items`) and the card to `folder`, and return the card.

    `features` describes the source of `items`, if they are features (see `features/embedder.py`). The
    card's input is then what the source takes.

    Raises PluginError if the ONNX form and the model disagree.
    """
    write_weights(folder, {name: np.ascontiguousarray(array) for name, array in model.tensors().items()})
    write_training_state(folder, model.training_state())
    onnx = model.inductive and model.write_onnx(folder / ONNX)
    if onnx:
        check_onnx(folder / ONNX, model, items)
    card = {
        "project": config.name,
        "checkpoint": info.checkpoint,
        "title": config.title,
        "task": project.task,
        "classes": list(project.classes),
        "learner": _learner_card(config.learner),
        **holdout_settings(config),
        "sampled": info.sampled,
        "input": dict(features["input"]) if features and model.inductive else input_card(model.input),
        **({"features": dict(features)} if features else {}),
        "fitted": fitted_items(model),
        "onnx": onnx,
        "description": dict(model.description()),
        "seed": info.seed,
        "start": info.start,
        "last_label": info.last_label,
        "metrics": dict(info.metrics),
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    return write_card(folder, card)


def holdout_settings(config: ProjectConfig) -> dict[str, Any]:
    """Return the settings that decide which items are held out: the data set, the seed and the share."""
    return {
        "dataset": {"plugin": config.dataset.plugin, "parameters": config.dataset.parameters},
        "project_seed": config.seed,
        "holdout": config.labels.holdout,
    }


def trained_with_other_holdout(
    checkpoint: CheckpointRow, project: ProjectRow, config: ProjectConfig, *, sampled: bool
) -> bool:
    """Return whether a checkpoint may have been trained on items that the project holds out.

    That is so if its card names other hold-out settings than the project file, or if it was trained
    on a sample elsewhere. One that was trained here since the data set was imported was not, and
    none has seen a pool of uploads alone. `sampled`: whether the pool starts with a sample.
    """
    trained_here = checkpoint.job is not None
    if not (project.imported or sampled) or (trained_here and checkpoint.created >= project.imported):
        return False
    sampled_elsewhere = bool(checkpoint.card.get("sampled")) and not trained_here
    return sampled_elsewhere or any(
        checkpoint.card.get(name) != value for name, value in holdout_settings(config).items()
    )


def read_model(folder: Path, registry: Registry) -> tuple[Model, dict[str, Any]]:
    """Rebuild a checkpoint's model with its learner, and return it with its card.

    Raises Gone if a file is missing or damaged, NotFound if the learner is not installed.
    """
    card = read_card(folder)
    return rebuild_model(card, read_weights(folder), registry), card


def rebuild_model(card: Mapping[str, Any], tensors: Arrays, registry: Registry) -> Model:
    """Return the model of a card with these tensors. Raises NotFound if its learner is not installed."""
    spec, description = card["learner"], card["description"]
    if "members" not in spec:
        return _learner(spec, registry).rebuild(description, tensors)
    members = zip(spec["members"], description["members"], strict=True)
    return Committee(
        [
            _learner(member, registry).rebuild(of_member, member_tensors(tensors, number))
            for number, (member, of_member) in enumerate(members)
        ]
    )


def _learner_card(choice: LearnerChoice) -> dict[str, Any]:
    """Return the plugin and parameters of a learner, and those of its members if it is a committee."""
    card: dict[str, Any] = {"plugin": choice.plugin, "parameters": choice.parameters}
    if choice.members:
        card["members"] = [{"plugin": member.plugin, "parameters": member.parameters} for member in choice.members]
    return card


def _learner(spec: Mapping[str, Any], registry: Registry) -> Learner[object]:
    """Return the learner that an entry of a card names. Raises NotFound if it is not installed."""
    record = registry.learner(spec["plugin"])
    parameters = with_current_names(record.parameters, spec["parameters"])
    learner: Learner[object] = build(record, parameters, "the card's learner")
    return learner


def input_card(spec: ModelInput) -> dict[str, Any] | None:
    """Return a model's input as JSON, or None for a model that takes no new content."""
    if spec is None:
        return None
    return {"kind": "image" if isinstance(spec, ImageInput) else "vector", **asdict(spec)}


def model_input(card: Mapping[str, Any]) -> ModelInput:
    """Return the content that `/predict` takes: the model's input, or that of the source of its features."""
    spec = dict(card["input"] or {})
    kind = spec.pop("kind", None)
    if kind == "image":
        return ImageInput(**spec)
    return VectorInput(**spec) if kind == "vector" else None


def input_array(spec: ModelInput, items: Items) -> Any:
    """Return `items` as the input of an ONNX model: uint8 (n, h, w, c) or float32 (n, d)."""
    if isinstance(spec, ImageInput):
        return items.pixels((spec.height, spec.width), spec.channels)  # type: ignore[union-attr]
    return np.asarray(items.vectors, np.float32)  # type: ignore[union-attr]


def check_onnx(path: Path, model: Model, items: Items) -> None:
    """Compare the ONNX form with the model on some of `items`.

    Raises PluginError if it has other outputs, other shapes, or differs by more than 1e-3.
    """
    from onnxruntime import InferenceSession  # noqa: PLC0415 - 50 MB that a listing of projects need not load

    if isinstance(items, GraphItems) or not len(items):
        return
    sample = items.take(np.linspace(0, len(items) - 1, min(_SAMPLE, len(items))).astype(np.int64))
    expected = model.predict(sample, frozenset(), np.random.default_rng(0))
    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    outputs: dict[str, FloatArray] = dict(
        zip(names, session.run(names, {"input": input_array(model.input, sample)}), strict=True)
    )
    if set(names) not in ({"probabilities"}, {"mean", "std"}):
        raise PluginError(f"the ONNX form must return probabilities, or mean and std, not {', '.join(names)}")
    for name, array in outputs.items():
        expected_array = getattr(expected, name)
        if expected_array is None or array.shape != expected_array.shape:
            raise PluginError(f"the ONNX form returns {name} of shape {array.shape}, which the model does not")
        difference = float(np.abs(array - expected_array).max())
        if not difference <= _TOLERANCE:
            raise PluginError(f"the ONNX form and the model disagree: {name} differ by {difference:.2g}")
