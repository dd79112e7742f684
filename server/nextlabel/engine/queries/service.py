"""The queries of one project: items to label next, their leases, and replays of stored queries."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from sqlalchemy import Connection

from nextlabel.contracts.data import FloatArray
from nextlabel.contracts.errors import Gone, NotFound, NotReady, TooLarge, Unprocessable
from nextlabel.engine.feature_items import OwnClasses
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.pool_arrays import check_available, restrict_to_candidates
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.queries.composition import (
    Composition,
    named_composition,
    project_composition,
    recorded_composition,
)
from nextlabel.engine.queries.current_scores import Scores, current_scores, probabilities_source, recorded_scores
from nextlabel.engine.queries.empty_pool import how_to_fill, refuse_import
from nextlabel.engine.queries.query_view import QueryView
from nextlabel.engine.queries.selection import Askable, askable_items, askable_mask
from nextlabel.engine.queries.worker_choices import Request, succeeded, to_be_chosen
from nextlabel.engine.random_streams import derive
from nextlabel.engine.records import QueryAnswer, QueryItem, Suggestion
from nextlabel.engine.scheduling import is_recent, queue_scoring_again
from nextlabel.engine.scores import Arrays
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints, items, labels, projects, queries
from nextlabel.store.projects import ProjectRow
from nextlabel.store.queries import Chosen, Lease, QueryRow

_ATTEMPTS = 3
"""How often a query is chosen at least before it gives up because others took its items."""
_RETRY_FOR = 2.0
"""Seconds for which a query is chosen again in any case: most strategies take milliseconds."""


@dataclass(frozen=True)
class _Basis:
    """What a query is chosen from."""

    row: ProjectRow
    view: QueryView
    composition: Composition
    scores: Scores
    rows: int
    """The first items of the pool, which the strategy chooses from: those with scores if it uses any, else all."""
    own: Sequence[Lease]
    """The annotator's own live leases, which are returned first."""
    askable: Askable
    remaining: int
    """Items that could be queried now or, if they have no scores yet, later."""


