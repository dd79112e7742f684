"""Learners that train in milliseconds, and some that fail or call a function."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from nextlabel.contracts import (
    Bounds,
    ImageInput,
    Items,
    Learner,
    LearnerPlugin,
    Model,
    NoParameters,
    Outputs,
    Targets,
    Training,
    VectorInput,
    VectorItems,
    hookimpl,
)
from nextlabel.contracts.errors import Unprocessable


class Linear(Model):
    """A softmax of a matrix product."""

    def __init__(self, weights: np.ndarray[Any, Any], spec: ImageInput | VectorInput) -> None:
        self.weights, self.input = weights.astype(np.float32), spec

    def _flat(self, items: Items) -> np.ndarray[Any, Any]:
        if isinstance(self.input, ImageInput):
            pixels = items.pixels((self.input.height, self.input.width), self.input.channels)  # type: ignore[union-attr]
            return pixels.reshape(len(pixels), -1).astype(np.float32) / np.float32(255)
        return np.asarray(items.vectors, np.float32)  # type: ignore[union-attr]

    def predict(self, items: Items, needs: frozenset[str], rng: np.random.Generator) -> Outputs:
        rows = self._flat(items)
        logits = rows @ self.weights[:-1] + self.weights[-1]
        samples = None
        if "samples" in needs:
            samples = _softmax(logits[None] + rng.normal(0, 0.5, (3, *logits.shape)))
        return Outputs(
            probabilities=_softmax(logits),
            embeddings=logits if "embeddings" in needs else None,
            samples=samples,
        )

    def tensors(self) -> Mapping[str, np.ndarray[Any, Any]]:
        return {"weights": self.weights}

    def description(self) -> Mapping[str, Any]:
        if isinstance(self.input, ImageInput):
            return {"image": [self.input.height, self.input.width, self.input.channels]}
        return {"dimensions": len(self.weights) - 1}

    def write_onnx(self, path: Path) -> bool:
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        image = isinstance(self.input, ImageInput)
        shape: list[Any] = ["n", *self.description()["image"]] if image else ["n", len(self.weights) - 1]
        kind = TensorProto.UINT8 if image else TensorProto.FLOAT
        nodes = [
            helper.make_node("Cast", ["input"], ["float"], to=TensorProto.FLOAT),
            helper.make_node("Div", ["float", "scale"], ["scaled"]),
            helper.make_node("Flatten", ["scaled"], ["flat"], axis=1),
            helper.make_node("Gemm", ["flat", "weights", "bias"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ]
        constants = {"scale": np.float32(255 if image else 1), "weights": self.weights[:-1], "bias": self.weights[-1]}
        graph = helper.make_graph(
            nodes,
            "linear",
            [helper.make_tensor_value_info("input", kind, shape)],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", self.weights.shape[1]])],
            [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(model, path)
        return True


def with_training_state(model: Model, state: Mapping[str, np.ndarray[Any, Any]]) -> Model:
    """Return `model` with a training state."""
    model.training_state = lambda: state  # type: ignore[method-assign]
    return model


@dataclass(frozen=True)
class RidgeParameters:
    sharpness: Annotated[float, Bounds(gt=0), "of the softmax"] = 8.0
    onnx: bool = True


class Ridge(Learner[RidgeParameters]):
    """Ridge regression on the candidate sets, with equal weights for the classes of a set."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        assert targets.candidates is not None
        rows = np.flatnonzero(targets.labelled)
        if not len(rows):
            raise Unprocessable("there is no label to learn from yet")
        spec: ImageInput | VectorInput
        if isinstance(items, VectorItems):
            spec, flat = VectorInput(items.vectors.shape[1]), items.vectors[rows].astype(np.float64)
        else:
            size, channels = items.size or (4, 4), items.channels  # type: ignore[union-attr]
            spec = ImageInput(*size, channels)
            flat = items.take(rows).pixels(size, channels).reshape(len(rows), -1) / 255  # type: ignore[union-attr]
        soft = targets.candidates[rows] / targets.candidates[rows].sum(axis=1, keepdims=True)
        design = np.concatenate([flat, np.ones((len(rows), 1))], axis=1)
        training.progress(0.5, {"loss": 1.0, "epoch": 1})
        square = design.T @ design + 1e-3 * np.eye(design.shape[1])
        weights = np.linalg.solve(square, design.T @ soft) * self.parameters.sharpness
        training.progress(1.0, {"loss": 0.5, "epoch": 2})
        return self.build_model(weights, spec)

    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> Model:
        image = description.get("image")
        spec = ImageInput(*image) if image else VectorInput(description["dimensions"])
        return self.build_model(tensors["weights"], spec)

    def build_model(self, weights: np.ndarray[Any, Any], spec: ImageInput | VectorInput) -> Model:
        return Linear(weights, spec) if self.parameters.onnx else NoOnnx(weights, spec)


