"""Multinomial logistic regression on vectors or small images, learnt from candidate sets.

Inputs are standardised over the labelled items. The loss of an item is -log of the probability summed over its
candidate set (Jin and Ghahramani, "Learning with multiple labels", NIPS 2002), which for a full label is the loss of
ordinary logistic regression.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count as count_from
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np

from nextlabel.contracts import (
    BoolArray,
    Bounds,
    FloatArray,
    ImageInput,
    ImageItems,
    Items,
    Learner,
    Model,
    Need,
    Outputs,
    Targets,
    Training,
    VectorInput,
    VectorItems,
)
from nextlabel.contracts.errors import Unprocessable
from nextlabel_plugins.learners.learner_inputs import input_size, read_pixels, refuse_features

DEFAULT_SIDE = 32
"""Side in pixels that images of different sizes are resized to by default."""
MAX_ITERATIONS = 1000
INTERCEPT_DECAY = 1e-9
"""Weight of the squared intercepts: too weak to matter, but it keeps that of a class without a label finite."""
TOLERANCE = 1e-7
"""The training ends when no entry of the gradient is larger."""
_READ = 0.5
"""Share of the progress at which the images are read."""
_PATIENCE = 50
"""Evaluations of the loss after which half of the rest is reported; their number is not known before."""
BINARY = 2
PIXEL_MAX = 255


@dataclass(frozen=True)
class LinearParameters:
    """Parameters of `linear`."""

    C: Annotated[
        float, Bounds(gt=0), "inverse strength of the L2 regularisation, as in scikit-learn: smaller is stronger"
    ] = 1.0
    scale: Annotated[
        Literal["common", "column"],
        "`common`: one scale for all columns of the inputs; `column`: one each, for columns in different units",
    ] = "common"
    image_size: Annotated[
        int, Bounds(ge=0), "side that images without [features] are resized to; 0: their own size, or 32 if they differ"
    ] = 0


class LinearModel(Model):
    """The softmax of a linear function of the vectors, or of the pixels divided by 255.

    `centre` is (d,), `weights` (d, C), `bias` (C,); the function is (x - centre) weights + bias.
    """

    def __init__(
        self, centre: FloatArray, weights: FloatArray, bias: FloatArray, image: ImageInput | None = None
    ) -> None:
        self.centre, self.weights, self.bias = (np.asarray(array, np.float32) for array in (centre, weights, bias))
        self.image = image
        self.input = image or VectorInput(len(weights))

    def predict(self, items: Items, needs: frozenset[Need], rng: np.random.Generator) -> Outputs:  # noqa: ARG002 - nothing is random
        """Return the probabilities; the embeddings are the inputs."""
        inputs = _inputs(items, self.image)
        probabilities = _softmax((inputs - self.centre) @ self.weights + self.bias)
        return Outputs(probabilities=probabilities, embeddings=inputs if "embeddings" in needs else None)

    def tensors(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return centre, weights and bias."""
        return {"centre": self.centre, "weights": self.weights, "bias": self.bias}

    def description(self) -> Mapping[str, Any]:
        """Return the shape of the images, or None for vectors."""
        image = self.image
        return {"image": image and [image.height, image.width, image.channels]}

    def write_onnx(self, path: Path) -> bool:
        """Write the graph, from pixels or vectors to probabilities."""
        import onnx  # noqa: PLC0415 - only the end of a training needs it
        from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415 - as above

        nodes, constants = [], dict(self.tensors())
        if self.image:
            shape = [self.image.height, self.image.width, self.image.channels]
            kind, vectors = TensorProto.UINT8, "vectors"
            constants["scale"] = np.array(PIXEL_MAX, np.float32)
            nodes = [
                helper.make_node("Cast", ["input"], ["pixels"], to=TensorProto.FLOAT),
                helper.make_node("Div", ["pixels", "scale"], ["scaled"]),
                helper.make_node("Flatten", ["scaled"], ["vectors"], axis=1),
            ]
        else:
            shape, kind, vectors = [len(self.centre)], TensorProto.FLOAT, "input"
        nodes += [
            helper.make_node("Sub", [vectors, "centre"], ["centred"]),
            helper.make_node("Gemm", ["centred", "weights", "bias"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ]
        graph = helper.make_graph(
            nodes,
            "linear",
            [helper.make_tensor_value_info("input", kind, ["n", *shape])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", len(self.bias)])],
            [numpy_helper.from_array(array, name) for name, array in constants.items()],
        )
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path)
        return True


class Linear(Learner[LinearParameters]):
    """Minimises C times the summed loss of the labelled items plus half of the squared weights, by L-BFGS.

    With two classes the weights count twice, so that C has the same meaning as in the usual logistic
    regression with one vector of weights, which is the difference of the two here.
    """

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Train on the labelled items; the others are not read.

        Raises Unprocessable without a label, for values, for a graph, and for features from `[learner] features`.
        """
        if not isinstance(items, (VectorItems, ImageItems)) or targets.candidates is None:
            raise Unprocessable("the learner `linear` learns classes of vectors or images, nothing else")
        refuse_features("linear", training)
        rows = np.flatnonzero(targets.labelled)
        if not len(rows):
            raise Unprocessable("there is no label to learn from yet")
        image = self._image_input(items) if isinstance(items, ImageItems) else None
        inputs = _inputs(items.take(rows), image, lambda share: training.progress(share * _READ, {})).astype(np.float64)
        centre, scale = _standard(inputs, self.parameters.scale == "common")
        inputs -= centre
        inputs /= scale
        weights, bias = _minimise(inputs, targets.candidates[rows], self.parameters.C, training.progress)
        return LinearModel(centre, weights / scale[:, None], bias, image)

    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> Model:
        """Return the model with these tensors."""
        image = description["image"] and ImageInput(*description["image"])
        return LinearModel(tensors["centre"], tensors["weights"], tensors["bias"], image)

    def _image_input(self, images: ImageItems) -> ImageInput:
        return ImageInput(*input_size(images, self.parameters.image_size, DEFAULT_SIDE), images.channels)


def _inputs(
    items: Items, image: ImageInput | None, progress: Callable[[float], None] = lambda _share: None
) -> FloatArray:
    """Return the vectors (n, d), or for images the pixels (n, height * width * channels), from 0 to 1.

    Raises Unprocessable for items of another kind.
    """
    if image is None:
        if not isinstance(items, VectorItems):
            raise Unprocessable("this model predicts vectors only")
        return items.vectors
    if not isinstance(items, ImageItems):
        raise Unprocessable("this model predicts images only")
    pixels = read_pixels(items, (image.height, image.width), image.channels, progress)
    return pixels.reshape(len(pixels), image.height * image.width * image.channels) / np.float32(PIXEL_MAX)


def _standard(inputs: FloatArray, common: bool) -> tuple[FloatArray, FloatArray]:
    """Return the mean and the scale of each column, (d,) each.

    The scale is the column's standard deviation, 0 if the column varies by rounding only, or with `common` the root
    mean square of those of all columns. A scale of 0 becomes 1.
    """
    centre, scale = inputs.mean(axis=0), inputs.std(axis=0)
    scale[scale <= np.finfo(np.float32).eps * np.abs(centre)] = 0
    if common:
        # a few labels do not show how much each embedding varies: dividing by a deviation that is small by chance
        # makes noise as large as what separates the classes
        scale[:] = np.sqrt((scale**2).mean())
    return centre, np.where(scale > 0, scale, 1.0)


def _minimise(
    inputs: FloatArray, sets: BoolArray, strength: float, progress: Callable[[float, Mapping[str, float]], None]
) -> tuple[FloatArray, FloatArray]:
    """Return the weights (d, C) and the intercepts (C,) for standardised inputs (n, d) and candidate sets (n, C)."""
    from scipy.optimize import minimize  # noqa: PLC0415 - loaded for training, not for listing plugins
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - as above

    count, classes = sets.shape
    shape = (inputs.shape[1] + 1, classes)
    decay = np.full((shape[0], 1), (2 if classes == BINARY else 1) / (strength * count))
    decay[-1] = INTERCEPT_DECAY
    evaluations = count_from(1)

    def penalty(matrix: FloatArray) -> float:
        return float((decay * matrix**2).sum() / 2)

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        matrix = flat.reshape(shape)
        probabilities = _softmax(inputs @ matrix[:-1] + matrix[-1])
        inside = np.maximum((probabilities * sets).sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        residuals = (probabilities - probabilities * sets / inside) / count
        gradient = np.concatenate([inputs.T @ residuals, residuals.sum(axis=0, keepdims=True)]) + decay * matrix
        loss, number = float(-np.log(inside).mean()), next(evaluations)
        # not in a callback: minimize calls that once per iteration, which may evaluate the loss several times
        progress(_READ + (1 - _READ) * number / (number + _PATIENCE), {"loss": loss})
        return loss + penalty(matrix), gradient.ravel()

    options = {"maxiter": MAX_ITERATIONS, "gtol": TOLERANCE, "ftol": 0.0}
    # numpy and scipy have a thread pool each; their waiting threads take the cores from each other, ten times slower
    with threadpool_limits(1, "blas"):
        result = minimize(objective, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options=options)
    if result.nit >= MAX_ITERATIONS:
        print(f"linear: the fit ended at its limit of {MAX_ITERATIONS:,} iterations", flush=True)  # noqa: T201 - the job's log
    matrix = result.x.reshape(shape)
    progress(1.0, {"loss": float(result.fun) - penalty(matrix)})
    return matrix[:-1], matrix[-1]


def _softmax(logits: FloatArray) -> FloatArray:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
