"""A scoring job: the live checkpoint says what it was not asked before, or of items it has not seen."""

from __future__ import annotations

import time
from pathlib import Path

from nextlabel.contracts.errors import Unprocessable
from nextlabel.contracts.items import Need
from nextlabel.engine.context import Context
from nextlabel.engine.models import read_model
from nextlabel.engine.retention import drop_old_scores
from nextlabel.engine.scoring import score_pool
from nextlabel.engine.state import PoolState
from nextlabel.engine.training import Interrupted, Report, project_needs
from nextlabel.store import checkpoints, jobs
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
    asked: set[Need] = set(job.parameters.get("needs", ()))
    needs = project_needs(context, config) | asked
    items = context.items(state)
    model = read_model(Path(live.folder), context.registry)[0]
    # only rows are missing: the rest is copied
    reusable = last is not None and needs <= {*last.arrays, "labelled_embeddings"} and last.rows <= len(items)
    target = context.home.scores(config.name, f"{live.name}-{job.id}")
    with context.home.new_directory(target) as partial:
        names = score_pool(
            model,
            items,
            needs,
            partial,
            live.card["seed"],
            lambda done: report(done * 0.95, {}),
            Path(last.folder) if reusable and last else None,
        )
    now = time.time()
    with context.database.write() as connection:
        if not jobs.finish(connection, job.id, str(job.owner), "succeeded", now, {"items": float(len(items))}):
            raise Interrupted(f"job {job.id} was stopped before its scores were kept")
        checkpoints.insert_scoring(
            connection,
            project=config.name,
            checkpoint=live.name,
            rows=len(items),
            arrays=names,
            folder=str(target),
            created=now,
            last_label=live.card["last_label"],
        )
    drop_old_scores(context, config.name)