class NoOnnx(Linear):
    """Has no ONNX form."""

    def write_onnx(self, path: Path) -> bool:
        return False


class Failing(Learner[NoParameters]):
    """Fails at once."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        raise ZeroDivisionError("the toy broke")

    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> Model:
        raise NotImplementedError


class Table(Model):
    """A transductive model: a table with one row per item."""

    def __init__(self, rows: np.ndarray[Any, Any]) -> None:
        self.rows = rows

    def predict(self, items: Items, needs: frozenset[str], rng: np.random.Generator) -> Outputs:
        if len(items) != len(self.rows):
            raise Unprocessable(f"{len(items)} items, not {len(self.rows)}")
        return Outputs(probabilities=self.rows, embeddings=self.rows)

    def tensors(self) -> Mapping[str, np.ndarray[Any, Any]]:
        return {"rows": self.rows}

    def description(self) -> Mapping[str, Any]:
        return {}


class Memorize(Learner[NoParameters]):
    """Memorizes the candidate sets."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        assert targets.candidates is not None
        return Table(targets.candidates / targets.candidates.sum(axis=1, keepdims=True))

    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> Model:
        return Table(tensors["rows"])


class Remembering(Linear):
    """A linear model that predicts the items of its pool from a table, and others from their content."""

    def __init__(self, linear: Linear, rows: np.ndarray[Any, Any]) -> None:
        super().__init__(linear.weights, linear.input)
        self.rows, self.fitted = rows.astype(np.float32), len(rows)

    def predict_fitted(self, needs: frozenset[str], rng: np.random.Generator) -> Outputs:
        samples = np.stack([self.rows] * 3) if "samples" in needs else None
        return Outputs(
            probabilities=self.rows, embeddings=self.rows if "embeddings" in needs else None, samples=samples
        )

    def tensors(self) -> Mapping[str, np.ndarray[Any, Any]]:
        return {**super().tensors(), "rows": self.rows}


class Both(Ridge):
    """Transductive and inductive: memorizes the candidate sets of the pool, and learns to predict new content."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        linear = super().fit(items, targets, training)
        assert isinstance(linear, Linear)
        assert targets.candidates is not None
        weights = targets.candidates * np.arange(targets.candidates.shape[1], 0, -1)  # prefers the first classes
        return Remembering(linear, weights / weights.sum(axis=1, keepdims=True))

    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> Model:
        linear = super().rebuild(description, tensors)
        assert isinstance(linear, Linear)
        return Remembering(linear, tensors["rows"])


class Unlabelled(Ridge):
    """Needs no label: without any, it predicts classes at random by a projection of the items."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        if targets.labelled.any():
            return super().fit(items, targets, training)
        assert targets.candidates is not None
        training.progress(1.0, {})
        spec = ImageInput(4, 4, 1)
        projection = np.random.default_rng(training.seed).normal(size=(17, targets.candidates.shape[1]))
        return self.build_model(projection, spec)


class Resuming(Ridge):
    """Saves three steps and waits to be killed; the next time it finds them and trains to the end."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        assert training.folder is not None
        found = len(list(training.folder.iterdir()))
        print(f"found {found} steps", flush=True)  # noqa: T201 - the job's log
        if not found:
            for step in range(3):
                (training.folder / f"{step}.step").touch()
            print("half-way", flush=True)  # noqa: T201 - as above
            time.sleep(60)
        return super().fit(items, targets, training)


class Meddler(Ridge):
    """Calls a function during the training."""

    def __init__(self, parameters: Any, during: Callable[[], None]) -> None:
        super().__init__(parameters)
        self.during = during

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        model = super().fit(items, targets, training)
        self.during()
        return model


def _softmax(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), np.float32)


@hookimpl
def nextlabel_learners() -> Iterator[LearnerPlugin]:
    yield LearnerPlugin("toy-ridge", "ridge regression", Ridge, RidgeParameters)
    yield LearnerPlugin("toy-failing", "raises", Failing)
    yield LearnerPlugin("toy-whole", "memorizes", Memorize, transductive=True)
    yield LearnerPlugin("toy-resuming", "waits to be killed", Resuming, RidgeParameters)
    yield LearnerPlugin("toy-unlabelled", "needs no label", Unlabelled, RidgeParameters)
    yield LearnerPlugin("toy-both", "memorizes its pool", Both, RidgeParameters, transductive=True)
