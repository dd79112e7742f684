"""The folder of a checkpoint: `weights.safetensors`, `card.json`, and `model.onnx` if it can be exported.

A checkpoint that a training can go on from has a `training_state.safetensors` too. The card holds the
SHA-256 of the other files; a file with another sum is never read. With `"precision": "float16"` in the
card, float32 weights are stored in half precision.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from nextlabel.contracts.errors import Gone
from nextlabel.store import json_utils

WEIGHTS = "weights.safetensors"
TRAINING_STATE = "training_state.safetensors"
ONNX = "model.onnx"
CARD = "card.json"
HALF = "float16"
"""The card's `precision` if the weights are stored in half precision."""


def write_weights(folder: Path, tensors: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Write the tensors of a model."""
    _write_arrays(folder / WEIGHTS, tensors)


def write_training_state(folder: Path, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Write the training state of a model, if it has any."""
    if state:
        _write_arrays(folder / TRAINING_STATE, state)


def _write_arrays(path: Path, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    save_file({name: np.asarray(array, order="C") for name, array in arrays.items()}, path)


def write_card(folder: Path, card: Mapping[str, Any]) -> dict[str, Any]:
    """Write the card, which must be the last file, and return it: `card` with the `sha256` of the other files."""
    sums = {name: _sum(folder / name) for name in (WEIGHTS, TRAINING_STATE, ONNX) if (folder / name).exists()}
    complete: dict[str, Any] = json_utils.plain({**card, "sha256": sums})
    (folder / CARD).write_text(json_utils.dumps(complete, indent=2) + "\n", encoding="utf-8")
    return complete


def read_card(folder: Path) -> dict[str, Any]:
    """Return the card. Raises Gone if it is missing or damaged."""
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Gone(f"there is no checkpoint in {folder}") from error
    except ValueError as error:
        raise Gone(f"the checkpoint in {folder} is damaged: {CARD} is not JSON") from error
    if not isinstance(card, dict) or not isinstance(card.get("sha256"), dict):
        raise Gone(f"the checkpoint in {folder} is damaged: {CARD} names no files")
    return card


def read_weights(folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Return the tensors in single precision. Raises Gone if the file is missing or is not the card's."""
    tensors = _read_arrays(folder, WEIGHTS)
    if tensors is None:
        raise Gone(f"the checkpoint in {folder} has no {WEIGHTS}")
    return single_precision(tensors) if read_card(folder).get("precision") == HALF else tensors


def read_training_state(folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Return the training state, empty if there is none. Raises Gone if the file is missing or is not the card's."""
    return _read_arrays(folder, TRAINING_STATE) or {}


def _read_arrays(folder: Path, name: str) -> dict[str, np.ndarray[Any, Any]] | None:
    path = verified_path(folder, name)
    try:
        return None if path is None else load_file(path)
    except SafetensorError as error:
        raise Gone(f"the checkpoint in {folder} is damaged: {error}") from error


def single_precision(tensors: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    """Return the tensors, with float16 converted to float32."""
    return {name: array.astype(np.float32) if array.dtype == np.float16 else array for name, array in tensors.items()}


def verified_path(folder: Path, name: str) -> Path | None:
    """Return the path of a file that the card lists, or None. Raises Gone if it is missing or its sum differs."""
    expected = read_card(folder)["sha256"].get(name)
    if expected is None:
        return None
    path = folder / name
    try:
        actual = _sum(path)
    except FileNotFoundError as error:
        raise Gone(f"the checkpoint in {folder} is damaged: {name} is missing") from error
    if actual != expected:
        raise Gone(f"the checkpoint in {folder} is damaged: {name} does not match the SHA-256 in the card")
    return path


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
