"""The learner of graphs as a tiny plugin: it passes the checks, and predicts well."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

from nextlabel.contracts import GraphItems, NoParameters, Targets, Training
from nextlabel.engine.plugins.registry import Registry
from nextlabel.testing import check_learner, check_light


def test_the_hook_imports_nothing_heavy() -> None:
    check_light("tiny_plugins.gcn")


def test_the_learner_passes_the_checks(registry: Registry, one_thread: None) -> None:
    check_learner(registry.learner("tiny-gcn"), {"epochs": 5}, kinds=["graph"], task="classification")


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
