"""How long scores are kept: those of the newest checkpoints and of the live one."""

from __future__ import annotations

import shutil
from pathlib import Path

from nextlabel.engine.context import Context
from nextlabel.store import checkpoints, projects


def drop_old_scores(context: Context, project: str) -> None:
    """Forget scores beyond `keep_scores` checkpoints; of each kept one, all its rounds stay."""
    with context.database.write() as connection:
        row = projects.get(connection, project)
        names = [found.name for found in checkpoints.all(connection, project)]
        kept = {*names[-context.settings.keep_scores :], row.live if row else None}
        dropped = [s for s in checkpoints.scorings(connection, project) if s.checkpoint not in kept]
        for scoring in dropped:
            checkpoints.delete_scoring(connection, scoring.id)
    for scoring in dropped:
        # processes that still have the arrays mapped keep reading them
        shutil.rmtree(Path(scoring.folder), ignore_errors=True)


def sweep(context: Context) -> None:
    """Remove what a crash left beside the database: temporary folders, checkpoints nothing names."""
    with context.database.read() as connection:
        keep = set()
        for row in projects.all(connection):
            keep |= {Path(found.folder) for found in checkpoints.all(connection, row.name)}
            keep |= {Path(found.folder) for found in checkpoints.scorings(connection, row.name)}
    context.home.sweep(keep)
