"""A committee of logistic regression and label spreading on digits picks what scikit-learn's two pick by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import LabelSpreading
from support.engine import ToyProject

Make = Callable[..., ToyProject]
LABELLED = 60
"""The first digits of scikit-learn's order, among which each of the ten occurs."""
PROJECT: Mapping[str, Any] = {
    "title": "Digits",
    "dataset": {"plugin": "digits", "limit": 330, "labelled": LABELLED},
    "learner": {
        "members": [
            {"plugin": "linear"},
            {"plugin": "label-spreading", "kernel": "rbf", "gamma": 0.25, "max_iter": 5, "pixel_max": 16},
        ]
    },
    "strategy": {"plugin": "query-by-committee", "measure": "consensus-kl"},
    "labels": {"holdout": 0.0},
}


def entropy(p: np.ndarray) -> np.ndarray:
    return -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1)


def disagreement() -> np.ndarray:
    """Return the mean divergence from the consensus of each digit that has no label."""
    ink, truth = load_digits(return_X_y=True)
    ink, truth = ink[:330], truth[:330]
    pixels = np.rint(ink * (255 / 16))  # as images have them
    pixels -= pixels[:LABELLED].mean(axis=0)
    pixels /= np.sqrt((pixels[:LABELLED] ** 2).mean())
    linear = LogisticRegression(tol=1e-10, max_iter=10_000).fit(pixels[:LABELLED], truth[:LABELLED])
    partly = np.where(np.arange(330) < LABELLED, truth, -1)
    spreading = LabelSpreading(gamma=0.25, alpha=0.2, max_iter=5, tol=0).fit(ink, partly)
    members = [linear.predict_proba(pixels), spreading.label_distributions_]
    consensus = np.mean(members, axis=0)
    kl = entropy(consensus) - np.mean([entropy(member) for member in members], axis=0)
    return np.asarray(kl[LABELLED:])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:max_iter=5 was reached")
def test_the_committee_picks_what_the_naive_version_picks(make: Make) -> None:
    project = make(PROJECT).import_dataset().train()
    items = project.project.queries.create(10).items
    naive = disagreement()
    best = np.argsort(-naive)[:10]
    assert naive[best[-1]] - np.sort(naive)[-11] > 1e-4  # no tie at the end, which rounding could decide
    assert {item.id for item in items} == {str(position + LABELLED) for position in best}
    np.testing.assert_allclose([item.score for item in items], naive[best], atol=1e-4)
