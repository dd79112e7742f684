"""How long scores are kept: the newest of the newest checkpoints and of the live one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nextlabel.engine.context import Context
from nextlabel.store import checkpoints, projects


def drop_old_scores(context: Context, project: str) -> None:
    """Forget the scores of all but `keep_scores` checkpoints, and of those all but the newest.

    The newest hold what the older ones did, and the items that came since.
    """
    with context.database.write() as connection:
        row = projects.get(connection, project)
        names = [found.name for found in checkpoints.all(connection, project)]
        kept = {*names[-context.settings.keep_scores :], row.live if row else None}
        scorings = checkpoints.scorings(connection, project)
        newest = {scoring.checkpoint: scoring.id for scoring in scorings if scoring.checkpoint in kept}
        dropped = [scoring for scoring in scorings if newest.get(scoring.checkpoint) != scoring.id]
        for scoring in dropped:
            checkpoints.delete_scoring(connection, scoring.id)
    for scoring in dropped:
        # processes that still have the arrays mapped keep reading them
        shutil.rmtree(context.home.at(scoring.folder), ignore_errors=True)


@contextmanager
def removed_on_failure(*folders: Path) -> Iterator[None]:
    """Remove the folders where the block raises, since the database then names none of them."""
    try:
        yield
    except BaseException:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def sweep(context: Context) -> None:
    """Remove what a crash left beside the database: temporary folders, checkpoints nothing names."""
    with context.database.read() as connection:
        keep = set()
        for row in projects.all(connection):
            keep |= {context.home.at(found.folder) for found in checkpoints.all(connection, row.name)}
            keep |= {context.home.at(found.folder) for found in checkpoints.scorings(connection, row.name)}
    context.home.sweep(keep)
