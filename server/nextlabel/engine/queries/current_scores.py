"""The scores a query chooses by: the live checkpoint's newest, or the ones that a stored query recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nextlabel.contracts.data import Need
from nextlabel.contracts.errors import NextlabelError, NotReady, Unprocessable
from nextlabel.engine.feature_items import OwnClasses
from nextlabel.engine.linked_features import read_link
from nextlabel.engine.plugins.parameters import as_given, validate
from nextlabel.engine.pool_arrays import check_available
from nextlabel.engine.prepared import PreparedArrays, stored_prepared
from nextlabel.engine.project_files import FeaturesChoice
from nextlabel.engine.scheduling import RECENT, includes, is_recent, queue_once
from nextlabel.engine.scores import Arrays, needs_of, project_needs, stored_scores
from nextlabel.engine.services import Services
from nextlabel.engine.strategies import ChosenStrategy
from nextlabel.store import checkpoints, items, jobs
from nextlabel.store.checkpoints import ScoringRow
from nextlabel.store.projects import ProjectRow
from nextlabel.store.queries import QueryRow

_IMPOSSIBLE_NEEDS: Mapping[str, frozenset[Need]] = {
    "regression": frozenset({"probabilities", "samples"}),
    "classification": frozenset({"std"}),
}
"""Arrays that no model of the task provides."""
_READ_ATTEMPTS = 3
CHECKPOINT, UNIFORM = "checkpoint", "uniform"
"""Sources of class probabilities that are no backbone."""
_FEATURES = ("embeddings",)
"""What every source of features provides before the first model."""


class ToBeComputed(NotReady):
    """A worker must compute arrays first; the job is queued."""

    def __init__(self, message: str, job: int, created: bool) -> None:
        super().__init__(message, 2)
        self.job = job
        """The number of the job."""
        self.created = created
        """Whether this query queued it; another may have before."""


@dataclass(frozen=True)
class Scores:
    """What a query chooses by: a scoring with its arrays, and what its strategies prepared.

    Before the first model there is none, unless the project has a source of features: then the arrays
    are its embeddings and its own probabilities, and the scoring has no checkpoint.
    """

    row: ScoringRow | None = None
    arrays: Arrays | None = None
    """None if there are none, or if they were deleted."""
    prepared: Mapping[str, PreparedArrays] = field(default_factory=dict)
    """What each strategy prepared, by the strategy's folder."""


def current_scores(services: Services, project: ProjectRow, strategies: Sequence[ChosenStrategy]) -> Scores:
    """Return the live checkpoint's newest scores with every array these strategies need; an empty pool has none.

    Before the first model, they are the features of the pool, if the project has a source of them.

    Raises ToBeComputed if an array is still to be computed, and queues that; NotReady if only a model
    provides it and there is none yet; Unprocessable if it cannot be computed.
    """
    for strategy in strategies:
        if impossible := (strategy.needs | strategy.summary_needs) & _IMPOSSIBLE_NEEDS[project.task]:
            names = ", ".join(sorted(impossible))
            raise Unprocessable(f"strategy {strategy.name!r} needs {names}, which {project.task} models do not provide")
    features = services.projects.get(project.name).features
    needs = needs_of(strategy.needs | strategy.summary_needs for strategy in strategies)
    if project.live is None and (features is None or not needs):
        return Scores()
    if project.live is None:
        # one whose summary alone needs a model is not prepared, and chooses without
        check_available(needs_of(strategy.needs for strategy in strategies), _FEATURES)
    live, scores = _newest(services, project, strategies)
    missing = sorted(needs_of(strategy.needs for strategy in strategies) - set(scores.arrays or ()))
    if live is None:
        # other arrays come with the first model only
        computed = scores.arrays is not None and _is_source(services, features, scores.row)
        scores, missing = (scores, []) if computed else (Scores(), ["embeddings"])
    unprepared = [s.name for s in strategies if s.prepares and s.folder not in scores.prepared]
    if (missing or unprepared) and not _is_empty(services, project.name):
        raise _to_be_computed(services, project.name, strategies, live, missing, unprepared)
    return scores