class QueryService:
    """Creates, reads and replays queries. `row` returns the imported project, or raises NotReady."""

    def __init__(self, services: Services, config: ProjectConfig, row: Callable[[], ProjectRow]) -> None:
        self._services = services
        self._config = config
        self._row = row

    def create(
        self,
        size: int | None = None,
        strategy: str | None = None,
        annotator: str | None = None,
        *,
        here: bool = False,
        before_storing: Callable[[QueryAnswer], None] = lambda _answer: None,
    ) -> QueryAnswer:
        """Choose up to `size` items to label next; with an annotator, lease the items to them.

        `size` is that of the project file if None.

        The annotator's live leases are returned first, and are renewed by this query. The strategy runs
        outside any transaction. If meanwhile others label or lease what it chooses, it chooses again, and
        NotReady is raised if that happens too often.

        Unless `here`, a strategy that must run in the worker does so: NotReady is raised until it has
        chosen, but an annotator with live leases gets those alone.

        `before_storing` receives what this returns before it is stored and leased, again if it chooses again. If it
        raises, nothing is stored.
        """
        services = self._services
        size = self._config.strategy.size if size is None else size
        if size < 1:
            raise Unprocessable(f"the size of a query must be at least 1, not {size}")
        if size > services.settings.max_query:
            raise TooLarge(f"the size of a query must be at most {services.settings.max_query}, not {size}")
        began, number = time.monotonic(), None
        for attempt in count(1):
            basis = self._basis(strategy, annotator)
            own = basis.own[:size]
            new_size = size - len(own)
            if new_size and basis.composition.in_worker and not here:
                request = {"size": size, "strategy": strategy, "annotator": annotator}
                stored = self._chosen_in_worker(request, basis)
                if stored is not None:
                    return self._answer(stored, stored.chosen, basis)
                new_size = 0
            number = number or self._next_number()
            record = self._choose(number, new_size, basis)
            returned = [*(Chosen(lease.position, lease.score, lease.reason) for lease in own), *record.chosen]
            answer = self._answer(record, returned, basis)
            before_storing(answer)
            if self._store(record, returned, basis):
                return answer
            if attempt >= _ATTEMPTS and time.monotonic() - began > _RETRY_FOR:
                break
        raise NotReady("other annotators took or labelled the items that the strategy chose; try again", 1)

    def get(self, query: str) -> QueryAnswer:
        """Return a query as it was chosen, without the renewed leases that were returned with it.

        `remaining` counts the items that it was chosen from.
        """
        record = self._record(query)
        state = self._recorded_state(record)
        scores = recorded_scores(self._services, record, [])
        return self._recorded_answer(record, state, self._recorded_askable(record, state), scores.arrays)

    def replay(self, query: str, *, here: bool = False) -> QueryAnswer:
        """Choose again from a query's record. Raises Gone if its scores were deleted or it would choose other items.

        Unless `here`, a strategy that must run in the worker does so: NotReady is raised until it has chosen.
        """
        record = self._record(query)
        composition = recorded_composition(self._services.registry, record.strategy, record.parameters)
        scores = recorded_scores(self._services, record, composition.stages)
        if record.scoring is not None and scores.arrays is None:
            raise Gone(f"the scores that query {query!r} was chosen by were deleted")
        state = self._recorded_state(record)
        askable = self._recorded_askable(record, state)
        if not record.size:
            same = True
        elif composition.in_worker and not here:
            same = self._replayed_in_worker(query)
        else:
            selector = composition.selector(self._config, scores)
            chosen = selector.choose(
                state, askable, size=record.size, rows=record.rows, seed=record.seed, leased=record.leased
            )
            same = tuple(chosen) == record.chosen
        if not same:
            raise Gone(f"query {query!r} would choose other items now: its project file or its strategy has changed")
        return self._recorded_answer(record, state, askable, scores.arrays)

    def release(self, query: str) -> int:
        """Release the items leased by a query and return how many there were."""
        record = self._record(query)
        with self._services.database.write() as connection:
            released = queries.release_query(connection, query)
            if record.annotator is not None:  # a later query may have renewed their leases
                positions = [chosen.position for chosen in record.chosen]
                released += queries.release(connection, record.project, record.annotator, positions)
            return released

    def _basis(self, strategy: str | None, annotator: str | None) -> _Basis:
        services, config, row = self._services, self._config, self._row()
        cache = services.label_state(row)
        with services.database.read() as connection:
            leases = tuple(queries.leases(connection, row.name, time.time()))
            view = QueryView(config, annotator, cache.snapshot(connection), leases)
            if not len(view.state):
                refuse_import(connection, row.name)
        if strategy is None:
            composition = project_composition(services.registry, config.strategy, view.state)
        else:
            composition = named_composition(services.registry, config.strategy, strategy)
        scores = current_scores(services, row, composition.stages)
        size = len(view.state)
        rows = min(scores.row.rows, size) if scores.row and composition.uses_scores else size
        own, askable = view.items(rows)
        all_own, everything = (own, askable) if rows == size else view.items(size)
        return _Basis(row, view, composition, scores, rows, own, askable, len(all_own) + len(everything))

    def _next_number(self) -> int:
        with self._services.database.write() as connection:
            return projects.next_query_number(connection, self._config.name)

    def _choose(self, number: int, size: int, basis: _Basis) -> QueryRow:
        """Return a query for `size` items that is not stored yet."""
        name, view, scoring = self._config.name, basis.view, basis.scores.row
        seed = derive(self._config.seed, "query", number)
        chosen: list[Chosen] = []
        if size:
            selector = basis.composition.selector(self._config, basis.scores)
            chosen = selector.choose(
                view.state, basis.askable, size=size, rows=basis.rows, seed=seed, leased=view.leased
            )
        return QueryRow(
            id=f"{name}-{number}", project=name, number=number, time=time.time(), annotator=view.annotator,
            strategy=basis.composition.name, parameters=basis.composition.parameters(), seed=seed,
            checkpoint=scoring.checkpoint if scoring else None, scoring=scoring.id if scoring else None,
            rows=basis.rows, last_label=view.state.labels.last, size=size,
            excluded=tuple(view.excluded), leased=view.leased, chosen=tuple(chosen),
            probabilities=probabilities_source(self._services, basis.scores, basis.composition.stages),
        )  # fmt: skip

    def _store(self, record: QueryRow, returned: Sequence[Chosen], basis: _Basis) -> bool:
        """Store a query and its leases, and return whether it could be: its items may be taken since."""
        row, view, now = basis.row, basis.view, time.time()
        cache = self._services.label_state(row)
        with self._services.database.write() as connection:
            leases = tuple(queries.leases(connection, row.name, now))
            with cache.current(connection) as state:
                current = QueryView(view.config, view.annotator, state, leases)
                if current.own_positions != view.own_positions or not current.allows(returned, record.chosen):
                    return False
                lacks_scores = basis.scores.row is not None and basis.scores.row.rows < len(state)
            queries.insert(connection, record)
            if lacks_scores:  # the job that was to score the other items may have failed, or was cancelled
                queue_scoring_again(connection, row.name, features=self._config.features is not None)
            if view.annotator is not None:
                queries.drop_expired(connection, row.name, now)
                expires = now + (self._config.labels.lease or self._services.settings.lease_seconds)
                queries.grant(connection, [_lease(record, view.annotator, expires, choice) for choice in returned])
        return True

    def _chosen_in_worker(self, request: Request, basis: _Basis) -> QueryRow | None:
        """Return the query that a job stored for this request; None if the annotator's own leases must do.

        Queues a job otherwise, and raises what `to_be_chosen` returns if there is nothing to label meanwhile.
        """
        name, view = self._config.name, basis.view
        if not len(basis.askable):
            return None
        for strategy in basis.composition.stages:
            check_available(strategy.needs, basis.scores.arrays or {})
        if view.annotator is None and (job := succeeded(self._services, name, request)) is not None:
            record = self._record(f"{name}-{int(job.metrics['query'])}")
            scoring = basis.scores.row.id if basis.scores.row else None
            how = (basis.composition.name, basis.composition.parameters(), scoring)
            same = (record.strategy, record.parameters, record.scoring) == how
            # in a busy project, new labels are stored between any two requests
            is_new = record.last_label == view.state.labels.last or is_recent(job)
            if same and is_new and view.allows(record.chosen, record.chosen):
                return record
        error = to_be_chosen(self._services, name, request)
        if basis.own:
            return None
        raise error

    def _replayed_in_worker(self, query: str) -> bool:
        """Return whether the worker chose the same items again. Raises NotReady until it has tried."""
        request = {"replay": query}
        job = succeeded(self._services, self._config.name, request)
        if job is None or not is_recent(job):
            raise to_be_chosen(self._services, self._config.name, request)
        return bool(job.metrics["same"])

    def _answer(self, record: QueryRow, returned: Sequence[Chosen], basis: _Basis) -> QueryAnswer:
        with self._services.database.read() as connection:
            answer = _answer(connection, record, returned, basis.view.state, basis.scores.arrays, basis.remaining)
            return self._with_hint(connection, answer, basis.view.state)

    def _record(self, query: str) -> QueryRow:
        with self._services.database.read() as connection:
            record = queries.get(connection, query)
        if record is None or record.project != self._config.name:
            raise NotFound(f"project {self._config.name!r} has no query {query!r}")
        return record

    def _recorded_state(self, record: QueryRow) -> PoolState:
        """Return the pool's state at the newest label that the query knew."""
        state = PoolState(self._services.row(self._config.name))
        with self._services.database.read() as connection:
            state.catch_up(connection, until=record.last_label)
        return state

    def _recorded_askable(self, record: QueryRow, state: PoolState) -> Askable:
        mask = askable_mask(state, self._config, record.annotator, record.rows)
        return askable_items(state, self._config, mask, record.excluded)

    def _recorded_answer(
        self, record: QueryRow, state: PoolState, askable: Askable, scores: Arrays | None
    ) -> QueryAnswer:
        with self._services.database.read() as connection:
            answer = _answer(connection, record, record.chosen, state, scores, len(askable))
            return self._with_hint(connection, answer, state)

    def _with_hint(self, connection: Connection, answer: QueryAnswer, state: PoolState) -> QueryAnswer:
        """Add how to fill the pool to the answer of an empty one."""
        if len(state):
            return answer
        return replace(answer, hint=how_to_fill(connection, self._services.registry, self._config))


