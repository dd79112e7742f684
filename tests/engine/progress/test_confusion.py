from __future__ import annotations

import numpy as np

from nextlabel.engine.progress.confusion import confusion, predicted, table
from nextlabel.engine.progress.progress_records import ClassPair

CLASSES = ("ant", "bee", "cat")


def test_the_table_equals_counting_by_hand():
    rng = np.random.default_rng(1)
    truth, predictions = rng.integers(0, 3, 200), rng.integers(0, 3, 200)
    by_hand = np.zeros((3, 3), int)
    for row, column in zip(truth, predictions, strict=True):
        by_hand[row, column] += 1
    assert table(truth, predictions, 3).tolist() == by_hand.tolist()


def test_predictions_are_read_in_chunks(monkeypatch):
    monkeypatch.setattr("nextlabel.engine.progress.confusion._CHUNK", 3)
    probabilities = np.random.default_rng(2).random((20, 4))
    positions = np.array([19, 0, 3, 3, 7, 11, 2])
    assert predicted(probabilities, positions).tolist() == probabilities[positions].argmax(axis=1).tolist()
    assert predicted(probabilities, np.empty(0, np.int64)).tolist() == []


def test_rates_and_worst_pairs():
    counts = np.array([[8, 2, 0], [3, 5, 2], [0, 0, 0]])
    matrix = confusion("r3", CLASSES, counts, 4)
    assert (matrix.items, matrix.right, matrix.unscored) == (20, 13, 4)
    assert matrix.worst == (
        ClassPair("bee", "ant", 3, 0.3),
        ClassPair("ant", "bee", 2, 0.2),
        ClassPair("bee", "cat", 2, 0.2),
    )
    ant, bee, cat = matrix.rates
    assert (ant.recall, ant.precision) == (0.8, 8 / 11)
    assert (bee.items, bee.predicted, bee.right) == (10, 7, 5)
    assert (cat.recall, cat.precision) == (None, 0.0)


def test_the_classes_with_the_most_mistakes_are_shown(monkeypatch):
    counts = np.array([[8, 0, 2], [0, 9, 0], [3, 0, 2]])
    assert confusion("r3", CLASSES, counts, 0).shown == (0, 1, 2)
    monkeypatch.setattr("nextlabel.engine.progress.confusion._MAX_CLASSES", 2)
    assert confusion("r3", CLASSES, counts, 0).shown == (0, 2)
