"""Scores a pool with a model and prepares the strategies of its project, into one folder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nextlabel.contracts.data import Items, Need
from nextlabel.contracts.errors import NextlabelError
from nextlabel.contracts.interfaces import Model
from nextlabel.engine.features.embedder import FeatureCard
from nextlabel.engine.labels.covered import covered_items, needs_label
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.linked_features import linked_arrays, write_link
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.pool_arrays import WITHOUT_MODEL
from nextlabel.engine.prepared import covered_file, stored_prepared
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.scores import (
    BATCH,
    Arrays,
    Summary,
    needs_of,
    open_scores,
    project_needs,
    score_pool,
    stored_scores,
)
from nextlabel.engine.services import Services
from nextlabel.engine.strategies import ChosenStrategy, name_of
from nextlabel.engine.training.pool_items import feature_pool
from nextlabel.engine.training.prepare import Preparation
from nextlabel.store.checkpoints import ScoringRow


@dataclass(frozen=True)
class StoredArrays:
    """The arrays in the folder of a scoring."""

    arrays: tuple[str, ...]
    """Names of the model's outputs."""
    prepared: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of the arrays that strategies prepared, by the strategy's folder."""


def score_and_prepare(
    services: Services,
    config: ProjectConfig,
    state: PoolState,
    model: Model | None,
    items: Items,
    folder: Path,
    seed: int,
    progress: Callable[[float], None],
    *,
    needs: Collection[Need] = (),
    required: Collection[str] = (),
    last: ScoringRow | None = None,
    features: FeatureCard | None = None,
) -> StoredArrays:
    """Score the `items`, the first ones of the pool, and prepare the strategies of the project file.

    If the items are `features`, these are the embeddings that strategies get, and are not stored
    again. Without a model, they are all that strategies get. `needs` are computed beyond what these
    strategies need, and the strategies in `required` are prepared besides; if one of them fails, this
    raises PluginError. `last` is an earlier scoring with the same model: its arrays are reused, and
    the strategies prepared in it are prepared again.
    """
    rows = len(items)
    reusable = last if stored_scores(services.home, last) is not None else None
    previous = services.home.at(reusable.folder) if reusable else None
    linked: Mapping[str, Any] = {}
    if features is not None:
        write_link(folder, features, feature_pool(state.project))
        linked = linked_arrays(services.home, folder, rows)
        if model is not None:
            linked = {"embeddings": linked["embeddings"]}
    preparations = [
        Preparation(
            chosen, folder, state, rows,
            required=chosen.name in required,
            called=model is not None or needs_of([chosen.needs, chosen.summary_needs]) <= {*linked, *WITHOUT_MODEL},
            previous=previous if stored_prepared(services.home, reusable, chosen.folder) else None,
        )
        for chosen in _to_prepare(services.registry, config, required, last)
    ]  # fmt: skip
    every_need = project_needs(services.registry, config).union(
        needs, needs_of(preparation.chosen.needs for preparation in preparations)
    )
    summaries = [
        _with_features(preparation.summary, linked) for preparation in preparations if preparation.summary is not None
    ]
    arrays: tuple[str, ...] = ()
    if model is not None:
        arrays = score_pool(model, items, every_need - linked.keys(), folder, seed, progress, previous, summaries)
    else:
        _summarize(summaries, rows, progress)
    scores = {**open_scores(folder), **linked}
    prepared = _finish_preparations(preparations, scores, config, state, folder, rows, seed)
    return StoredArrays(tuple(sorted({*arrays, *linked})), prepared)


def _with_features(summary: Summary, features: Mapping[str, Any]) -> Summary:
    """Return a summary that gets `features` besides the model's outputs."""

    def add(start: int, stop: int, outputs: Arrays) -> None:
        summary.add(start, stop, {**outputs, **{name: array[start:stop] for name, array in features.items()}})

    return Summary(summary.needs - features.keys(), add, summary.complete)


def _summarize(summaries: Collection[Summary], rows: int, progress: Callable[[float], None]) -> None:
    """Summarize the features of all items, in parts."""
    for start in range(0, rows, BATCH):
        stop = min(start + BATCH, rows)
        for summary in summaries:
            summary.add(start, stop, {})
        progress(stop / rows)


def _finish_preparations(
    preparations: Collection[Preparation],
    scores: Arrays,
    config: ProjectConfig,
    state: PoolState,
    folder: Path,
    rows: int,
    seed: int,
) -> dict[str, tuple[str, ...]]:
    """Prepare strategies with the `scores` of the first `rows` items; return the names of the arrays by folder.

    The scores need not be a model's: before the first one, a backbone's embeddings will do.
    """
    if not preparations:
        return {}
    # an item that some annotator must still label can be in a query's pool, so it is not covered
    covered = covered_items(state, needs_label(state, config, slice(rows)), (), rows)
    np.save(covered_file(folder), covered)
    results = {preparation.chosen.folder: preparation.finish(scores, covered, seed) for preparation in preparations}
    return {strategy: names for strategy, names in results.items() if names is not None}


def _to_prepare(
    registry: Registry, config: ProjectConfig, required: Collection[str], last: ScoringRow | None
) -> list[ChosenStrategy]:
    """Return the strategies whose queries need what they prepare, each with its parameters."""
    again = {name_of(folder) for folder in last.prepared} if last else set()
    others = sorted({*required, *(again & set(registry.strategies))})
    found = {}
    for choice in (*config.strategy.every, *(config.strategy.named(name) for name in others)):
        try:
            chosen = ChosenStrategy.of(registry, choice)
            if chosen.summarizes or chosen.prepares:  # imports the class, which may fail
                found[chosen.folder] = chosen
        except NextlabelError as error:
            if choice.plugin in required:
                raise
            print(f"strategy {choice.plugin!r} could not be prepared: {error}", flush=True)  # noqa: T201 - the job's log
    return list(found.values())