def _answer(
    connection: Connection,
    record: QueryRow,
    chosen: Sequence[Chosen],
    state: PoolState,
    scores: Arrays | None,
    remaining: int,
) -> QueryAnswer:
    rows = items.by_positions(connection, record.project, [choice.position for choice in chosen])
    return QueryAnswer(
        project=record.project,
        query=record.id,
        strategy=record.strategy,
        parameters=record.parameters,
        checkpoint=record.checkpoint,
        seed=record.seed,
        items=tuple(
            QueryItem(
                rows[choice.position].id, choice.score, _suggestion(choice.position, state, scores), choice.reason
            )
            for choice in chosen
        ),
        remaining=remaining,
        stale_labels=_stale_labels(connection, record),
        probabilities=record.probabilities,
    )


def _lease(record: QueryRow, annotator: str, expires: float, choice: Chosen) -> Lease:
    return Lease(record.project, choice.position, annotator, record.id, expires, choice.score, choice.reason)


def _stale_labels(connection: Connection, record: QueryRow) -> int:
    """Return the number of labels that the query knew and its checkpoint did not learn from."""
    checkpoint = checkpoints.get(connection, record.project, record.checkpoint) if record.checkpoint else None
    unseen = labels.count(connection, record.project, checkpoint.card["last_label"] if checkpoint else 0)
    return unseen - labels.count(connection, record.project, record.last_label)


def _suggestion(position: int, state: PoolState, scores: Arrays | None) -> Suggestion | None:
    """Return the model's most probable class among an item's candidates, None without a score."""
    if scores is None or "probabilities" not in scores or position >= len(scores["probabilities"]):
        return None
    if isinstance(scores["probabilities"], OwnClasses):
        return None
    row: FloatArray = np.asarray(scores["probabilities"][position : position + 1])
    row = restrict_to_candidates(row, state.labels.candidate_rows(np.array([position])))[0]
    best = int(row.argmax())
    return Suggestion(state.project.classes[best], float(row[best]))
