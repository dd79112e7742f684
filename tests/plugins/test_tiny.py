"""The contract also allows regression, graphs and transductive learners."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

from nextlabel.contracts import GraphItems, NoParameters, Targets, Training, VectorItems
from nextlabel.engine.plugins.parameters import build
from nextlabel.engine.plugins.registry import Registry
from nextlabel.testing import check_dataset, check_learner, check_light, check_project


@pytest.mark.parametrize("name", ["regression", "graph", "spreading"])
def test_hooks_import_nothing_heavy(name: str) -> None:
    check_light(f"tiny_plugins.{name}")


@pytest.mark.parametrize("name", ["tiny-wave", "tiny-rings", "tiny-moons"])
def test_dataset(registry: Registry, name: str) -> None:
    check_dataset(registry.dataset(name))


@pytest.mark.parametrize(
    ("name", "kind", "task"),
    [
        ("tiny-process", "vectors", "regression"),
        ("tiny-propagation", "graph", "classification"),
        ("tiny-spreading", "vectors", "classification"),
    ],
)
def test_learner(registry: Registry, name: str, kind: str, task: str) -> None:
    check_learner(registry.learner(name), kinds=[kind], task=task)


@pytest.mark.parametrize("name", ["tiny-regression", "tiny-graph", "tiny-spreading"])
def test_project(registry: Registry, name: str) -> None:
    check_project(registry.projects[name].record, registry)


def test_the_process_fits_its_labels_and_is_uncertain_between_them() -> None:
    module = import_module("tiny_plugins.regression")
    learner = module.ProcessLearner(module.ProcessParameters(noise=0.01))
    values = np.array([1.0, np.nan, -1.0])
    items = VectorItems(np.array([[0], [5], [10]], np.float32))
    model = learner.fit(items, Targets(values=values), Training(0))
    outputs = model.predict(items, frozenset(), np.random.default_rng(0))
    np.testing.assert_allclose(outputs.mean, [1, 0, -1], atol=1e-3)
    assert outputs.std[0] < 0.1
    assert outputs.std[1] > 0.99


def test_propagation_follows_edges_within_the_candidates() -> None:
    module = import_module("tiny_plugins.graph")
    items = GraphItems(np.eye(4, dtype=np.float32), np.array([[0, 1, 1, 2], [1, 0, 2, 1]]))
    sets = np.array([[1, 0, 0], [1, 1, 1], [0, 1, 1], [1, 1, 1]], np.bool_)
    learner = module.Propagation(module.PropagationParameters())
    model = learner.fit(items, Targets(candidates=sets), Training(0))
    probabilities = model.predict(items, frozenset(), None).probabilities
    assert probabilities[1].argmax() == 0
    assert probabilities[2, 0] == 0
    np.testing.assert_allclose(probabilities[3], 1 / 3)


@pytest.mark.parametrize("name", ["tiny-rings", "tiny-moons"])
def test_few_labels_are_enough(registry: Registry, name: str) -> None:
    module = import_module("tiny_plugins.graph" if name == "tiny-rings" else "tiny_plugins.spreading")
    contents = build(registry.dataset(name), {}, name).read(None, 3)
    learner = (
        module.Propagation(module.PropagationParameters()) if name == "tiny-rings" else module.Spreading(NoParameters())
    )
    sets = np.ones((len(contents.ids), len(contents.classes)), np.bool_)
    first = contents.initial if contents.initial is not None else np.arange(4)
    sets[first] = np.eye(len(contents.classes), dtype=np.bool_)[contents.truth[first]]
    model = learner.fit(contents.content, Targets(candidates=sets), Training(0))
    outputs = model.predict(contents.content, frozenset(), None)
    assert (outputs.probabilities.argmax(axis=1) == contents.truth).mean() > 0.8
