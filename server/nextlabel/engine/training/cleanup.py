"""Deletes old scores, and folders that no row of the database names."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nextlabel.engine.services import Services
from nextlabel.engine.training.old_features import drop_old_features
from nextlabel.store import checkpoints, projects

_PREPARED = 10
"""Newest scorings of a project of which the prepared arrays stay."""


def drop_old_scores(services: Services, project: str) -> None:
    """Delete all scores except the newest of the `keep_scores` newest checkpoints and of the live one.

    A checkpoint's newest scores contain its older ones, and the items added since. This is not so of
    the arrays that strategies prepared, which depend on the labels: of these, the project's ten newest
    stay, so that the queries chosen by them can be replayed.
    """
    with services.database.write() as connection:
        row = projects.get(connection, project)
        names = [checkpoint.name for checkpoint in checkpoints.all(connection, project)]
        # scorings without a checkpoint are older than the first one
        retained = {*names[-services.settings.keep_scores :], row.live if row else None, None}
        scorings = checkpoints.scorings(connection, project)
        newest = {scoring.checkpoint: scoring.id for scoring in scorings if scoring.checkpoint in retained}
        older = [scoring for scoring in scorings if scoring.id not in newest.values()]
        prepared = [scoring.id for scoring in scorings if scoring.checkpoint in retained and scoring.prepared]
        replayable = [scoring for scoring in older if scoring.id in prepared[-_PREPARED:]]
        dropped = [scoring for scoring in older if scoring not in replayable]
        for scoring in dropped:
            checkpoints.delete_scoring(connection, scoring.id)
    # processes that still have the arrays mapped can read on
    for scoring in dropped:
        shutil.rmtree(services.home.at(scoring.folder), ignore_errors=True)
    for scoring in replayable:
        for path in services.home.at(scoring.folder).glob("*.npy"):
            path.unlink(missing_ok=True)


@contextmanager
def removed_on_failure(services: Services, *folders: Path) -> Iterator[None]:
    """Remove the folders if the block raises, except those that the database names."""
    try:
        yield
    except BaseException as error:
        try:
            named = _named_folders(services)  # Ctrl-C may arrive right after the commit
        except Exception:  # noqa: BLE001 - the first error matters more; `sweep` removes the folders later
            raise error from None
        for folder in folders:
            if folder not in named:
                shutil.rmtree(folder, ignore_errors=True)
        raise


def sweep(services: Services) -> None:
    """Remove temporary folders and checkpoints that no row names, which a crash left, and unused features."""
    services.home.sweep(_named_folders(services))
    drop_old_features(services)


def _named_folders(services: Services) -> set[Path]:
    named: set[Path] = set()
    with services.database.read() as connection:
        for row in projects.all(connection):
            named |= {services.home.at(checkpoint.folder) for checkpoint in checkpoints.all(connection, row.name)}
            named |= {services.home.at(scoring.folder) for scoring in checkpoints.scorings(connection, row.name)}
    return named
