"""Measures a new model on the data set's own test split. The result is shown, and decides nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nextlabel.contracts.data import GraphItems
from nextlabel.contracts.interfaces import Model
from nextlabel.engine.features.embedder import FeatureCard
from nextlabel.engine.images.image_items import unreadable_positions
from nextlabel.engine.metrics import Predictions, metrics
from nextlabel.engine.scores import predict_items
from nextlabel.engine.training.pool_items import PoolItems


def measure_test_split(
    pool: PoolItems, features: FeatureCard | None, model: Model, progress: Callable[[float], None]
) -> dict[str, float]:
    """Return `test_accuracy` and `test_loss`, or `test_rmse` and `test_loss`, of a model of these `features`.

    Returns an empty dictionary if the data set has no test split, if no image of it can be read, or if
    the model predicts only its pool.
    """
    predicted = predict_test_split(pool, features, model, progress)
    measured = {} if predicted is None else metrics(predicted.arrays, predicted.positions, predicted.truth)
    return {f"test_{name}": value for name, value in measured.items() if name != "holdout"}


def predict_test_split(
    pool: PoolItems, features: FeatureCard | None, model: Model, progress: Callable[[float], None]
) -> Predictions | None:
    """Return what a model of these `features` predicts for the test split.

    Returns None if the data set has no test split, or if the model predicts only its pool.
    """
    test = pool.test_split(features) if model.inductive else None
    if test is None:
        return None
    items, truth = test
    if isinstance(items, GraphItems) or not len(items):
        return None
    arrays = predict_items(model, items, progress)
    readable = np.setdiff1d(np.arange(len(items)), unreadable_positions(items))
    return Predictions(arrays, readable, truth[readable])
