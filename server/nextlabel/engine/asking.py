"""Queries: which items to ask, leased to whom, and the same again from the record of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection

from nextlabel.contracts.errors import Gone, NotReady, TooLarge, Unknown
from nextlabel.contracts.items import FloatArray
from nextlabel.engine.answers import QueryAnswer, QueryItem, Suggestion
from nextlabel.engine.choosing import Chooser, Request, askable_items, within
from nextlabel.engine.context import Context
from nextlabel.engine.parameters import build
from nextlabel.engine.projects import ProjectConfig
from nextlabel.engine.queueing import queue_once
from nextlabel.engine.scoring import Arrays, needs_of, open_scores
from nextlabel.engine.seeds import derive
from nextlabel.engine.state import PoolState
from nextlabel.store import checkpoints, labels, projects, queries
from nextlabel.store.checkpoints import ScoringRow
from nextlabel.store.projects import ProjectRow
from nextlabel.store.queries import Chosen, Lease, QueryRow


@dataclass(frozen=True)
class Scored:
    """The live checkpoint's newest scores; all None before any model."""

    row: ScoringRow | None
    arrays: Arrays | None
    last_label: int


class Asking:
    """The queries of one project."""

    def __init__(self, context: Context, config: ProjectConfig) -> None:
        self._context = context
        self._config = config

    def query(self, size: int, strategy: str | None, annotator: str | None) -> QueryAnswer:
        """Choose up to `size` items to ask; lease them where there is an annotator.

        An annotator's live leases come back first.
        """
        context, config = self._context, self._config
        if size > context.settings.max_query:
            raise TooLarge(f"at most {context.settings.max_query} items are asked at a time, not {size}")
        row = context.row(config.name)
        name = strategy or config.strategy.plugin
        chooser, scored = self._chooser(row, name)
        with context.database.write() as connection:
            projects.lock(connection, config.name)
            now = time.time()
            leases = queries.leases(connection, config.name, now)
            mine = [lease for lease in leases if annotator is not None and lease.annotator == annotator][:size]
            with context.keeper(row).at_present(connection) as state:
                number = projects.next_query_number(connection, config.name)
                request = Request(
                    size=size - len(mine),
                    annotator=annotator,
                    seed=derive(config.seed, "query", number),
                    rows=scored.row.rows if scored.row else len(state.rows),
                    excluded=_excluded(leases, annotator, state, config),
                )
                chosen = chooser.choose(state, request)
                left = len(askable_items(state, config, request)) + len(mine)
                record = QueryRow(
                    id=f"{config.name}-{number}", project=config.name, number=number, time=now, annotator=annotator,
                    strategy=name, parameters=asdict(chooser.strategy.parameters), seed=request.seed,
                    checkpoint=scored.row.checkpoint if scored.row else None,
                    scoring=scored.row.id if scored.row else None,
                    rows=request.rows, last_label=state.labels.last, size=request.size,
                    excluded=tuple(request.excluded), chosen=tuple(chosen),
                )  # fmt: skip
                answered = [Chosen(lease.position, lease.score, lease.reason) for lease in mine] + chosen
                stale = _stale(connection, record, scored)
                answer = self._answer(record, answered, state, scored, left, stale)
            queries.insert(connection, record)
            if annotator is not None:
                queries.drop_expired(connection, config.name, now)
                expires = now + (config.labels.lease or context.settings.lease_seconds)
                queries.grant(
                    connection,
                    [Lease(config.name, c.position, annotator, record.id, expires, c.score, c.reason) for c in chosen],
                )
        return answer

    def stored(self, query: str) -> QueryAnswer:
        """Return a query as it was chosen (leases that came back with it are not part of it)."""
        record = self._record(query)
        return self._again(record, record.chosen, self._state_then(record), self._scores_then(record))

    def replay(self, query: str) -> QueryAnswer:
        """Choose again from the record; Gone where the scores are no longer kept."""
        record = self._record(query)
        scored = self._scores_then(record)
        if record.scoring is not None and scored.arrays is None:
            raise Gone(f"the scores query {query!r} was chosen from are no longer kept")
        chooser = self._make(record.strategy, record.parameters, scored.arrays)
        state = self._state_then(record)
        request = Request(record.size, record.annotator, record.seed, record.rows, record.excluded)
        return self._again(record, chooser.choose(state, request), state, scored)

    def hand_back(self, query: str) -> int:
        """Free the items leased by a query and return how many there were."""
        self._record(query)
        with self._context.database.write() as connection:
            return queries.release_query(connection, query)

    def _chooser(self, row: ProjectRow, name: str) -> tuple[Chooser, Scored]:
        record = self._context.registry.strategy(name)
        scored = self._scores_now(row)
        needs = needs_of([record.needs])
        if scored.row is not None and not needs <= set(scored.row.arrays):
            missing = sorted(needs - set(scored.row.arrays))
            job = queue_once(self._context, row.name, "score", {"needs": missing})
            raise NotReady(f"strategy {name!r} needs {', '.join(missing)}; job {job} computes it", 2)
        given = self._config.strategy.parameters if name == self._config.strategy.plugin else {}
        return self._make(name, given, scored.arrays), scored

    def _make(self, name: str, parameters: Mapping[str, Any], scores: Arrays | None) -> Chooser:
        record = self._context.registry.strategy(name)
        strategy = build(record, parameters, f"strategy {name!r}")
        return Chooser(self._config, strategy, frozenset(record.needs), scores)

    def _scores_now(self, row: ProjectRow) -> Scored:
        with self._context.database.read() as connection:
            current = projects.get(connection, row.name)
            live = current.live if current else None
            scoring = checkpoints.scoring(connection, row.name, live) if live else None
        return _opened(scoring)

    def _scores_then(self, record: QueryRow) -> Scored:
        if record.scoring is None:
            return Scored(None, None, 0)
        with self._context.database.read() as connection:
            return _opened(checkpoints.scoring_by_id(connection, record.scoring))

    def _state_then(self, record: QueryRow) -> PoolState:
        state = PoolState(self._context.row(self._config.name))
        with self._context.database.read() as connection:
            state.catch_up(connection, until=record.last_label)
        return state

    def _record(self, query: str) -> QueryRow:
        with self._context.database.read() as connection:
            record = queries.get(connection, query)
        if record is None or record.project != self._config.name:
            raise Unknown(f"project {self._config.name!r} has no query {query!r}")
        return record

    def _again(self, record: QueryRow, chosen: Sequence[Chosen], state: PoolState, scored: Scored) -> QueryAnswer:
        request = Request(record.size, record.annotator, record.seed, record.rows, record.excluded)
        left = len(askable_items(state, self._config, request))
        with self._context.database.read() as connection:
            stale = _stale(connection, record, scored)
        return self._answer(record, chosen, state, scored, left, stale)

    @staticmethod
    def _answer(
        record: QueryRow, chosen: Sequence[Chosen], state: PoolState, scored: Scored, left: int, stale: int
    ) -> QueryAnswer:
        return QueryAnswer(
            project=record.project,
            query=record.id,
            strategy=record.strategy,
            parameters=record.parameters,
            checkpoint=record.checkpoint,
            seed=record.seed,
            items=tuple(
                QueryItem(state.rows[c.position].id, c.score, _suggestion(c.position, state, scored.arrays), c.reason)
                for c in chosen
            ),
            remaining=left,
            stale_labels=stale,
        )


