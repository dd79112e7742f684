"""Scores: a model's outputs for the whole pool, computed in batches and stored as memory-mapped arrays."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from nextlabel.engine.fitted import fitted_items
from nextlabel.engine.images.image_items import unreadable_positions
from nextlabel.engine.linked_features import linked_arrays
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.random_streams import generator
from nextlabel.store.checkpoints import ScoringRow
from nextlabel.store.home import Home

BATCH = 2048
"""Items that a model predicts at a time."""
_FLUSH_EVERY = 16
"""Batches after which the arrays are written to disk: a database commit that waits for gigabytes takes long."""
_ROWS_AXIS = {"samples": 1}
"""The axis of the items, for arrays where it is not the first."""
_ALWAYS = ("probabilities", "mean", "std")
"""Outputs that are stored without being requested."""
_DIMENSIONS = {"probabilities": 2, "embeddings": 2, "samples": 3, "mean": 1, "std": 1}
_DTYPE = np.float32

Arrays = Mapping[str, FloatArray]
"""Model outputs by name."""


def needs_of(strategies: Iterable[Iterable[Need]]) -> frozenset[Need]:
    """Return the arrays that a model must compute for the needs of these strategies."""
    needs = {need for strategy_needs in strategies for need in strategy_needs}
    if covered := needs & {"covered_embeddings", "labelled_embeddings"}:
        needs = (needs - covered) | {"embeddings"}
    return frozenset(needs)


def project_needs(registry: Registry, config: ProjectConfig) -> frozenset[Need]:
    """Return the arrays that a model must compute for the strategies in the project file."""
    return needs_of(registry.strategy(choice.plugin).needs for choice in config.strategy.every)


@dataclass(frozen=True)
class Summary:
    """What is computed from the model's outputs while they are in memory, part by part."""

    needs: frozenset[Need]
    """Outputs that it uses. They are computed, and stored only if they are among the needs of the scoring."""
    add: Callable[[int, int, Arrays], None]
    """Receives the outputs of the items from one position up to, but not including, another."""
    complete: bool = False
    """Whether the previous scoring has it, so that only the items added since are summarized."""


def score_pool(
    model: Model,
    items: Items,
    needs: frozenset[Need],
    folder: Path,
    seed: int,
    progress: Callable[[float], None],
    previous: Path | None = None,
    summaries: Sequence[Summary] = (),
) -> tuple[str, ...]:
    """Write one array per output to `folder` and return their names.

    `previous` holds arrays of the same model for the first of these items. They are reused: only
    arrays that it lacks, and items after them, are computed. An image whose file cannot be read gets
    equal probabilities for all classes.
    """
    size = len(items)
    old = {} if previous is None else open_scores(previous)
    # an empty pool has been scored without any array
    done = max((array.shape[_rows_axis(name)] for name, array in old.items()), default=0)
    if not model.inductive and done < size:  # a transductive model predicts only the whole pool
        old, done = {}, 0
    arrays = _reuse(old, previous, folder, done, size)
    for first, last, reused in ((0, done, set(old)), (done, size, set[str]())):
        wanted = needs - reused
        current = [summary for summary in summaries if not (reused and summary.complete)]
        requested = wanted.union(*(summary.needs for summary in current))
        if reused and not (requested or current):
            continue
        for start, stop, outputs in predict_pool(model, items, requested, seed, first, last):
            for name in outputs.keys() & {*wanted, *_ALWAYS} - reused:
                if name not in arrays:
                    arrays[name] = _create(folder, name, outputs[name], size)
                _rows(name, arrays[name], start, stop)[...] = outputs[name]
            for summary in current:
                summary.add(start, stop, outputs)
            if stop // BATCH % _FLUSH_EVERY == 0:
                _flush(arrays)
            progress(stop / size)
    _flush(arrays)
    return tuple(sorted({*old, *arrays}))


def _flush(arrays: Mapping[str, Any]) -> None:
    for array in arrays.values():
        array.flush()


def _reuse(old: Arrays, previous: Path | None, folder: Path, done: int, size: int) -> dict[str, Any]:
    """Link the arrays `old` of the folder `previous` if they have all rows, else return extended copies of them."""
    arrays: dict[str, Any] = {}
    for name, array in old.items():
        if previous is not None and done == size:
            link_or_copy(previous / f"{name}.npy", folder / f"{name}.npy")
        else:
            arrays[name] = _create(folder, name, array, size)
            _rows(name, arrays[name], 0, done)[...] = array
    return arrays


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file that never changes a second name; copy it where the file system has no hard links."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


def predict_pool(
    model: Model, items: Items, needs: frozenset[Need], seed: int, first: int, last: int
) -> Iterator[tuple[int, int, dict[str, FloatArray]]]:
    """Yield the outputs for the items from `first` to before `last`, as (start, stop, arrays) of part after part.

    The items that the model was fitted with come whole from `predict_fitted`, the others from `predict`: in
    batches if the model is inductive, else all at once.
    """
    fitted = fitted_items(model)
    if first < min(fitted, last):
        outputs = model.predict_fitted(needs, generator(seed, "samples", 0))
        first = fitted
        yield 0, first, _checked(outputs, needs, _part(items, 0, first))
    step = BATCH if model.inductive and not isinstance(items, GraphItems) else max(last, 1)
    for start in range(first, last, step):
        stop = min(start + step, last)
        part = _part(items, start, stop)
        yield start, stop, _predict(model, part, needs, generator(seed, "samples", start))


