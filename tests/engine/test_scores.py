"""Scores of a pool, in batches and in memory-mapped arrays; and checks of a model's outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.toy_learners import Linear

from nextlabel.contracts import GraphItems, ImageInput, Items, Model, Outputs, VectorInput, VectorItems
from nextlabel.contracts.errors import PluginError
from nextlabel.engine import scores
from nextlabel.engine.images.image_items import FileItems
from nextlabel.engine.images.unreadable import UnreadableFiles
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.scores import (
    Summary,
    check_outputs,
    needs_of,
    open_scores,
    predict_items,
    score_pool,
    stored_scores,
)
from nextlabel.store.checkpoints import ScoringRow
from nextlabel.store.home import Home

ITEMS = VectorItems(np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32))
MODEL = Linear(np.random.default_rng(1).normal(size=(3, 3)), VectorInput(2))


class Recording(Linear):
    """Records the sizes of the batches it predicts."""

    def __init__(self) -> None:
        super().__init__(MODEL.weights, VectorInput(2))
        self.batches: list[int] = []

    def predict(self, items: Items, needs: frozenset[Any], rng: np.random.Generator) -> Outputs:
        self.batches.append(len(items))
        return super().predict(items, needs, rng)


class Transductive(Model):
    """Predicts only its whole pool."""

    def predict(self, items: Items, needs: frozenset[Any], rng: np.random.Generator) -> Outputs:
        assert len(items) == 50
        return Outputs(probabilities=np.full((50, 2), 0.5))

    def tensors(self) -> dict[str, Any]:
        return {}

    def description(self) -> dict[str, Any]:
        return {}


def score(model: Model, items: Items, folder: Path, *needs: Any, previous: Path | None = None) -> tuple[str, ...]:
    folder.mkdir()
    return score_pool(model, items, frozenset(needs), folder, 7, lambda done: None, previous)


def test_batches_give_the_same_scores_as_one_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "BATCH", 16)
    model = Recording()
    done: list[float] = []
    (tmp_path / "a").mkdir()
    names = score_pool(model, ITEMS, frozenset({"embeddings", "samples"}), tmp_path / "a", 7, done.append)
    assert names == ("embeddings", "probabilities", "samples")
    assert model.batches == [16, 16, 16, 2]
    assert done == [0.32, 0.64, 0.96, 1.0]
    arrays = open_scores(tmp_path / "a")
    whole = MODEL.predict(ITEMS, frozenset({"embeddings"}), np.random.default_rng(0))
    np.testing.assert_allclose(arrays["probabilities"], whole.probabilities, atol=1e-6)
    np.testing.assert_allclose(arrays["embeddings"], whole.embeddings, atol=1e-5)
    assert arrays["samples"].shape == (3, 50, 3)
    assert all(array.dtype == np.float32 for array in arrays.values())
    assert isinstance(arrays["probabilities"], np.memmap)


def test_the_same_seed_draws_the_same_samples(tmp_path: Path) -> None:
    for name in "ab":
        score(MODEL, ITEMS, tmp_path / name, "samples")
    first, second = (open_scores(tmp_path / name)["samples"] for name in "ab")
    np.testing.assert_array_equal(first, second)


def test_only_requested_outputs_are_stored(tmp_path: Path) -> None:
    class Talkative(Linear):
        def predict(self, items: Items, needs: frozenset[Any], rng: np.random.Generator) -> Outputs:
            return super().predict(items, needs | {"embeddings", "samples"}, rng)

    assert score(Talkative(MODEL.weights, VectorInput(2)), ITEMS, tmp_path / "a") == ("probabilities",)


def test_new_items_are_added_to_previous_scores(tmp_path: Path) -> None:
    score(MODEL, ITEMS.take(np.arange(30)), tmp_path / "a", "samples")
    model = Recording()
    score(model, ITEMS, tmp_path / "b", "samples", previous=tmp_path / "a")
    assert model.batches == [20]
    old, new = open_scores(tmp_path / "a"), open_scores(tmp_path / "b")
    np.testing.assert_array_equal(new["probabilities"][:30], old["probabilities"])
    np.testing.assert_array_equal(new["samples"][:, :30], old["samples"])
    whole = MODEL.predict(ITEMS, frozenset(), np.random.default_rng(0))
    np.testing.assert_allclose(new["probabilities"], whole.probabilities, atol=1e-6)


def test_a_transductive_model_gets_the_whole_pool_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "BATCH", 16)
    graph = GraphItems(np.eye(50, dtype=np.float32), np.zeros((2, 0), np.int64))
    for number, items in enumerate((ITEMS, graph)):
        assert score(Transductive(), items, tmp_path / str(number)) == ("probabilities",)
        assert open_scores(tmp_path / str(number))["probabilities"].shape == (50, 2)


@pytest.mark.parametrize(
    ("outputs", "needs", "reason"),
    [
        (Outputs(), (), "must return probabilities, or mean and std"),
        (Outputs(mean=np.ones(4)), (), "must return probabilities, or mean and std"),
        (
            Outputs(probabilities=np.ones((4, 2))),
            ("embeddings", "samples"),
            "must return embeddings, samples, and returned prob",
        ),
        (Outputs(probabilities=np.ones((3, 2))), (), r"probabilities have shape \(3, 2\) for 4 items"),
        (Outputs(probabilities=np.ones(4)), (), r"probabilities have shape \(4,\)"),
        (Outputs(probabilities=np.full((4, 2), np.nan)), (), "not finite"),
        (Outputs(mean=np.ones((4, 1)), std=np.ones(4)), (), r"mean have shape \(4, 1\)"),
        (Outputs(probabilities=np.ones((4, 2)), samples=np.ones((4, 3, 2))), ("samples",), "samples have shape"),
    ],
)
def test_wrong_outputs_are_rejected(outputs: Outputs, needs: tuple[Any, ...], reason: str) -> None:
    with pytest.raises(PluginError, match=reason):
        check_outputs(outputs, frozenset(needs), 4)


def test_needs_of_strategies(registry: Registry) -> None:
    assert needs_of([]) == frozenset()
    assert needs_of([["labelled_embeddings"], ["probabilities"]]) == {"embeddings", "probabilities"}


def test_missing_scores_are_none(tmp_path: Path) -> None:
    score(MODEL, ITEMS, tmp_path / "a", "embeddings")
    row = ScoringRow("p", "r1", 50, ("embeddings", "probabilities"), "a", 0.0, 0)
    arrays = stored_scores(Home(tmp_path), row)
    assert arrays is not None
    assert set(arrays) == {"embeddings", "probabilities"}
    (tmp_path / "a" / "embeddings.npy").unlink()
    assert stored_scores(Home(tmp_path), row) is None
    assert stored_scores(Home(tmp_path), None) is None


def test_unreadable_images_get_equal_probabilities(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for path in paths[:3]:
        Image.new("L", (2, 2), 90).save(path)
    paths[1].write_bytes(b"damaged")
    items = FileItems(paths, 1, unreadable=UnreadableFiles())
    model = Linear(np.random.default_rng(1).normal(size=(5, 3)), ImageInput(2, 2, 1))
    score(model, items, tmp_path / "a", "samples")
    arrays = open_scores(tmp_path / "a")
    for rows in (arrays["probabilities"], predict_items(model, items)["probabilities"], *arrays["samples"]):
        np.testing.assert_allclose(rows[[1, 3]], 1 / 3, atol=1e-6)
        assert (np.ptp(rows[[0, 2]], axis=1) > 0.01).all()


def test_a_new_summary_without_needs_gets_the_previous_items_too(tmp_path: Path) -> None:
    score(MODEL, ITEMS.take(np.arange(30)), tmp_path / "a")
    summarized: dict[bool, list[tuple[int, int]]] = {False: [], True: []}
    summaries = [
        Summary(frozenset(), lambda start, stop, _, parts=parts: parts.append((start, stop)), complete)
        for complete, parts in summarized.items()
    ]
    (tmp_path / "b").mkdir()
    score_pool(MODEL, ITEMS, frozenset(), tmp_path / "b", 7, lambda _: None, tmp_path / "a", summaries)
    assert summarized == {False: [(0, 30), (30, 50)], True: [(30, 50)]}
