"""Scoring: what the model says of the whole pool, in batches, into memory-mapped arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nextlabel.contracts.data import (
    BoolArray,
    FloatArray,
    GraphItems,
    ImageItems,
    IntArray,
    Items,
    Need,
    Outputs,
    VectorItems,
)
from nextlabel.contracts.errors import PluginError
from nextlabel.contracts.interfaces import Model
from nextlabel.engine.images.image_items import unreadable_positions
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.random_streams import generator
from nextlabel.store.checkpoints import ScoringRow
from nextlabel.store.home import Home

BATCH = 2048
_ROWS_AXIS = {"samples": 1}
_ALWAYS = ("probabilities", "mean", "std")
_DIMENSIONS = {"probabilities": 2, "embeddings": 2, "samples": 3, "mean": 1, "std": 1}
_DTYPE = np.float32

Arrays = Mapping[str, FloatArray]


def needs_of(strategies: Iterable[Iterable[Need]]) -> frozenset[Need]:
    """Return what a model must compute for these strategies' needs."""
    wanted = {need for needs in strategies for need in needs}
    if "labelled_embeddings" in wanted:
        wanted = (wanted - {"labelled_embeddings"}) | {"embeddings"}
    return frozenset(wanted)


def project_needs(registry: Registry, config: ProjectConfig) -> frozenset[Need]:
    """Return what the project's own list of strategies needs of a model."""
    return needs_of(registry.strategy(name).needs for name in (config.strategy.plugin, *config.strategy.also))


def score_pool(
    model: Model,
    items: Items,
    needs: frozenset[Need],
    folder: Path,
    seed: int,
    progress: Callable[[float], None],
    previous: Path | None = None,
) -> tuple[str, ...]:
    """Write one array a need to `folder` and return their names.

    `previous` holds the arrays of the same model for the first of these items: they are
    copied, and only the items behind them are computed. Of an image whose file cannot be read
    every class is as likely.
    """
    size = len(items)
    arrays: dict[str, Any] = {}
    done = 0
    if previous is not None and model.inductive:
        old = open_scores(previous)
        # an empty pool has been scored without any array
        done = max((array.shape[_rows_axis(name)] for name, array in old.items()), default=0)
        for name, array in old.items():
            arrays[name] = _create(folder, name, array, size)
            _rows(name, arrays[name], 0, done)[...] = array
    step = BATCH if model.inductive and not isinstance(items, GraphItems) else max(size, 1)
    for start in range(done, size, step):
        stop = min(start + step, size)
        part = items if isinstance(items, GraphItems) or stop - start == size else items.take(np.arange(start, stop))
        for name, array in _said(model, part, needs, generator(seed, "samples", start)).items():
            if name not in arrays:
                arrays[name] = _create(folder, name, array, size)
            _rows(name, arrays[name], start, stop)[...] = array
        progress(stop / size)
    for array in arrays.values():
        array.flush()
    return tuple(sorted(arrays))


def answers(model: Model, items: ImageItems | VectorItems) -> Arrays:
    """Return what an inductive model says of each of these items: probabilities, or mean and std."""
    parts = []
    for start in range(0, len(items), BATCH):
        places: IntArray = np.arange(start, min(start + BATCH, len(items)))
        parts.append(_said(model, items.take(places), frozenset(), np.random.default_rng(0)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def open_scores(folder: Path) -> Arrays:
    """Return the arrays of a scored round by name, memory-mapped, read-only."""
    return {path.stem: np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))}


def kept_scores(home: Home, found: ScoringRow | None) -> Arrays | None:
    """Return the arrays of a scored round as its row names them, or None where they are no longer kept."""
    if found is None:
        return None
    try:
        return {name: np.load(home.at(found.folder) / f"{name}.npy", mmap_mode="r") for name in found.arrays}
    except FileNotFoundError:
        return None


def checked(outputs: Outputs, needs: frozenset[Need], rows: int) -> dict[str, FloatArray]:
    """Return what a model said of what was asked; PluginError where it says less, or of other shapes."""
    said = {name: array for name, array in vars(outputs).items() if array is not None}
    missing = sorted(need for need in needs if need not in said)
    if missing:
        raise PluginError(
            f"the model was asked for {', '.join(missing)} and gave {', '.join(sorted(said)) or 'nothing'}"
        )
    if "probabilities" not in said and not {"mean", "std"} <= set(said):
        raise PluginError("a model must say probabilities, or mean and std")
    asked = {name: array for name, array in said.items() if name in needs or name in _ALWAYS}
    for name, array in asked.items():
        right = array.ndim == _DIMENSIONS[name] and array.shape[_rows_axis(name)] == rows
        if not right or not np.isfinite(array).all():
            raise PluginError(f"the model's {name} are {array.shape} for {rows} items, or not finite")
    return asked


def _said(model: Model, items: Items, needs: frozenset[Need], rng: np.random.Generator) -> dict[str, FloatArray]:
    said = checked(model.predict(items, needs, rng), needs, len(items))
    lost = unreadable_positions(items)
    if len(lost):  # the model saw white in their place, and may be sure of what that is
        for name in said.keys() & {"probabilities", "samples"}:
            said[name] = np.array(said[name])
            said[name][..., lost, :] = 1 / said[name].shape[-1]
    return said


def decided(probabilities: FloatArray, positions: IntArray) -> BoolArray:
    """Return (k,) whether a class is likelier than another; none is where the image could not be read.

    `probabilities` (n, C) may be on disk.
    """
    parts = [np.empty(0, np.bool_)]
    for start in range(0, len(positions), BATCH):
        rows = np.asarray(probabilities[positions[start : start + BATCH]])
        parts.append(rows.max(axis=1) > rows.min(axis=1))
    return np.concatenate(parts)


def _rows_axis(name: str) -> int:
    return _ROWS_AXIS.get(name, 0)


def _create(folder: Path, name: str, like: FloatArray, rows: int) -> Any:
    shape = list(like.shape)
    shape[_rows_axis(name)] = rows
    return np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=_DTYPE, shape=tuple(shape))


def _rows(name: str, array: Any, start: int, stop: int) -> Any:
    return array[:, start:stop] if _rows_axis(name) else array[start:stop]
