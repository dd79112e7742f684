"""Logistic regression on vectors, such as the embeddings of a backbone. It reads the labelled rows only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from nextlabel.contracts import (
    Bounds,
    FloatArray,
    Items,
    Learner,
    LearnerPlugin,
    Model,
    Need,
    Outputs,
    Targets,
    Training,
    VectorInput,
    VectorItems,
    hookimpl,
)
from nextlabel.contracts.errors import Unprocessable


@dataclass(frozen=True)
class LinearParameters:
    """Parameters of `tiny-linear`."""

    weight_decay: Annotated[float, Bounds(gt=0), "weight of the squared weights in the loss"] = 0.01


class Linear(Model):
    """The softmax of a matrix product."""

    def __init__(self, weights: FloatArray, bias: FloatArray) -> None:
        self.weights, self.bias = weights.astype(np.float32), bias.astype(np.float32)
        self.input = VectorInput(len(weights))

    def predict(self, items: Items, needs: frozenset[Need], rng: np.random.Generator) -> Outputs:
        """Return the probabilities; the embeddings are the vectors."""
        assert isinstance(items, VectorItems)
        vectors = items.vectors
        probabilities = _softmax(vectors @ self.weights + self.bias)
        return Outputs(probabilities=probabilities, embeddings=vectors if "embeddings" in needs else None)

    def tensors(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the weights and the bias."""
        return {"weights": self.weights, "bias": self.bias}

    def description(self) -> Mapping[str, Any]:
        """Return nothing: the tensors are complete."""
        return {}

    def write_onnx(self, path: Path) -> bool:
        """Write the matrix product and the softmax."""
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        inputs, classes = self.weights.shape
        graph = helper.make_graph(
            [
                helper.make_node("Gemm", ["input", "weights", "bias"], ["logits"]),
                helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
            ],
            "linear",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", inputs])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", classes])],
            [numpy_helper.from_array(array, name) for name, array in self.tensors().items()],
        )
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path)
        return True


class LinearLearner(Learner[LinearParameters]):
    """Minimizes -log of the probability summed over each item's candidates, by L-BFGS."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Learn classes of vectors. Raises Unprocessable without a label."""
        if not isinstance(items, VectorItems) or targets.candidates is None:
            raise Unprocessable("tiny-linear learns classes of vectors only")
        rows = np.flatnonzero(targets.labelled)
        if not len(rows):
            raise Unprocessable("there is no label to learn from")
        vectors, sets = items.take(rows).vectors.astype(np.float64), targets.candidates[rows]
        centre, scale = vectors.mean(axis=0), vectors.std() + 1e-9
        weights, bias, loss = self._minimize((vectors - centre) / scale, sets)
        training.progress(1.0, {"loss": loss})
        return Linear(weights / scale, bias - centre @ weights / scale)

    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> Model:
        """Return the model with these tensors."""
        return Linear(tensors["weights"], tensors["bias"])

    def _minimize(self, points: FloatArray, sets: FloatArray) -> tuple[FloatArray, FloatArray, float]:
        """Return the weights (d, C), the bias (C,) and the loss."""
        from scipy.optimize import minimize

        shape = (points.shape[1] + 1, sets.shape[1])
        points = np.concatenate([points, np.ones((len(points), 1))], axis=1)
        decay = np.append(np.full(shape[0] - 1, self.parameters.weight_decay), 1e-6)[:, None]

        def loss(flat: FloatArray) -> tuple[float, FloatArray]:
            matrix = flat.reshape(shape)
            p = _softmax(points @ matrix)
            inside = np.maximum((p * sets).sum(axis=1, keepdims=True), 1e-300)
            gradient = points.T @ (p - p * sets / inside) / len(points) + decay * matrix
            value = -np.log(inside).mean() + (decay * matrix**2).sum() / 2
            return float(value), gradient.ravel()

        result = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 200})
        matrix = result.x.reshape(shape)
        return matrix[:-1], matrix[-1], float(result.fun)


def _softmax(logits: FloatArray) -> FloatArray:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


@hookimpl
def nextlabel_learners() -> Iterator[LearnerPlugin]:
    yield LearnerPlugin("tiny-linear", "logistic regression", LinearLearner, LinearParameters)
