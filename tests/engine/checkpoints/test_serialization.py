"""Checkpoints on disk: complete, checked, and rebuilt to the same predictions."""

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
    TrainingInfo,
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
INFO = TrainingInfo("r1", 5, 9, {"accuracy": 0.5})


def written(project: ToyProject, model: Any, folder: Path, items: Any = ITEMS) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    return write_model(folder, model, items, project.project.config, project.services.row("toy"), INFO)


def test_a_rebuilt_model_predicts_the_same(blobs: ToyProject, tmp_path: Path, registry: Registry) -> None:
    model = Linear(WEIGHTS, VectorInput(2))
    card = written(blobs, model, tmp_path / "r1")
    again, read = read_model(tmp_path / "r1", registry)
    assert read == card
    for needs in (frozenset(), frozenset({"embeddings"})):
        before, after = (m.predict(ITEMS, needs, np.random.default_rng(0)) for m in (model, again))
        np.testing.assert_array_equal(before.probabilities, after.probabilities)


def test_the_card_describes_the_checkpoint(blobs: ToyProject, tmp_path: Path) -> None:
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


def test_a_missing_learner_raises_not_found(blobs: ToyProject, tmp_path: Path) -> None:
    written(blobs, Linear(WEIGHTS, VectorInput(2)), tmp_path / "r1")
    with pytest.raises(NotFound, match="no learner is called 'toy-ridge'"):
        read_model(tmp_path / "r1", Registry())


@pytest.mark.parametrize("spec", [None, VectorInput(3), ImageInput(4, 5, 3)])
def test_a_model_input_survives_json(spec: Any) -> None:
    assert model_input({"input": json.loads(json.dumps(input_card(spec)))}) == spec


def test_items_become_the_input_of_onnx() -> None:
    assert input_array(VectorInput(2), ITEMS).dtype == np.float32
    pixels = input_array(ImageInput(4, 4, 3), PixelItems(np.zeros((2, 8, 8), np.uint8)))
    assert (pixels.shape, pixels.dtype) == ((2, 4, 4, 3), np.uint8)


# ------------------------------------------------------------------------------------ ONNX


class Fixed(Linear):
    """Returns fixed outputs, unlike its ONNX form."""

    def __init__(self, outputs: Outputs) -> None:
        super().__init__(WEIGHTS, VectorInput(2))
        self.outputs = outputs

    def predict(self, items: Items, needs: frozenset[Any], rng: np.random.Generator) -> Outputs:
        return self.outputs


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [
        (
            Outputs(probabilities=np.full((32, 3), 1 / 3, np.float32)),
            "the ONNX form and the model disagree: probabilities differ by",
        ),
        (
            Outputs(probabilities=np.full((32, 3), np.nan, np.float32)),
            "the ONNX form and the model disagree: probabilities differ by nan",
        ),
        (Outputs(probabilities=np.full((32, 1), 1, np.float32)), "which the model does not"),
        (Outputs(mean=np.zeros(32), std=np.ones(32)), "which the model does not"),
    ],
)
def test_an_onnx_form_with_other_outputs_is_rejected(
    blobs: ToyProject, tmp_path: Path, outputs: Outputs, reason: str
) -> None:
    with pytest.raises(PluginError, match=reason):
        written(blobs, Fixed(outputs), tmp_path / "r1")


def test_an_onnx_form_with_unknown_output_names_is_rejected(blobs: ToyProject, tmp_path: Path) -> None:
    class Named(Linear):
        def write_onnx(self, path: Path) -> bool:
            import onnx

            super().write_onnx(path)
            model = onnx.load(path)
            model.graph.node[-1].output[0] = model.graph.output[0].name = "answer"
            onnx.save(model, path)
            return True

    with pytest.raises(PluginError, match="must return probabilities, or mean and std, not answer"):
        written(blobs, Named(WEIGHTS, VectorInput(2)), tmp_path / "r1")


def test_a_transductive_model_writes_no_onnx(blobs: ToyProject, tmp_path: Path) -> None:
    class Transductive(Linear):
        def __init__(self) -> None:
            super().__init__(WEIGHTS, VectorInput(2))
            self.input = None  # type: ignore[assignment]

    graph = GraphItems(np.eye(3, dtype=np.float32), np.zeros((2, 0), np.int64))
    card = written(blobs, Transductive(), tmp_path / "r1", graph)
    assert (card["onnx"], card["input"]) == (False, None)
    assert not (tmp_path / "r1" / "model.onnx").exists()


def test_live_predictions_equal_the_stored_scores(blobs: ToyProject) -> None:
    """Compares the ONNX form, one row at a time, with the scores of the model's own class."""
    blobs.train()
    vectors = blobs.services.pool("toy")._array("pool-vectors")
    predictions = blobs.project.models.predict_vectors(vectors.tolist()).predictions
    (scores,) = blobs.services.home.root.glob("scores/toy/*")
    stored = open_scores(scores)["probabilities"]
    for position, prediction in enumerate(predictions):
        assert prediction.probabilities is not None
        row = [prediction.probabilities[name] for name in ("red", "green", "blue")]
        np.testing.assert_allclose(row, stored[position], atol=1e-5)
