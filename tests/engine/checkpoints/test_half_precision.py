"""Half precision: what bears it is halved, and the ONNX form still answers the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnxruntime import InferenceSession
from support.toy_learners import Linear

from nextlabel.contracts import VectorInput, VectorItems
from nextlabel.engine.checkpoints.half_precision import halve_onnx, halve_tensors, to_half


def test_what_bears_it_is_halved_and_the_rest_is_left():
    tensors = {
        "weights": np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32),
        "large": np.array([1e6, 1], np.float32),
        "tiny": np.array([1e-9, 2e-9], np.float32),
        "double": np.array([0.1]),
        "count": np.array(3),
        "none": np.empty((0, 4), np.float32),
    }
    kept = halve_tensors(tensors)
    assert kept["weights"].dtype == np.float16
    np.testing.assert_allclose(kept["weights"], tensors["weights"], rtol=1e-3)
    for name in ("large", "tiny", "double", "count", "none"):
        assert kept[name].dtype == tensors[name].dtype
        np.testing.assert_array_equal(kept[name], tensors[name])


@pytest.mark.parametrize("value", [65504.0, -65504.0])
def test_the_largest_half_fits(value):
    assert to_half(np.array([value], np.float32)) == value
    assert to_half(np.array([value * 2], np.float32)) is None


def test_a_number_that_vanishes_beside_large_ones_is_no_loss():
    half = to_half(np.array([1.0, 1e-9], np.float32))
    assert half is not None
    assert half[1] == 0


def test_the_onnx_form_is_smaller_and_answers_the_same(tmp_path: Path):
    weights = np.random.default_rng(0).normal(0, 0.1, (2001, 3))
    model = Linear(weights, VectorInput(2000))
    assert model.write_onnx(tmp_path / "whole.onnx")
    halve_onnx(tmp_path / "whole.onnx", tmp_path / "half.onnx")
    sizes = [(tmp_path / name).stat().st_size for name in ("whole.onnx", "half.onnx")]
    assert sizes[1] < 0.55 * sizes[0]
    rows = np.random.default_rng(1).normal(size=(50, 2000)).astype(np.float32)
    session = InferenceSession(tmp_path / "half.onnx", providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["probabilities"]
    (said,) = session.run(["probabilities"], {"input": rows})
    wanted = model.predict(VectorItems(rows), frozenset(), np.random.default_rng(0)).probabilities
    assert said.dtype == np.float32
    np.testing.assert_allclose(said, wanted, atol=0.01)
    # three numbers and a scale are not worth a node each
    kinds = {tensor.name: tensor.data_type for tensor in onnx.load(tmp_path / "half.onnx").graph.initializer}
    assert kinds == {"scale": 1, "weights.half": 10, "bias": 1}
