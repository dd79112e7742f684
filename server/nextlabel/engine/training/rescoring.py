"""A scoring job: the live checkpoint says what it was not asked before, or of items it has not seen."""

from __future__ import annotations

import time
from pathlib import Path
from typing import get_args

import numpy as np

from nextlabel.contracts.errors import Unprocessable
from nextlabel.contracts.items import GraphItems, Need
from nextlabel.engine.checkpoints.models import read_model
from nextlabel.engine.context import Context
from nextlabel.engine.jobs.queueing import queue_scoring
from nextlabel.engine.pool.state import PoolState
from nextlabel.engine.training.keeping import Report, patiently, succeed
from nextlabel.engine.training.retention import drop_old_scores, removed_on_failure
from nextlabel.engine.training.scoring import kept_scores, project_needs, score_pool
from nextlabel.store import checkpoints
from nextlabel.store.checkpoints import CheckpointRow
from nextlabel.store.jobs import JobRow


def rescore(context: Context, job: JobRow, report: Report) -> None:
    """Run a claimed scoring job: `parameters["needs"]` beside what the project's strategies need."""
    config = context.projects.get(job.project)
    row = context.row(config.name)
    state = PoolState(row)
    with context.database.read() as connection:
        state.catch_up(connection)
        live = checkpoints.get(connection, config.name, row.live) if row.live else None
        last = checkpoints.scoring(connection, config.name, row.live) if row.live else None
    if live is None:
        raise Unprocessable(f"project {config.name!r} has no live checkpoint to score with")
    # what was asked for once is kept, so that the arrays stay of one length
    asked: set[Need] = {*job.parameters.get("needs", ()), *(last.arrays if last else ())} & set(get_args(Need))
    needs = project_needs(context.registry, config) | asked
    items = context.items(state)
    model = read_model(context.home.at(live.folder), context.registry)[0]
    if not model.inductive and last is not None and not isinstance(items, GraphItems):
        items = items.take(np.arange(last.rows))  # it knows no others
    # only rows are missing: the rest is copied
    reusable = last is not None and kept_scores(context.home, last) is not None and needs <= set(last.arrays)
    target = context.home.scores(config.name, f"{live.name}-{job.id}")
    with removed_on_failure(context, target):
        with context.home.new_directory(target) as partial:
            names = score_pool(
                model,
                items,
                needs,
                partial,
                live.card["seed"],
                lambda done: report(done * 0.95, {}),
                context.home.at(last.folder) if reusable and last else None,
            )
        patiently(lambda: _keep(context, job, live, len(items), names, target), report)
    drop_old_scores(context, config.name)


def _keep(context: Context, job: JobRow, live: CheckpointRow, rows: int, names: tuple[str, ...], folder: Path) -> None:
    now = time.time()
    with context.database.write() as connection:
        succeed(connection, job, {"items": float(rows)}, now)
        checkpoints.insert_scoring(
            connection,
            project=live.project,
            checkpoint=live.name,
            rows=rows,
            arrays=names,
            folder=context.home.name(folder),
            created=now,
            last_label=live.card["last_label"],
        )
        queue_scoring(connection, live.project)  # more items came, or another checkpoint is live
