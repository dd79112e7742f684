"""What the newest checkpoint of a project predicts for the items that its training measured it on."""

from __future__ import annotations

import numpy as np

from nextlabel.engine.checkpoints.serialization import read_model
from nextlabel.engine.evaluation.outcome_report import Outcome, Split, outcome
from nextlabel.engine.images.image_items import unreadable_positions
from nextlabel.engine.scores import stored_scores
from nextlabel.engine.services import Services
from nextlabel.engine.training.own_test_split import predict_test_split
from nextlabel.engine.training.pool_items import PoolItems
from nextlabel.engine.training.unlabelled_items import measured_unlabelled
from nextlabel.store import checkpoints


def last_outcome(services: Services, project: str) -> Outcome | None:
    """Return the predictions of the newest checkpoint for the data set's own test split, else for the hold-out.

    With neither of them, for the items that nobody has labelled. Call it before labels are added. Returns None
    if no item has a known label.
    """
    row = services.row(project)
    with services.database.read() as connection:
        newest = checkpoints.all(connection, project)[-1]
        scoring = checkpoints.scoring(connection, project, newest.name)
    pool = PoolItems(services, services.state(row))
    features = pool.features_of(services.projects.get(project))
    if row.has_test:
        model = read_model(services.home.at(newest.folder), services.registry)[0]
        tested = predict_test_split(pool, features, model, lambda _done: None)
        if tested is not None:
            return outcome("test", *tested, row.classes)
    arrays = stored_scores(services.home, scoring)
    assert arrays is not None
    state, known = services.state(row), services.pool(project).truth
    split: Split = "unlabelled" if measured_unlabelled(state) else "holdout"
    positions, truth = state.unlabelled_truth(known) if split == "unlabelled" else state.holdout_truth(known)
    readable = ~np.isin(positions, unreadable_positions(pool.of(features)))
    positions, truth = positions[readable], truth[readable]
    if not len(positions):
        return None
    return outcome(split, arrays, positions, truth, row.classes)
