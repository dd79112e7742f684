"""Plugins written before the contract grew (those of commit 2780a28) pass the checks unchanged."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.engine import candidates

from nextlabel.engine.plugins.registry import Registry, load
from nextlabel.testing import check_dataset, check_learner, check_project, check_strategy

FORMER = "support.contract_2780a28"
MODULES = [f"{FORMER}.{name}" for name in ("regression", "graph", "spreading", "toy_plugins", "toy_learners")]
BUILT_IN = [f"nextlabel_plugins.{role}" for role in ("strategies", "learners", "datasets", "projects")]


@pytest.fixture(scope="module")
def registry() -> Registry:
    registry = load(candidates(*BUILT_IN, *MODULES))
    assert not registry.faults
    return registry


@pytest.mark.parametrize("name", ["tiny-wave", "tiny-rings", "tiny-moons"])
def test_data_sets(registry: Registry, name: str) -> None:
    check_dataset(registry.dataset(name))


@pytest.mark.parametrize("name", ["tiny-largest-std", "toy-first", "toy-sampled", "toy-widest"])
def test_strategies(registry: Registry, name: str) -> None:
    check_strategy(registry.strategy(name), rows=10_000)


@pytest.mark.parametrize(
    ("name", "kind", "task"),
    [
        ("tiny-process", "vectors", "regression"),
        ("tiny-propagation", "graph", "classification"),
        ("tiny-spreading", "vectors", "classification"),
    ],
)
def test_learners(registry: Registry, name: str, kind: str, task: str) -> None:
    check_learner(registry.learner(name), kinds=[kind], task=task)


@pytest.mark.parametrize("name", ["tiny-regression", "tiny-graph", "tiny-spreading"])
def test_projects(registry: Registry, name: str) -> None:
    check_project(registry.projects[name].record, registry)


@pytest.mark.parametrize(
    ("check", "fault"),
    [
        (lambda registry: check_strategy(registry.strategy("toy-embedded")), "'nothing labelled yet'"),
        (lambda registry: check_strategy(registry.strategy("toy-repeating")), "chose an item twice"),
        (lambda registry: check_dataset(registry.dataset("toy-blobs")), "parameter 'spread' has no help line"),
        (lambda registry: check_learner(registry.learner("toy-ridge")), "parameter 'onnx' has no help line"),
        (lambda registry: check_learner(registry.learner("toy-whole")), "never called training.progress"),
    ],
)
def test_plugins_that_broke_a_rule_before_break_the_same_one(
    registry: Registry, check: Callable[[Registry], None], fault: str
) -> None:
    with pytest.raises(AssertionError, match=fault):
        check(registry)
