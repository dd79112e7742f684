"""The learner `gcn`: it computes what a plain program with PyTorch Geometric computes, and takes candidate sets."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import torch
from support.geometric import require_geometric
from torch.nn import functional

from nextlabel.contracts import GraphItems, Targets, Training, VectorItems
from nextlabel.contracts.errors import PluginError, ProjectError, Unprocessable
from nextlabel.engine.plugins.parameters import validate
from nextlabel_plugins.learners.gcn import GCN, NodeModel
from nextlabel_plugins.learners.gcn_parameters import GCNParameters

require_geometric()

NODES, CLASSES = 60, 3
TRUTH = np.arange(NODES) % CLASSES


def graph(seed: int = 0) -> GraphItems:
    """Three groups; a node has two of the five words of its group, and mostly neighbours of its group."""
    rng = np.random.default_rng(seed)
    words = np.zeros((NODES, 15), np.float32)
    for node, group in enumerate(TRUTH):
        words[node, 5 * group + rng.choice(5, 2, replace=False)] = 1
    sources = rng.integers(0, NODES, 120)
    targets = np.where(rng.random(120) < 0.8, (sources + 3 * rng.integers(1, 20, 120)) % NODES, 0)
    edges = np.unique(np.stack([[*sources, *targets], [*targets, *sources]]), axis=1)
    return GraphItems(words, edges[:, edges[0] != edges[1]])


def labelled(*nodes: int) -> Targets:
    sets = np.ones((NODES, CLASSES), np.bool_)
    sets[list(nodes)] = np.eye(CLASSES, dtype=np.bool_)[TRUTH[list(nodes)]]
    return Targets(candidates=sets)


def fit(items: Any, targets: Targets, training: Training | None = None, **parameters: Any) -> NodeModel:
    model = GCN(GCNParameters(**parameters)).fit(items, targets, training or Training(3))
    assert isinstance(model, NodeModel)
    return model


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"normalize_features": True, "decay_layers": "first", "weight_decay": 0.1, "hidden": 4, "dropout": 0.2},
        {"input_dropout": True},
    ],
)
def test_it_computes_what_a_plain_program_does(parameters: dict[str, Any]) -> None:
    from torch_geometric.nn import GCNConv

    options = GCNParameters(**parameters)
    items, known = graph(), list(range(9))
    items.features[:, ::2] *= -1
    model = fit(items, labelled(*known), epochs=20, **parameters)

    words, edges = torch.from_numpy(items.features), torch.from_numpy(items.edges)
    if options.normalize_features:
        words = words / words.abs().sum(dim=1, keepdim=True)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        first, second = GCNConv(15, options.hidden), GCNConv(options.hidden, CLASSES)
        later = options.weight_decay if options.decay_layers == "all" else 0.0
        adam = torch.optim.Adam(
            [
                {"params": first.parameters(), "weight_decay": options.weight_decay},
                {"params": second.parameters(), "weight_decay": later},
            ],
            lr=0.01,
        )
        places, dropped = words.nonzero(as_tuple=True), words.clone()
        for _ in range(20):
            adam.zero_grad()
            if options.input_dropout:
                dropped[places] = functional.dropout(words[places], options.dropout)
            hidden = functional.dropout(first(dropped, edges).relu(), options.dropout)
            functional.cross_entropy(second(hidden, edges)[known], torch.from_numpy(TRUTH[known])).backward()
            adam.step()
        with torch.no_grad():
            hidden = first(words, edges).relu()
            probabilities = second(hidden, edges).softmax(dim=1)
    np.testing.assert_allclose(model.probabilities, probabilities.numpy(), atol=1e-5)
    np.testing.assert_allclose(model.embeddings, hidden.numpy(), atol=1e-5)


def test_dropping_features_drops_those_that_are_not_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    from nextlabel_plugins.networks.training import train_gcn

    sizes = []
    dropout = functional.dropout
    monkeypatch.setattr(
        train_gcn.functional, "dropout", lambda values, *more: sizes.append(values.numel()) or dropout(values, *more)
    )
    items = graph()
    before = items.features.copy()
    model = fit(items, labelled(0, 1, 2), epochs=2, hidden=4, input_dropout=True)
    # each of two updates, and the prediction, in which nothing is dropped
    assert sizes == [2 * NODES, 4 * NODES] * 3
    np.testing.assert_array_equal(items.features, before)
    assert (model.probabilities != fit(items, labelled(0, 1, 2), epochs=2, hidden=4).probabilities).any()


def test_an_edge_counts_as_often_as_it_is_listed() -> None:
    from torch_geometric.nn import GCNConv

    items = graph()
    twice = GraphItems(items.features, np.concatenate([items.edges, items.edges[:, ::3]], axis=1))
    weights = torch.ones(items.edges.shape[1])
    weights[::3] = 2
    model = fit(twice, labelled(0), epochs=1, learning_rate=1e-12)  # the first weights stay as they are
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(3)
        hidden = GCNConv(15, 16)(torch.from_numpy(items.features), torch.from_numpy(items.edges), weights).relu()
    np.testing.assert_allclose(model.embeddings, hidden.numpy(), atol=1e-6)


@pytest.mark.parametrize("parameters", [{}, {"input_dropout": True, "normalize_features": True}])
def test_edges_and_features_of_all_nodes_help(parameters: dict[str, Any]) -> None:
    model = fit(graph(), labelled(*range(6)), **parameters)
    assert (model.probabilities.argmax(axis=1) == TRUTH).mean() > 0.85


def test_candidate_sets_alone_separate_the_classes() -> None:
    sets = np.ones((NODES, CLASSES), np.bool_)
    sets[np.arange(40), (TRUTH[:40] + 1 + np.arange(40) // 3 % 2) % CLASSES] = False  # one wrong class is excluded
    model = fit(graph(), Targets(candidates=sets))
    assert (model.probabilities.argmax(axis=1) == TRUTH).mean() > 0.85


def test_the_loss_is_reported_in_each_epoch_and_listed_for_some() -> None:
    reports: list[dict[str, float]] = []
    fit(graph(), labelled(0, 1, 2), Training(0, progress=lambda _, metrics: reports.append(dict(metrics))), epochs=25)
    assert reports.pop(0) == {"bits": 32}
    assert [report["step"] for report in reports] == list(range(1, 26))
    assert reports[-1]["loss"] < reports[0]["loss"]
    assert [report["epoch"] for report in reports if "epoch" in report] == [10, 20, 25]


def test_what_it_refuses() -> None:
    items, targets = graph(), labelled(0)
    for other in (VectorItems(items.features), items):
        with pytest.raises(Unprocessable, match="learns classes of the nodes of a graph, nothing else"):
            fit(other, targets if other is not items else Targets(values=np.zeros(NODES)))
    with pytest.raises(Unprocessable, match="there is no label to learn from yet"):
        fit(items, labelled())
    with pytest.raises(Unprocessable, match=r"the learner `gcn` does not use \[learner] features"):
        fit(items, targets, Training(0, features=lambda: items.features))
    with pytest.raises(Unprocessable, match="predicts the 60 nodes of its graph only"):
        fit(items, targets, epochs=1).predict(VectorItems(np.zeros((5, 2))), frozenset(), np.random.default_rng(0))


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_geometric", None)
    with pytest.raises(
        PluginError, match=r"^the learner `gcn` needs PyTorch Geometric: pip install 'nextlabel\[graph]'$"
    ):
        fit(graph(), labelled(0))


def test_these_tests_are_skipped_without_the_library_but_not_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_geometric", None)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs PyTorch Geometric"):
        require_geometric()
    monkeypatch.setenv("CI", "1")
    with pytest.raises(PluginError, match="needs PyTorch Geometric"):
        require_geometric()


@pytest.mark.parametrize(
    ("parameters", "fault"),
    [
        ({"dropout": 1.0}, "dropout"),
        ({"hidden": 0}, "hidden"),
        ({"decay_layers": "second"}, "decay_layers"),
        ({"layers": 3}, "layers"),
    ],
)
def test_wrong_values_in_a_project_file_are_named(parameters: dict[str, Any], fault: str) -> None:
    with pytest.raises(ProjectError, match=fault):
        validate(GCNParameters, parameters, "[learner]")
