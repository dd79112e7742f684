"""Whether a new checkpoint goes live: it and the live one on one hold-out, whatever scores are kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from nextlabel.contracts.data import FloatArray, GraphItems, IntArray, Items
from nextlabel.contracts.errors import NextlabelError
from nextlabel.engine.bundled_checkpoints import held_out_elsewhere
from nextlabel.engine.checkpoints.serialization import read_model
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.scores import Arrays, answers, kept_scores
from nextlabel.engine.services import Services
from nextlabel.engine.training.evaluation import Verdict, judge
from nextlabel.store import checkpoints, projects
from nextlabel.store.home import Home


@dataclass(frozen=True)
class Said:
    """What a checkpoint says of the k held-out items, in their order."""

    checkpoint: str
    arrays: Arrays


def said_of_holdout(services: Services, config: ProjectConfig, items: Items, positions: IntArray) -> Said | None:
    """Ask the live checkpoint of the held-out `positions` (k,) of all `items` where its scores lack some.

    So that one whose scores are not computed yet, as one that ships may be, is still compared.
    None: its scores will do, or it cannot be asked.
    """
    with services.database.read() as connection:
        row = projects.get(connection, config.name)
        live = checkpoints.get(connection, config.name, row.live) if row and row.live else None
        scoring = checkpoints.scoring(connection, config.name, live.name) if live else None
    if live is None or live.card["input"] is None or isinstance(items, GraphItems) or not len(positions):
        return None
    if scoring is not None and positions.max() < scoring.rows and kept_scores(services.home, scoring):
        return None
    try:
        model = read_model(services.home.at(live.folder), services.registry)[0]
        return Said(live.name, answers(model, items.take(positions)))
    except NextlabelError as error:  # its learner is no longer installed, or its files are damaged
        print(f"the live checkpoint cannot be compared: {error}", flush=True)  # noqa: T201 - the job's log
        return None


def verdict_on(
    home: Home,
    connection: Connection,
    config: ProjectConfig,
    arrays: Arrays,
    positions: IntArray,
    truth: IntArray | FloatArray,
    said: Said | None,
) -> Verdict:
    """Judge a checkpoint by its scores of the pool against what is live now.

    The k held-out `positions` have the `truth` (k,); `said` is what one checkpoint was asked of
    them, and is used where that one is live.
    """
    row = projects.get(connection, config.name)
    if row is None or row.live is None:
        return judge(arrays, None, positions, truth)
    found = checkpoints.get(connection, config.name, row.live)
    if found is None or not home.at(found.folder).is_dir():
        return Verdict(True, "the files of the live checkpoint are gone")
    if held_out_elsewhere(found, row, config):
        return judge(arrays, {}, positions, truth)
    if said is not None and said.checkpoint == row.live:
        ours = {name: np.asarray(array[positions]) for name, array in arrays.items() if name in said.arrays}
        return judge(ours, said.arrays, np.arange(len(positions)), truth)
    live = kept_scores(home, checkpoints.scoring(connection, config.name, row.live))
    return judge(arrays, live or {}, positions, truth)
