"""What the newest checkpoint of a project predicts for the items that its training measured it on."""

from __future__ import annotations

from nextlabel.engine.checkpoints.serialization import read_model
from nextlabel.engine.evaluation.outcome_report import Outcome, outcome
from nextlabel.engine.evaluation.stored_predictions import pool_split, stored_predictions
from nextlabel.engine.services import Services
from nextlabel.engine.training.own_test_split import predict_test_split
from nextlabel.engine.training.pool_items import PoolItems
from nextlabel.store import checkpoints


def last_outcome(services: Services, project: str) -> Outcome | None:
    """Return the predictions of the newest checkpoint for the data set's own test split, else for the hold-out.

    With neither of them, for the items that nobody has labelled. Call it before labels are added. Returns None
    without a checkpoint, or if no item has a known label.
    """
    row = services.row(project)
    state = services.state(row)
    with services.database.read() as connection:
        newest = next(reversed(checkpoints.all(connection, project)), None)
    if newest is None:
        return None
    if row.has_test:
        pool = PoolItems(services, state)
        model = read_model(services.home.at(newest.folder), services.registry)[0]
        tested = predict_test_split(pool, pool.features_of(services.projects.get(project)), model, lambda _done: None)
        if tested is not None and len(tested.positions):
            return outcome("test", tested, row.classes)
    stored = stored_predictions(services, state, newest.name)
    if stored is None or not len(stored.positions):
        return None
    return outcome(pool_split(state), stored, row.classes)
