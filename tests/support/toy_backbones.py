"""Backbones of a few operations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from nextlabel.contracts import Backbone, BackbonePlugin, NoParameters, Preprocessing, hookimpl


@dataclass(frozen=True)
class ColourParameters:
    probabilities: Annotated[bool, "also the softmax of the means, as three classes"] = False


class MeanColour(Backbone[ColourParameters]):
    """The mean of each colour, from -1 to 1."""

    preprocessing = Preprocessing(size=8, mean=(127.5,) * 3, std=(127.5,) * 3)

    def write_onnx(self, path: Path) -> None:
        from onnx import helper

        nodes = [
            helper.make_node("GlobalAveragePool", ["input"], ["means"]),
            helper.make_node("Flatten", ["means"], ["embeddings"]),
        ]
        sides: list[Any] = [self.preprocessing.size] * 2 if self.preprocessing.crop else ["height", "width"]
        outputs = {"embeddings": 3}
        if self.parameters.probabilities:
            nodes.append(helper.make_node("Softmax", ["embeddings"], ["probabilities"], axis=1))
            outputs["probabilities"] = 3
        save(path, nodes, ["n", 3, *sides], outputs)


class WholeColour(MeanColour):
    """The mean of each colour of the whole image, whatever its shape."""

    preprocessing = Preprocessing(size=8, crop=False, mean=(127.5,) * 3, std=(127.5,) * 3)


@dataclass(frozen=True)
class ScaledParameters:
    scale: float = 2.0
    signs: Annotated[tuple[int, ...], "of the two numbers"] = (1, 1)


class Scaled(Backbone[ScaledParameters]):
    """Vectors of two numbers times a scale."""

    def write_onnx(self, path: Path) -> None:
        from onnx import helper, numpy_helper

        factor = numpy_helper.from_array(
            np.float32(self.parameters.scale) * np.float32(self.parameters.signs), "factor"
        )
        save(path, [helper.make_node("Mul", ["input", "factor"], ["embeddings"])], ["n", 2], {"embeddings": 2}, factor)


class Misnamed(Backbone[NoParameters]):
    """Breaks the contract: its output has another name."""

    def write_onnx(self, path: Path) -> None:
        from onnx import helper

        save(path, [helper.make_node("Identity", ["input"], ["features"])], ["n", 2], {"features": 2})


def save(path: Path, nodes: list[Any], shape: list[Any], outputs: dict[str, int], *weights: Any) -> None:
    import onnx
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width]) for name, width in outputs.items()],
        list(weights),
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path)


@hookimpl
def nextlabel_backbones() -> Iterator[BackbonePlugin]:
    yield BackbonePlugin("toy-colour", "mean of each colour", MeanColour, ColourParameters)
    yield BackbonePlugin("toy-whole-colour", "the same, uncropped", WholeColour, ColourParameters)
    yield BackbonePlugin("toy-scaled", "vectors times a number", Scaled, ScaledParameters)
    yield BackbonePlugin("toy-misnamed", "wrong", Misnamed)
