"""Checkpoints on disk: written whole, checked, and rebuilt to the same answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.engine import ToyProject
from support.toy_learners import Linear

from nextlabel.contracts import GraphItems, ImageInput, Items, Outputs, VectorInput, VectorItems
from nextlabel.contracts.errors import Gone, NotFound, PluginError
from nextlabel.engine.checkpoints.serialization import (
    Trained,
    input_array,
    input_card,
    model_input,
    read_model,
    write_model,
)
from nextlabel.engine.images.image_items import PixelItems
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.scores import open_scores

ITEMS = VectorItems(np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32))
WEIGHTS = np.random.default_rng(1).normal(size=(3, 3)).astype(np.float32)
HOW = Trained("r1", 5, 9, {"accuracy": 0.5})


def written(project: ToyProject, model: Any, folder: Path, items: Any = ITEMS) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    return write_model(folder, model, items, project.project.config, project.services.row("toy"), HOW)


def test_a_model_is_rebuilt_to_the_same_answers(blobs: ToyProject, tmp_path: Path, registry: Registry) -> None:
    model = Linear(WEIGHTS, VectorInput(2))
    card = written(blobs, model, tmp_path / "r1")
    again, read = read_model(tmp_path / "r1", registry)
    assert read == card
    for needs in (frozenset(), frozenset({"embeddings"})):
        one, other = (m.predict(ITEMS, needs, np.random.default_rng(0)) for m in (model, again))
        np.testing.assert_array_equal(one.probabilities, other.probabilities)


def test_the_card_says_all_there_is_to_know(blobs: ToyProject, tmp_path: Path) -> None:
    card = written(blobs, Linear(WEIGHTS, VectorInput(2)), tmp_path / "r1")
    assert json.loads((tmp_path / "r1" / "card.json").read_text()) == card
    assert (card["project"], card["checkpoint"], card["task"]) == ("toy", "r1", "classification")
    assert card["classes"] == ["red", "green", "blue"]
    assert card["learner"] == {"plugin": "toy-ridge", "parameters": {}}
    assert card["input"] == {"kind": "vector", "dimensions": 2}
    assert (card["onnx"], card["seed"], card["last_label"], card["metrics"]) == (True, 5, 9, {"accuracy": 0.5})
    assert set(card["sha256"]) == {"weights.safetensors", "model.onnx"}


@pytest.mark.parametrize("name", ["weights.safetensors", "card.json"])
def test_a_damaged_checkpoint_is_not_loaded(blobs: ToyProject, tmp_path: Path, registry: Registry, name: str) -> None:
    written(blobs, Linear(WEIGHTS, VectorInput(2)), tmp_path / "r1")
    data = bytearray((tmp_path / "r1" / name).read_bytes())
    (tmp_path / "r1" / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(Gone, match="damaged"):
        read_model(tmp_path / "r1", registry)


def test_a_learner_that_is_no_longer_installed(blobs: ToyProject, tmp_path: Path) -> None:
    written(blobs, Linear(WEIGHTS, VectorInput(2)), tmp_path / "r1")
    with pytest.raises(NotFound, match="no learner is called 'toy-ridge'"):
        read_model(tmp_path / "r1", Registry())


@pytest.mark.parametrize("spec", [None, VectorInput(3), ImageInput(4, 5, 3)])
def test_what_a_model_takes_is_kept_as_json(spec: Any) -> None:
    assert model_input({"input": json.loads(json.dumps(input_card(spec)))}) == spec


def test_items_as_onnx_takes_them() -> None:
    assert input_array(VectorInput(2), ITEMS).dtype == np.float32
    pixels = input_array(ImageInput(4, 4, 3), PixelItems(np.zeros((2, 8, 8), np.uint8)))
    assert (pixels.shape, pixels.dtype) == ((2, 4, 4, 3), np.uint8)


# ------------------------------------------------------------------------------------ ONNX


class Told(Linear):
    """Answers one thing, and its ONNX form another."""

    def __init__(self, answer: Outputs) -> None:
        super().__init__(WEIGHTS, VectorInput(2))
        self.answer = answer

    def predict(self, items: Items, needs: frozenset[Any], rng: np.random.Generator) -> Outputs:
        return self.answer


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Outputs(probabilities=np.full((32, 3), 1 / 3, np.float32)), "answers differently: probabilities by"),
        (Outputs(probabilities=np.full((32, 3), np.nan, np.float32)), "answers differently: probabilities by nan"),
        (Outputs(probabilities=np.full((32, 1), 1, np.float32)), "which the model does not"),
        (Outputs(mean=np.zeros(32), std=np.ones(32)), "which the model does not"),
    ],
)
def test_an_onnx_form_that_answers_otherwise_is_refused(
    blobs: ToyProject, tmp_path: Path, answer: Outputs, reason: str
) -> None:
    with pytest.raises(PluginError, match=reason):
        written(blobs, Told(answer), tmp_path / "r1")


def test_an_onnx_form_with_names_of_its_own_is_refused(blobs: ToyProject, tmp_path: Path) -> None:
    class Named(Linear):
        def write_onnx(self, path: Path) -> bool:
            import onnx

            super().write_onnx(path)
            model = onnx.load(path)
            model.graph.node[-1].output[0] = model.graph.output[0].name = "answer"
            onnx.save(model, path)
            return True

    with pytest.raises(PluginError, match="must give probabilities, or mean and std, not answer"):
        written(blobs, Named(WEIGHTS, VectorInput(2)), tmp_path / "r1")


def test_a_model_of_its_pool_writes_none(blobs: ToyProject, tmp_path: Path) -> None:
    class Whole(Linear):
        def __init__(self) -> None:
            super().__init__(WEIGHTS, VectorInput(2))
            self.input = None  # type: ignore[assignment]

    graph = GraphItems(np.eye(3, dtype=np.float32), np.zeros((2, 0), np.int64))
    card = written(blobs, Whole(), tmp_path / "r1", graph)
    assert (card["onnx"], card["input"]) == (False, None)
    assert not (tmp_path / "r1" / "model.onnx").exists()


def test_the_live_answers_are_the_models(blobs: ToyProject) -> None:
    """The ONNX form, one row at a time, against the scores of the model itself."""
    blobs.train()
    vectors = blobs.services.pool("toy")._array("pool-vectors")
    said = blobs.project.models.predict_vectors(vectors.tolist()).predictions
    (scores,) = blobs.services.home.root.glob("scores/toy/*")
    stored = open_scores(scores)["probabilities"]
    for place, prediction in enumerate(said):
        assert prediction.probabilities is not None
        row = [prediction.probabilities[name] for name in ("red", "green", "blue")]
        np.testing.assert_allclose(row, stored[place], atol=1e-5)