def _stale(connection: Connection, record: QueryRow, scored: Scored) -> int:
    now = labels.count(connection, record.project, scored.last_label)
    return now - labels.count(connection, record.project, record.last_label)


def _excluded(leases: Sequence[Lease], annotator: str | None, state: PoolState, config: ProjectConfig) -> list[int]:
    held = Counter(lease.position for lease in leases)
    mine = {lease.position for lease in leases if lease.annotator == annotator}
    full = {p for p, count in held.items() if state.labels.answers[p] + count >= config.labels.answers}
    return sorted(mine | full)


def _opened(scoring: ScoringRow | None) -> Scored:
    if scoring is None:
        return Scored(None, None, 0)
    folder = Path(scoring.folder)
    return Scored(scoring, open_scores(folder) if folder.is_dir() else None, scoring.last_label)


def _suggestion(position: int, state: PoolState, scores: Arrays | None) -> Suggestion | None:
    if scores is None or "probabilities" not in scores or position >= len(scores["probabilities"]):
        return None
    sets = state.labels.candidates
    row: FloatArray = np.asarray(scores["probabilities"][position : position + 1])
    row = within(row, None if sets is None else sets[position : position + 1])[0]
    best = int(row.argmax())
    return Suggestion(state.project.classes[best], float(row[best]))
