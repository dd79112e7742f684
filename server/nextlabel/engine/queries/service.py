"""The queries of one project: items to label next, their leases, and replays of stored queries."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection

from nextlabel.contracts.data import FloatArray
from nextlabel.contracts.errors import Gone, NotFound, TooLarge, Unprocessable
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.plugins.parameters import as_given, build
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.queries.current_scores import current_scores, recorded_scores
from nextlabel.engine.queries.selection import Askable, Selector, askable_items, askable_mask, restrict_to_candidates
from nextlabel.engine.random_streams import derive
from nextlabel.engine.records import QueryAnswer, QueryItem, Suggestion
from nextlabel.engine.scheduling import queue_scoring_again
from nextlabel.engine.scores import Arrays
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints, items, labels, projects, queries
from nextlabel.store.projects import ProjectRow
from nextlabel.store.queries import Chosen, Lease, QueryRow


class QueryService:
    """Creates, reads and replays queries. `row` returns the imported project, or raises NotReady."""

    def __init__(self, services: Services, config: ProjectConfig, row: Callable[[], ProjectRow]) -> None:
        self._services = services
        self._config = config
        self._row = row

    def create(self, size: int, strategy: str | None = None, annotator: str | None = None) -> QueryAnswer:
        """Choose up to `size` items to label next; with an annotator, lease the items to them.

        The annotator's live leases are returned first, and are renewed by this query.
        """
        services, config, row = self._services, self._config, self._row()
        if size < 1:
            raise Unprocessable(f"the size of a query must be at least 1, not {size}")
        if size > services.settings.max_query:
            raise TooLarge(f"the size of a query must be at most {services.settings.max_query}, not {size}")
        name = strategy or config.strategy.plugin
        scores = current_scores(services, row, name)
        parameters = config.strategy.named(name).parameters
        selector = self._selector(name, parameters, scores.arrays)
        label_state = services.label_state(row)
        with services.database.write() as connection:
            now = time.time()
            leases = queries.leases(connection, config.name, now)
            with label_state.current(connection) as state:
                number = projects.next_query_number(connection, config.name)
                seed = derive(config.seed, "query", number)
                rows = scores.row.rows if scores.row else len(state)
                mask = askable_mask(state, config, annotator, rows)
                # items that other annotators closed since, or that the live scores lack, are not returned again
                own = [
                    lease for lease in leases
                    if lease.annotator == annotator and lease.position < len(mask) and mask[lease.position]
                ]  # fmt: skip
                excluded = _excluded(leases, annotator, state, config)
                askable = askable_items(state, config, mask, excluded)
                new_size = max(0, size - len(own))
                chosen = selector.choose(state, askable, size=new_size, rows=rows, seed=seed)
                record = QueryRow(
                    id=f"{config.name}-{number}", project=config.name, number=number, time=now, annotator=annotator,
                    strategy=name, parameters=as_given(selector.strategy.parameters), seed=seed,
                    checkpoint=scores.row.checkpoint if scores.row else None,
                    scoring=scores.row.id if scores.row else None,
                    rows=rows, last_label=state.labels.last, size=new_size,
                    excluded=tuple(excluded), chosen=tuple(chosen),
                    leased=tuple(sorted({lease.position for lease in leases})),
                )  # fmt: skip
                returned = [Chosen(lease.position, lease.score, lease.reason) for lease in own[:size]] + chosen
                remaining = len(askable) + len(own)
                answer = _answer(connection, record, returned, state, scores.arrays, remaining)
            queries.insert(connection, record)
            if rows < len(state):  # the job that was to score the other items may have failed
                queue_scoring_again(connection, config.name)
            if annotator is not None:
                queries.drop_expired(connection, config.name, now)
                expires = now + (config.labels.lease or services.settings.lease_seconds)
                queries.grant(connection, [_lease(record, annotator, expires, choice) for choice in returned])
        return answer

    def get(self, query: str) -> QueryAnswer:
        """Return a query as it was chosen, without the renewed leases that were returned with it."""
        record = self._record(query)
        state = self._recorded_state(record)
        scores = recorded_scores(self._services, record)
        return self._recorded_answer(record, state, self._recorded_askable(record, state), scores.arrays)

    def replay(self, query: str) -> QueryAnswer:
        """Choose again from a query's record. Raises Gone if its scores were deleted or it would choose other items."""
        record = self._record(query)
        scores = recorded_scores(self._services, record)
        if record.scoring is not None and scores.arrays is None:
            raise Gone(f"the scores that query {query!r} was chosen by were deleted")
        selector = self._selector(record.strategy, record.parameters, scores.arrays)
        state = self._recorded_state(record)
        askable = self._recorded_askable(record, state)
        chosen = tuple(selector.choose(state, askable, size=record.size, rows=record.rows, seed=record.seed))
        if chosen != record.chosen:
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

    def _selector(self, name: str, parameters: Mapping[str, Any], scores: Arrays | None) -> Selector:
        record = self._services.registry.strategy(name)
        strategy = build(record, parameters, f"strategy {name!r}")
        return Selector(self._config, strategy, frozenset(record.needs), scores)

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
            return _answer(connection, record, record.chosen, state, scores, len(askable))


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
    )


def _lease(record: QueryRow, annotator: str, expires: float, choice: Chosen) -> Lease:
    return Lease(record.project, choice.position, annotator, record.id, expires, choice.score, choice.reason)


def _stale_labels(connection: Connection, record: QueryRow) -> int:
    """Return the number of labels that the query knew and its checkpoint did not learn from."""
    checkpoint = checkpoints.get(connection, record.project, record.checkpoint) if record.checkpoint else None
    unseen = labels.count(connection, record.project, checkpoint.card["last_label"] if checkpoint else 0)
    return unseen - labels.count(connection, record.project, record.last_label)


def _excluded(leases: Sequence[Lease], annotator: str | None, state: PoolState, config: ProjectConfig) -> list[int]:
    """Return the positions that leases exclude: the annotator's own, and those with enough other annotators."""
    lease_counts = Counter(lease.position for lease in leases)
    own = {lease.position for lease in leases if lease.annotator == annotator}
    # an open item that has all its labels already is leased to one annotator at a time
    full = {
        position
        for position, count in lease_counts.items()
        if count >= max(1, config.labels.answers - int(state.labels.label_counts[position]))
    }
    return sorted(own | full)


def _suggestion(position: int, state: PoolState, scores: Arrays | None) -> Suggestion | None:
    """Return the model's most probable class among an item's candidates, None without a score."""
    if scores is None or "probabilities" not in scores or position >= len(scores["probabilities"]):
        return None
    row: FloatArray = np.asarray(scores["probabilities"][position : position + 1])
    row = restrict_to_candidates(row, state.labels.candidate_rows(np.array([position])))[0]
    best = int(row.argmax())
    return Suggestion(state.project.classes[best], float(row[best]))
