"""Queries: which items to ask, leased to whom, and the same again from the record of it."""

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
from nextlabel.engine.queries.current_scores import scores_now, scores_then
from nextlabel.engine.queries.selection import Request, Selector, askable_items, wanted, within
from nextlabel.engine.random_streams import derive
from nextlabel.engine.records import QueryAnswer, QueryItem, Suggestion
from nextlabel.engine.scheduling import queue_scoring_again
from nextlabel.engine.scores import Arrays
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints, items, labels, projects, queries
from nextlabel.store.projects import ProjectRow
from nextlabel.store.queries import Chosen, Lease, QueryRow


class QueryService:
    """The queries of one project."""

    def __init__(self, services: Services, config: ProjectConfig, row: Callable[[], ProjectRow]) -> None:
        self._services = services
        self._config = config
        self._row = row

    def create(self, size: int, strategy: str | None = None, annotator: str | None = None) -> QueryAnswer:
        """Choose up to `size` items to ask; lease them where there is an annotator.

        An annotator's live leases come back first, and are leased anew with this query.
        """
        services, config, row = self._services, self._config, self._row()
        if size < 1:
            raise Unprocessable(f"a query asks for one item or more, not {size}")
        if size > services.settings.max_query:
            raise TooLarge(f"at most {services.settings.max_query} items are asked at a time, not {size}")
        name = strategy or config.strategy.plugin
        scored = scores_now(services, row, name)
        given = config.strategy.parameters if name == config.strategy.plugin else {}
        chooser = self._make(name, given, scored.arrays)
        label_state = services.label_state(row)
        with services.database.write() as connection:
            projects.lock(connection, config.name)
            now = time.time()
            leases = queries.leases(connection, config.name, now)
            with label_state.current(connection) as state:
                number = projects.next_query_number(connection, config.name)
                rows = scored.row.rows if scored.row else len(state)
                open_ = wanted(state, config, annotator, rows)
                # what somebody else has closed meanwhile does not come back, nor what the live scores lack
                mine = [
                    one for one in leases
                    if one.annotator == annotator and one.position < len(open_) and open_[one.position]
                ]  # fmt: skip
                request = Request(
                    size=max(0, size - len(mine)),
                    annotator=annotator,
                    seed=derive(config.seed, "query", number),
                    rows=rows,
                    excluded=_excluded(leases, annotator, state, config),
                )
                chosen = chooser.choose(state, request)
                left = len(askable_items(state, config, request)) + len(mine)
                record = QueryRow(
                    id=f"{config.name}-{number}", project=config.name, number=number, time=now, annotator=annotator,
                    strategy=name, parameters=as_given(chooser.strategy.parameters), seed=request.seed,
                    checkpoint=scored.row.checkpoint if scored.row else None,
                    scoring=scored.row.id if scored.row else None,
                    rows=rows, last_label=state.labels.last, size=request.size,
                    excluded=tuple(request.excluded), chosen=tuple(chosen),
                )  # fmt: skip
                answered = [Chosen(lease.position, lease.score, lease.reason) for lease in mine[:size]] + chosen
                answer = self._answer(connection, record, answered, state, scored.arrays, left)
            queries.insert(connection, record)
            if rows < len(state):  # what was to score the others may have come to a bad end
                queue_scoring_again(connection, config.name)
            if annotator is not None:
                queries.drop_expired(connection, config.name, now)
                expires = now + (config.labels.lease or services.settings.lease_seconds)
                queries.grant(connection, [_lease(record, annotator, expires, one) for one in answered])
        return answer

    def get(self, query: str) -> QueryAnswer:
        """Return a query as it was chosen (leases that came back with it are not part of it)."""
        record = self._record(query)
        return self._again(record, record.chosen, self._state_then(record), scores_then(self._services, record).arrays)

    def replay(self, query: str) -> QueryAnswer:
        """Choose again from the record: the same answer, or Gone where what it followed from is no longer so."""
        record = self._record(query)
        scored = scores_then(self._services, record)
        if record.scoring is not None and scored.arrays is None:
            raise Gone(f"the scores query {query!r} was chosen from are no longer kept")
        chooser = self._make(record.strategy, record.parameters, scored.arrays)
        state = self._state_then(record)
        request = Request(record.size, record.annotator, record.seed, record.rows, record.excluded)
        chosen = tuple(chooser.choose(state, request))
        if chosen != record.chosen:
            raise Gone(f"query {query!r} would choose otherwise now: its project file or its strategy has changed")
        return self._again(record, chosen, state, scored.arrays)

    def release(self, query: str) -> int:
        """Free the items leased by a query and return how many there were."""
        record = self._record(query)
        with self._services.database.write() as connection:
            released = queries.release_query(connection, query)
            if record.annotator is not None:  # a later query may have brought them back
                places = [chosen.position for chosen in record.chosen]
                released += queries.release(connection, record.project, record.annotator, places)
            return released

    def _make(self, name: str, parameters: Mapping[str, Any], scores: Arrays | None) -> Selector:
        record = self._services.registry.strategy(name)
        strategy = build(record, parameters, f"strategy {name!r}")
        return Selector(self._config, strategy, frozenset(record.needs), scores)

    def _state_then(self, record: QueryRow) -> PoolState:
        state = PoolState(self._services.row(self._config.name))
        with self._services.database.read() as connection:
            state.catch_up(connection, until=record.last_label)
        return state

    def _record(self, query: str) -> QueryRow:
        with self._services.database.read() as connection:
            record = queries.get(connection, query)
        if record is None or record.project != self._config.name:
            raise NotFound(f"project {self._config.name!r} has no query {query!r}")
        return record

    def _again(
        self, record: QueryRow, chosen: Sequence[Chosen], state: PoolState, scores: Arrays | None
    ) -> QueryAnswer:
        request = Request(record.size, record.annotator, record.seed, record.rows, record.excluded)
        left = len(askable_items(state, self._config, request))
        with self._services.database.read() as connection:
            return self._answer(connection, record, chosen, state, scores, left)

    @staticmethod
    def _answer(
        connection: Connection,
        record: QueryRow,
        chosen: Sequence[Chosen],
        state: PoolState,
        scores: Arrays | None,
        left: int,
    ) -> QueryAnswer:
        rows = items.by_positions(connection, record.project, [c.position for c in chosen])
        return QueryAnswer(
            project=record.project,
            query=record.id,
            strategy=record.strategy,
            parameters=record.parameters,
            checkpoint=record.checkpoint,
            seed=record.seed,
            items=tuple(
                QueryItem(rows[c.position].id, c.score, _suggestion(c.position, state, scores), c.reason)
                for c in chosen
            ),
            remaining=left,
            stale_labels=_stale(connection, record),
        )


