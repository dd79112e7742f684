"""The built-in plugins pass the checks that every plugin must pass."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.geometric import require_geometric

from nextlabel.contracts import Need
from nextlabel.engine.plugins.registry import Registry
from nextlabel.testing import check_backbone, check_dataset, check_learner, check_light, check_project, check_strategy
from nextlabel_plugins.strategies import nextlabel_strategies

SMALL = {"probabilities", "std"}
"""Arrays of which a million rows are made in a moment."""
ROLES = ("strategies", "learners", "backbones", "datasets", "projects")
STRATEGIES = {record.name: record for record in nextlabel_strategies()}
FEW_ROWS: dict[str, list[Need]] = {"core-set": ["embeddings"], "dbal": ["embeddings"]}
"""Arrays of which a strategy reads only some rows in a query."""
MEGABYTES = {"k-means": 200}
"""Memory of a strategy on a million items, if it is more than 80 MB; `k-means` runs in the worker."""
LARGE = {name for name, record in STRATEGIES.items() if {*record.needs, *record.summary_needs} - SMALL}
"""The strategies whose arrays take gigabytes, or many seconds to make."""
ROWS = 1_000_000 if os.environ.get("CI") else 100_000
"""Items of a large pool for these."""


def test_the_built_in_plugins_are_registered(registry: Registry) -> None:
    assert registry.faults == ()
    assert {"random", "least-confidence", "margin", "entropy"} <= set(registry.strategies)
    assert {"k-means", "core-set", "dbal", "query-by-committee", "largest-std"} <= set(registry.strategies)
    assert "cnn" in registry.learners
    assert "efficientnet-lite0" in registry.backbones
    assert {"digits", "folder"} <= set(registry.datasets)
    assert "digits" in registry.projects


@pytest.mark.parametrize("role", ROLES)
def test_hooks_import_nothing_heavy(role: str) -> None:
    check_light(f"nextlabel_plugins.{role}")


@pytest.mark.parametrize("name", STRATEGIES)
def test_strategy(name: str) -> None:
    check_strategy(STRATEGIES[name])


def test_the_divergence_from_the_consensus() -> None:
    check_strategy(STRATEGIES["query-by-committee"], {"measure": "consensus-kl"})


def test_dbal_without_weights() -> None:
    check_strategy(STRATEGIES["dbal"], {"weighted": False})


@pytest.mark.parametrize("name", sorted(STRATEGIES.keys() - LARGE))
def test_strategy_on_a_million_items(name: str) -> None:
    check_strategy(STRATEGIES[name], rows=1_000_000, memory=80 << 20)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(LARGE))
def test_strategy_on_many_large_items(name: str) -> None:
    memory = MEGABYTES.get(name, 80) << 20
    check_strategy(STRATEGIES[name], rows=ROWS, memory=memory, few_rows=FEW_ROWS.get(name, ()))


def test_digits(registry: Registry) -> None:
    check_dataset(registry.dataset("digits"))


def test_folder(registry: Registry, tmp_path: Path) -> None:
    for number, name in enumerate(["a/0.jpg", "a/1.png", "b/2.webp", "3.jpg", "test/a/4.jpg", "test/b/5.jpg"]):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((9, 11, 3), number * 40, np.uint8)).save(tmp_path / name)
    check_dataset(registry.dataset("folder"), tmp_path.parent, {"path": tmp_path.name})


def test_sine(registry: Registry) -> None:
    check_dataset(registry.dataset("sine"))


def test_gp(registry: Registry) -> None:
    check_learner(registry.learner("gp"), kinds=["vectors"], task="regression")


def test_vectors(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("x,label\n1,a\n2,b\n3,\n")
    np.savez(tmp_path / "test.npz", vectors=np.eye(2), labels=np.array([0.5, 1]))
    check_dataset(registry.dataset("vectors"), tmp_path, {"path": "table.csv", "test": ""})
    check_dataset(registry.dataset("vectors"), tmp_path, {"path": "test.npz", "test": "test.npz", "task": "regression"})


@pytest.mark.parametrize(
    "more",
    [{}, {"network": "mnist-net", "warm_start": True, "weight_averaging": 0.0, "schedule": "constant"}],
    ids=["convnet", "mnist-net"],
)
def test_cnn(registry: Registry, one_thread: None, more: dict[str, object]) -> None:
    quick = {"min_steps": 8, "epochs": 1, "filters": 4, "image_size": 0, **more}
    check_learner(registry.learner("cnn"), quick, kinds=["images"], task="classification")


def test_linear(registry: Registry) -> None:
    check_learner(registry.learner("linear"), kinds=["images", "vectors"], task="classification")


@pytest.mark.parametrize("network", ["fast", "mlp", "convnet12", "resnet18"])
def test_proden(registry: Registry, one_thread: None, network: str) -> None:
    quick = {"network": network, "min_steps": 8, "epochs": 1, "filters": 4, "image_size": 0}
    check_learner(registry.learner("proden"), quick, kinds=["images"], task="classification")


@pytest.mark.parametrize("network", ["simple", "mnist-net", "convnet"])
def test_pseudo_label(registry: Registry, one_thread: None, network: str) -> None:
    quick = {"network": network, "min_steps": 8, "epochs": 2, "filters": 4, "threshold": 0.3}
    check_learner(registry.learner("pseudo-label"), quick, kinds=["images"], task="classification")


def test_autoencoder(registry: Registry, one_thread: None) -> None:
    quick = {"min_steps": 8, "epochs": 1, "pretrain_epochs": 2, "codes": 4}
    check_learner(registry.learner("autoencoder"), quick, kinds=["images"], task="classification")


@pytest.mark.parametrize(
    "more",
    [{"filters": 2}, {"network": "fast", "filters": 4, "teacher": "average", "augment": "jitter", "burn_in_steps": 3}],
    ids=["wideresnet", "fast"],
)
def test_flexmatch(registry: Registry, one_thread: None, more: dict[str, object]) -> None:
    quick = {"steps": 3, "batch_size": 8, "mu": 2, "burn_in_batch_size": 8, "image_size": 0, **more}
    check_learner(registry.learner("flexmatch"), quick, kinds=["images"], task="classification")


@pytest.mark.parametrize("kernel", ["rbf", "knn"])
def test_label_spreading(registry: Registry, kernel: str) -> None:
    parameters = {"kernel": kernel, "gamma": 1.0}
    check_learner(registry.learner("label-spreading"), parameters, kinds=["images", "vectors"], task="classification")


def test_gcn(registry: Registry, one_thread: None) -> None:
    require_geometric()
    parameters = {"epochs": 5, "input_dropout": True}
    check_learner(registry.learner("gcn"), parameters, kinds=["graph"], task="classification")


@pytest.mark.slow
def test_efficientnet_lite0(registry: Registry) -> None:
    check_backbone(registry.backbone("efficientnet-lite0"), {"probabilities": True})


@pytest.mark.parametrize("name", ["digits", "digits-spreading", "sine", "cora", "cora-paper"])
def test_project(registry: Registry, name: str) -> None:
    check_project(registry.projects[name].record, registry)