def predict_rows(model: Model, items: ImageItems | VectorItems, positions: IntArray) -> Arrays:
    """Return an inductive model's predictions for the pool's `items` at `positions` (k,), which ascend; k is not 0.

    Those that the model was fitted with come from `predict_fitted`, the others from their content.
    """
    parts: list[Arrays] = []
    known = positions[positions < fitted_items(model)]
    if len(known):
        outputs = model.predict_fitted(frozenset(), np.random.default_rng(0))
        fitted = _checked(outputs, frozenset(), _part(items, 0, fitted_items(model)))
        parts.append({name: array[known] for name, array in fitted.items()})
    if len(known) < len(positions):
        parts.append(predict_items(model, items.take(positions[len(known) :])))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def predict_items(
    model: Model, items: ImageItems | VectorItems, progress: Callable[[float], None] = lambda _done: None
) -> Arrays:
    """Return an inductive model's predictions for new items, in batches: probabilities, or mean and std."""
    parts = []
    for start in range(0, len(items), BATCH):
        positions: IntArray = np.arange(start, min(start + BATCH, len(items)))
        parts.append(_predict(model, items.take(positions), frozenset(), np.random.default_rng(0)))
        progress(min(1.0, (start + BATCH) / len(items)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def open_scores(folder: Path) -> Arrays:
    """Return the score arrays in a folder by name, memory-mapped and read-only."""
    return {path.stem: np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))}


def stored_scores(home: Home, scoring: ScoringRow | None) -> Arrays | None:
    """Return the score arrays that a scoring names, memory-mapped and read-only, or None if any is missing."""
    if scoring is None:
        return None
    folder = home.at(scoring.folder)
    try:
        linked: Mapping[str, Any] = linked_arrays(home, folder, scoring.rows)
        paths = {name: folder / f"{name}.npy" for name in scoring.arrays}
        return {
            name: linked[name] if name in linked and not path.exists() else np.load(path, mmap_mode="r")
            for name, path in paths.items()
        }
    except FileNotFoundError:
        return None


def check_outputs(outputs: Outputs, needs: frozenset[Need], rows: int) -> dict[str, FloatArray]:
    """Return the requested outputs of a model for `rows` items by name.

    Raises PluginError if one is missing, has another shape, or is not finite.
    """
    present = {name: array for name, array in vars(outputs).items() if array is not None}
    missing = sorted(need for need in needs if need not in present)
    if missing:
        raise PluginError(
            f"the model must return {', '.join(missing)}, and returned {', '.join(sorted(present)) or 'nothing'}"
        )
    if "probabilities" not in present and not {"mean", "std"} <= set(present):
        raise PluginError("a model must return probabilities, or mean and std")
    requested = {name: array for name, array in present.items() if name in needs or name in _ALWAYS}
    for name, array in requested.items():
        fits = array.ndim == _DIMENSIONS[name] and array.shape[_rows_axis(name)] == rows
        if not fits or not np.isfinite(array).all():
            raise PluginError(f"the model's {name} have shape {array.shape} for {rows} items, or are not finite")
    return requested


def is_informative(probabilities: FloatArray, positions: IntArray) -> BoolArray:
    """Return (k,) whether some class is more probable than another; for an unreadable image none is.

    `probabilities` (n, C) may be on disk.
    """
    parts = [np.empty(0, np.bool_)]
    for start in range(0, len(positions), BATCH):
        rows = np.asarray(probabilities[positions[start : start + BATCH]])
        parts.append(rows.max(axis=1) > rows.min(axis=1))
    return np.concatenate(parts)


def unreadable_items(items: Items, probabilities: FloatArray, positions: IntArray) -> IntArray:
    """Return those of the scored `positions` (k,) whose images cannot be read.

    A model may know nothing about an item, but the `probabilities` (n, C) of an unreadable image are always equal, so
    no other file is read.
    """
    positions = positions[~is_informative(probabilities, positions)]
    if isinstance(items, GraphItems | VectorItems) or not len(positions):
        return positions[:0]
    images = items.take(positions)
    images.pixels((1, 1), images.channels)
    return positions[unreadable_positions(images)]


def _part(items: Items, start: int, stop: int) -> Items:
    if isinstance(items, GraphItems) or stop - start == len(items):
        return items
    return items.take(np.arange(start, stop))


def _predict(model: Model, items: Items, needs: frozenset[Need], rng: np.random.Generator) -> dict[str, FloatArray]:
    return _checked(model.predict(items, needs, rng), needs, items)


def _checked(outputs: Outputs, needs: frozenset[Need], items: Items) -> dict[str, FloatArray]:
    """Return the requested outputs for `items` (n), with equal probabilities for unreadable images."""
    arrays = check_outputs(outputs, needs, len(items))
    unreadable = unreadable_positions(items)
    if len(unreadable):  # the model saw a white image instead, and may be certain about that
        for name in arrays.keys() & {"probabilities", "samples"}:
            arrays[name] = np.array(arrays[name])
            arrays[name][..., unreadable, :] = 1 / arrays[name].shape[-1]
    return arrays


def _rows_axis(name: str) -> int:
    return _ROWS_AXIS.get(name, 0)


def _create(folder: Path, name: str, like: FloatArray, rows: int) -> Any:
    shape = list(like.shape)
    shape[_rows_axis(name)] = rows
    return np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=_DTYPE, shape=tuple(shape))


def _rows(name: str, array: Any, start: int, stop: int) -> Any:
    return array[:, start:stop] if _rows_axis(name) else array[start:stop]
