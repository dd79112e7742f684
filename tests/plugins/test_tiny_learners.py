"""The classic learners as tiny plugins: they pass the checks, and predict well."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

from nextlabel.contracts import GraphItems, NoParameters, Targets, Training, VectorItems
from nextlabel.engine.plugins.registry import Registry
from nextlabel.testing import check_learner, check_light


@pytest.mark.parametrize("name", ["label_spreading", "gcn"])
def test_hooks_import_nothing_heavy(name: str) -> None:
    check_light(f"tiny_plugins.{name}")


@pytest.mark.parametrize(
    ("name", "kind", "task"),
    [
        ("tiny-label-spreading", "vectors", "classification"),
        ("tiny-inductive-label-spreading", "vectors", "classification"),
        ("tiny-gcn", "graph", "classification"),
    ],
)
def test_learner(registry: Registry, one_thread: None, name: str, kind: str, task: str) -> None:
    parameters = {"epochs": 5} if name == "tiny-gcn" else {}
    check_learner(registry.learner(name), parameters, kinds=[kind], task=task)


def moons(size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.arange(size) % 2
    angle = rng.uniform(0, np.pi, size) + np.pi * truth
    points = np.stack([np.cos(angle) + truth, np.sin(angle) + truth / 2], axis=1)
    return (points + rng.normal(0, 0.05, points.shape)).astype(np.float32), truth


def sets_of(truth: np.ndarray, labelled: int) -> Targets:
    sets = np.ones((len(truth), truth.max() + 1), np.bool_)
    sets[:labelled] = np.eye(truth.max() + 1, dtype=np.bool_)[truth[:labelled]]
    return Targets(candidates=sets)


def test_label_spreading_follows_the_moons_and_predicts_new_points() -> None:
    module = import_module("tiny_plugins.label_spreading")
    points, truth = moons(200, 0)
    learner = module.InductiveLabelSpreading(module.SpreadingParameters())
    model = learner.fit(VectorItems(points), sets_of(truth, 4), Training(0))
    assert model.fitted == 200
    rng = np.random.default_rng(0)
    fitted = model.predict_fitted(frozenset(), rng).probabilities
    assert (fitted.argmax(axis=1) == truth).mean() > 0.95
    new, new_truth = moons(100, 1)
    predicted = model.predict(VectorItems(new), frozenset(), rng).probabilities
    assert (predicted.argmax(axis=1) == new_truth).mean() > 0.95
    table = module.LabelSpreading(module.SpreadingParameters()).fit(VectorItems(points), sets_of(truth, 4), Training(0))
    np.testing.assert_array_equal(table.probabilities, fitted)


@pytest.mark.slow
def test_the_network_classifies_rings_from_one_label_each(one_thread: None) -> None:
    module = import_module("tiny_plugins.gcn")
    contents = import_module("tiny_plugins.graph").Rings(NoParameters()).read(None, 3)
    sets = np.ones((48, 3), np.bool_)
    sets[contents.initial] = np.eye(3, dtype=np.bool_)[contents.truth[contents.initial]]
    graph = contents.content
    # the features of a node are those of its neighbours up to three edges away
    reach = np.linalg.matrix_power(
        np.eye(48) + np.histogram2d(*graph.edges, bins=(np.arange(49), np.arange(49)))[0], 8
    ).astype(np.float32)
    learner = module.Gcn(module.GcnParameters())
    model = learner.fit(GraphItems(reach, graph.edges), Targets(candidates=sets), Training(0))
    assert (model.probabilities.argmax(axis=1) == contents.truth).mean() > 0.8
