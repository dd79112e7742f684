"""Half precision: float32 weights are halved without losing more than rounding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnxruntime import InferenceSession
from support.toy_learners import Linear

from nextlabel.contracts import VectorInput, VectorItems
from nextlabel.engine.checkpoints.half_precision import halve_onnx, halve_tensors, to_half


def test_only_tensors_that_lose_no_precision_are_halved():
    tensors = {
        "weights": np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32),
        "large": np.array([1e6, 1], np.float32),
        "tiny": np.array([1e-9, 2e-9], np.float32),
        "double": np.array([0.1]),
        "count": np.array(3),
        "none": np.empty((0, 4), np.float32),
    }
    result = halve_tensors(tensors)
    assert result["weights"].dtype == np.float16
    np.testing.assert_allclose(result["weights"], tensors["weights"], rtol=1e-3)
    for name in ("large", "tiny", "double", "count", "none"):
        assert result[name].dtype == tensors[name].dtype
        np.testing.assert_array_equal(result[name], tensors[name])


@pytest.mark.parametrize("value", [65504.0, -65504.0])
def test_the_largest_float16_is_converted(value):
    assert to_half(np.array([value], np.float32)) == value
    assert to_half(np.array([value * 2], np.float32)) is None


def test_a_tiny_number_beside_large_ones_may_become_zero():
    half = to_half(np.array([1.0, 1e-9], np.float32))
    assert half is not None
    assert half[1] == 0


def test_the_halved_onnx_is_smaller_and_predicts_the_same(tmp_path: Path):
    weights = np.random.default_rng(0).normal(0, 0.1, (2001, 3))
    model = Linear(weights, VectorInput(2000))
    assert model.write_onnx(tmp_path / "whole.onnx")
    halve_onnx(tmp_path / "whole.onnx", tmp_path / "half.onnx")
    sizes = [(tmp_path / name).stat().st_size for name in ("whole.onnx", "half.onnx")]
    assert sizes[1] < 0.55 * sizes[0]
    rows = np.random.default_rng(1).normal(size=(50, 2000)).astype(np.float32)
    session = InferenceSession(tmp_path / "half.onnx", providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["probabilities"]
    (predicted,) = session.run(["probabilities"], {"input": rows})
    expected = model.predict(VectorItems(rows), frozenset(), np.random.default_rng(0)).probabilities
    assert predicted.dtype == np.float32
    np.testing.assert_allclose(predicted, expected, atol=0.01)
    # the bias and the scale are too small to be worth a node
    kinds = {tensor.name: tensor.data_type for tensor in onnx.load(tmp_path / "half.onnx").graph.initializer}
    assert kinds == {"scale": 1, "weights.half": 10, "bias": 1}
