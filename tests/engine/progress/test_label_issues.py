from __future__ import annotations

import numpy as np

from nextlabel.engine.progress.label_issues import label_issues


def test_the_least_likely_come_first_and_the_likely_not_at_all():
    probabilities = np.array([[0.99, 0.01], [0.04, 0.96], [0.5, 0.5], [0.999, 0.001], [0.05, 0.95]])
    places = np.array([0, 1, 2, 3, 4])
    assert label_issues(probabilities, places, np.array([1, 0, 0, 1, 0])).tolist() == [3, 0, 1]
    assert label_issues(probabilities, places, np.array([0, 1, 1, 0, 1])).tolist() == []


def test_of_what_cannot_be_read_nothing_is_doubted():
    probabilities = np.full((2, 100), 0.01)
    probabilities[1, :2] = (0.02, 0.0)
    assert label_issues(probabilities, np.array([0, 1]), np.array([7, 1])).tolist() == [1]


def test_what_is_not_scored_yet_is_not_doubted():
    assert label_issues(np.array([[1.0, 0.0]]), np.array([0, 1, 7]), np.array([1, 1, 1])).tolist() == [0]
