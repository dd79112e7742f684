"""How long scores are kept: the newest of the newest checkpoints and of the live one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nextlabel.engine.services import Services
from nextlabel.store import checkpoints, projects


def drop_old_scores(services: Services, project: str) -> None:
    """Forget the scores of all but `keep_scores` checkpoints, and of those all but the newest.

    The newest hold what the older ones did, and the items that came since.
    """
    with services.database.write() as connection:
        row = projects.get(connection, project)
        names = [found.name for found in checkpoints.all(connection, project)]
        kept = {*names[-services.settings.keep_scores :], row.live if row else None}
        scorings = checkpoints.scorings(connection, project)
        newest = {scoring.checkpoint: scoring.id for scoring in scorings if scoring.checkpoint in kept}
        dropped = [scoring for scoring in scorings if newest.get(scoring.checkpoint) != scoring.id]
        for scoring in dropped:
            checkpoints.delete_scoring(connection, scoring.id)
    for scoring in dropped:
        # processes that still have the arrays mapped keep reading them
        shutil.rmtree(services.home.at(scoring.folder), ignore_errors=True)


@contextmanager
def removed_on_failure(services: Services, *folders: Path) -> Iterator[None]:
    """Remove the folders where the block raises, unless the database names them."""
    try:
        yield
    except BaseException as error:
        try:
            named = _named(services)  # Ctrl-C may come right behind the commit
        except Exception:  # noqa: BLE001 - what went wrong first is told; `sweep` removes them
            raise error from None
        for folder in folders:
            if folder not in named:
                shutil.rmtree(folder, ignore_errors=True)
        raise


def sweep(services: Services) -> None:
    """Remove what a crash left beside the database: temporary folders, checkpoints nothing names."""
    services.home.sweep(_named(services))


def _named(services: Services) -> set[Path]:
    """Return the folders of all checkpoints and scores that there are."""
    named: set[Path] = set()
    with services.database.read() as connection:
        for row in projects.all(connection):
            named |= {services.home.at(found.folder) for found in checkpoints.all(connection, row.name)}
            named |= {services.home.at(found.folder) for found in checkpoints.scorings(connection, row.name)}
    return named
