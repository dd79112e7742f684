from __future__ import annotations

import numpy as np

from nextlabel.engine.progress.confusion import confusion, predicted, table
from nextlabel.engine.progress.progress_records import ClassPair

CLASSES = ("ant", "bee", "cat")


def test_the_counts_are_those_of_counting_by_hand():
    rng = np.random.default_rng(1)
    truth, said = rng.integers(0, 3, 200), rng.integers(0, 3, 200)
    by_hand = np.zeros((3, 3), int)
    for row, column in zip(truth, said, strict=True):
        by_hand[row, column] += 1
    assert table(truth, said, 3).tolist() == by_hand.tolist()


def test_predictions_are_read_in_pieces(monkeypatch):
    monkeypatch.setattr("nextlabel.engine.progress.confusion._CHUNK", 3)
    probabilities = np.random.default_rng(2).random((20, 4))
    places = np.array([19, 0, 3, 3, 7, 11, 2])
    assert predicted(probabilities, places).tolist() == probabilities[places].argmax(axis=1).tolist()
    assert predicted(probabilities, np.empty(0, np.int64)).tolist() == []


def test_what_a_table_tells():
    counts = np.array([[8, 2, 0], [3, 5, 2], [0, 0, 0]])
    found = confusion("r3", CLASSES, counts, 4)
    assert (found.items, found.right, found.unscored) == (20, 13, 4)
    assert found.worst == (
        ClassPair("bee", "ant", 3, 0.3),
        ClassPair("ant", "bee", 2, 0.2),
        ClassPair("bee", "cat", 2, 0.2),
    )
    ant, bee, cat = found.rates
    assert (ant.recall, ant.precision) == (0.8, 8 / 11)
    assert (bee.items, bee.predicted, bee.right) == (10, 7, 5)
    assert (cat.recall, cat.precision) == (None, 0.0)


def test_of_very_many_classes_those_with_the_most_mistakes_are_shown(monkeypatch):
    counts = np.array([[8, 0, 2], [0, 9, 0], [3, 0, 2]])
    assert confusion("r3", CLASSES, counts, 0).shown == (0, 1, 2)
    monkeypatch.setattr("nextlabel.engine.progress.confusion._MAX_CLASSES", 2)
    assert confusion("r3", CLASSES, counts, 0).shown == (0, 2)