def _lease(record: QueryRow, annotator: str, expires: float, one: Chosen) -> Lease:
    return Lease(record.project, one.position, annotator, record.id, expires, one.score, one.reason)


def _stale(connection: Connection, record: QueryRow) -> int:
    found = checkpoints.get(connection, record.project, record.checkpoint) if record.checkpoint else None
    unseen = labels.count(connection, record.project, found.card["last_label"] if found else 0)
    return unseen - labels.count(connection, record.project, record.last_label)


def _excluded(leases: Sequence[Lease], annotator: str | None, state: PoolState, config: ProjectConfig) -> list[int]:
    held = Counter(lease.position for lease in leases)
    mine = {lease.position for lease in leases if lease.annotator == annotator}
    # an item that is open although it has all its answers is asked of one at a time
    full = {
        p for p, count in held.items() if count >= max(1, config.labels.answers - int(state.labels.label_counts[p]))
    }
    return sorted(mine | full)


def _suggestion(position: int, state: PoolState, scores: Arrays | None) -> Suggestion | None:
    if scores is None or "probabilities" not in scores or position >= len(scores["probabilities"]):
        return None
    sets = state.labels.candidates
    row: FloatArray = np.asarray(scores["probabilities"][position : position + 1])
    row = within(row, None if sets is None else sets[position : position + 1])[0]
    best = int(row.argmax())
    return Suggestion(state.project.classes[best], float(row[best]))