def probabilities_source(services: Services, scores: Scores, strategies: Sequence[ChosenStrategy]) -> str | None:
    """Return where the class probabilities come from that these strategies use; None if they use none.

    That is "checkpoint", "uniform" before the first model, or the name of the backbone whose own classes they are.
    """
    if not any("probabilities" in strategy.needs for strategy in strategies):
        return None
    if scores.row is None or "probabilities" not in (scores.arrays or {}):
        return UNIFORM
    if isinstance((scores.arrays or {})["probabilities"], OwnClasses):
        return str(read_link(services.home.at(scores.row.folder))["plugin"])
    return CHECKPOINT


def recorded_scores(services: Services, record: QueryRow, strategies: Sequence[ChosenStrategy]) -> Scores:
    """Return scores that contain those the query was chosen by; without arrays if they were deleted."""
    if record.scoring is None:
        return Scores()
    with services.database.read() as connection:
        # a checkpoint's newest scoring contains its older ones, and the items added since
        newest = checkpoints.scoring(connection, record.project, record.checkpoint)
        recorded = checkpoints.scoring_by_id(connection, record.scoring)
    prepared = _prepared(services, recorded, strategies)
    if record.rows and any(strategy.prepares and strategy.folder not in prepared for strategy in strategies):
        return Scores(newest)
    return Scores(newest, stored_scores(services.home, newest), prepared)


def _prepared(
    services: Services, scoring: ScoringRow | None, strategies: Sequence[ChosenStrategy]
) -> dict[str, PreparedArrays]:
    stored = {
        strategy.folder: stored_prepared(services.home, scoring, strategy.folder)
        for strategy in strategies
        if strategy.prepares
    }
    return {folder: arrays for folder, arrays in stored.items() if arrays is not None}


def _is_source(services: Services, features: FeaturesChoice | None, scoring: ScoringRow | None) -> bool:
    """Return whether a scoring links to the source that the project file names now."""
    if features is None or scoring is None:
        return False
    link = read_link(services.home.at(scoring.folder))
    parameters: Mapping[str, Any] = {}
    if features.project() is None:
        record = services.registry.backbone(features.plugin)
        parameters = as_given(validate(record.parameters, features.parameters, "[features]"))
    return bool(link["plugin"] == features.plugin and link["parameters"] == parameters)


def _is_empty(services: Services, project: str) -> bool:
    with services.database.read() as connection:
        return items.count(connection, project) == 0


def _newest(services: Services, project: ProjectRow, strategies: Sequence[ChosenStrategy]) -> tuple[str | None, Scores]:
    """Return the name of the live checkpoint, if any, and its newest scores."""
    for _ in range(_READ_ATTEMPTS):
        with services.database.read() as connection:
            scoring = checkpoints.scoring(connection, project.name, project.live)
        prepared = _prepared(services, scoring, strategies)
        arrays = stored_scores(services.home, scoring)
        if scoring is None or arrays is not None:
            return project.live, Scores(scoring, arrays, prepared)
        # a newer scoring, or a newer live checkpoint, has just replaced this one and deleted its arrays
        project = services.row(project.name)
    return project.live, Scores()


def _to_be_computed(
    services: Services,
    project: str,
    strategies: Sequence[ChosenStrategy],
    checkpoint: str | None,
    missing: Sequence[str],
    unprepared: Sequence[str],
) -> NextlabelError:
    """Queue what is missing, unless computing it has just failed, and return the error to raise."""
    extra = sorted(set(missing) - project_needs(services.registry, services.projects.get(project)))
    names = " and ".join(repr(strategy.name) for strategy in strategies)
    with services.database.read() as connection:
        recent = jobs.latest(connection, project, "score", 20)
    for job in recent:
        same = job.parameters.get("checkpoint") == checkpoint and includes(job.parameters, extra, unprepared)
        if same and job.state == "failed" and is_recent(job):
            # pages ask again every few seconds
            return Unprocessable(
                f"strategy {names} needs scores that cannot be computed: {job.error}; "
                f"a query tries again {RECENT:.0f} seconds after job {job.id} failed"
            )
    parameters = {"checkpoint": checkpoint, "needs": extra, "prepare": list(unprepared)}
    number = queue_once(services.database, project, "score", parameters)
    needed = ", ".join([*missing, *(f"what {name!r} prepares" for name in unprepared)])
    first = "the model must score the pool" if checkpoint else "the features of the pool must be computed"
    message = f"{first} first: strategy {names} needs {needed} (job {number})"
    return ToBeComputed(message, number, created=all(job.id != number for job in recent))
