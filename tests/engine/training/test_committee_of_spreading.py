"""A committee of a learner that knows its pool and one that does not: each member's probabilities are a sample."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from support.engine import ToyProject

from nextlabel.engine.checkpoints.serialization import read_model
from nextlabel.engine.committee.committee_model import Committee
from nextlabel.engine.scores import open_scores
from nextlabel.store import checkpoints


def test_linear_and_label_spreading_vote(make: Callable[..., ToyProject]) -> None:
    table = {
        "title": "Committee",
        "dataset": {"plugin": "digits", "limit": 120},
        "learner": {"members": [{"plugin": "linear"}, {"plugin": "label-spreading"}]},
        "strategy": {"plugin": "margin", "also": ["toy-sampled"]},
        "labels": {"initial": 30, "holdout": 0.0},
    }
    project = make(table).import_dataset().train()
    services = project.services
    committee = read_model(services.home.checkpoint("toy", "r1"), services.registry)[0]
    assert isinstance(committee, Committee)
    linear, spreading = committee.members
    rng = np.random.default_rng(0)
    items = services.items(services.state(services.row("toy")))
    expected = [
        linear.predict(items, frozenset(), rng).probabilities,
        spreading.predict_fitted(frozenset(), rng).probabilities,
    ]
    with services.database.read() as connection:
        arrays = open_scores(services.home.at(checkpoints.scorings(connection, "toy")[-1].folder))
    np.testing.assert_allclose(arrays["samples"], np.stack(expected), atol=1e-5)  # type: ignore[arg-type]
    np.testing.assert_allclose(arrays["probabilities"], np.mean(expected, axis=0), atol=1e-5)  # type: ignore[arg-type]
    assert project.project.models.checkpoints()[-1].metrics["unlabelled_accuracy"] > 0.7
