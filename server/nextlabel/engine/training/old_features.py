"""Deletes the features of other projects' checkpoints that nothing uses any more."""

from __future__ import annotations

from contextlib import suppress

from nextlabel.engine.features.sources import checkpoint_key, read_card
from nextlabel.engine.linked_features import read_link
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints, projects


def drop_old_features(services: Services) -> None:
    """Delete the features by a checkpoint unless it is live, or a live checkpoint or stored scores use them.

    Call it while no job runs. A project that needs them again computes them again. Features by a
    backbone stay: a later training of any project may use them.
    """
    home = services.home
    used: set[str] = set()
    with services.database.read() as connection:
        for row in projects.all(connection):
            live = checkpoints.get(connection, row.name, row.live) if row.live else None
            if live is not None:
                used |= {checkpoint_key(live), (live.card.get("features") or {}).get("key", "")}
            for scoring in checkpoints.scorings(connection, row.name):
                with suppress(FileNotFoundError):
                    used.add(read_link(home.at(scoring.folder))["key"])
    for path in (home.root / "features").glob("*/source.json"):
        key = path.parent.name
        if key not in used and read_card(home, key)["checkpoint"] is not None:
            home.remove_features(key)
