from __future__ import annotations

import numpy as np

from nextlabel.engine.progress.label_issues import label_issues


def test_unlikely_labels_are_sorted_and_likely_ones_left_out():
    probabilities = np.array([[0.99, 0.01], [0.04, 0.96], [0.5, 0.5], [0.999, 0.001], [0.05, 0.95]])
    positions = np.array([0, 1, 2, 3, 4])
    assert label_issues(probabilities, positions, np.array([1, 0, 0, 1, 0])).tolist() == [3, 0, 1]
    assert label_issues(probabilities, positions, np.array([0, 1, 1, 0, 1])).tolist() == []


def test_an_unreadable_image_is_no_issue():
    probabilities = np.full((2, 100), 0.01)
    probabilities[1, :2] = (0.02, 0.0)
    assert label_issues(probabilities, np.array([0, 1]), np.array([7, 1])).tolist() == [1]


def test_an_unscored_item_is_no_issue():
    assert label_issues(np.array([[1.0, 0.0]]), np.array([0, 1, 7]), np.array([1, 1, 1])).tolist() == [0]
