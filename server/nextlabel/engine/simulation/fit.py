"""What a regression model predicts between the items of its pool, if they are single numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nextlabel.contracts.data import FloatArray, IntArray, VectorItems
from nextlabel.engine.checkpoints.serialization import read_model
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints

_GRID = 400
"""Number of equally spaced points at which a model is drawn."""


@dataclass(frozen=True)
class Fit:
    """A model's predictions with the data that it was fitted to."""

    x: FloatArray
    """(g,): equally spaced points over the range of the pool."""
    mean: FloatArray
    """(g,)."""
    std: FloatArray
    """(g,)."""
    data: FloatArray
    """(k, 2): the items of the pool whose values the data set knows, as x and value."""
    labelled: FloatArray
    """(l, 2): the items that the model was trained on, as x and label."""


def current_fit(services: Services, project: str, truth: IntArray | FloatArray) -> Fit | None:
    """Return the newest checkpoint's fit; `truth` (n,) are the values of the pool.

    None if the project is a classification, or its items are not vectors of one number.
    """
    row = services.row(project)
    state = services.state(row)
    items = services.items(state)
    if row.classes or not isinstance(items, VectorItems) or items.dimensions != 1:
        return None
    positions = items.vectors[:, 0].astype(np.float64)
    x = np.linspace(positions.min(), positions.max(), _GRID)
    with services.database.read() as connection:
        newest = checkpoints.all(connection, project)[-1]
    model, _ = read_model(services.home.at(newest.folder), services.registry)
    outputs = model.predict(VectorItems(x.astype(np.float32)[:, None]), frozenset(), np.random.default_rng(0))
    assert outputs.mean is not None
    assert outputs.std is not None
    values = state.training_targets().values
    assert values is not None
    data, labelled = (np.stack([positions, known], axis=1) for known in (truth, values))
    return Fit(x, outputs.mean, outputs.std, data[~np.isnan(data[:, 1])], labelled[~np.isnan(labelled[:, 1])])
