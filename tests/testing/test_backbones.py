"""check_backbone passes a valid backbone and reports each kind of fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from nextlabel.contracts import Backbone, BackbonePlugin, Preprocessing
from nextlabel.contracts.errors import DatasetMissing
from nextlabel.testing import check_backbone

MEANS = (("GlobalAveragePool", ("input",), "pooled"), ("Flatten", ("pooled",), "embeddings"))
Node = tuple[str, tuple[str, ...], str]


def save(
    path: Path,
    nodes: Sequence[Node],
    shape: Sequence[Any],
    outputs: Sequence[str] = ("embeddings",),
    name: str = "input",
    kind: int = TensorProto.FLOAT,
    **constants: np.ndarray,
) -> None:
    graph = helper.make_graph(
        [helper.make_node(operator, list(inputs), [output]) for operator, inputs, output in nodes],
        "toy",
        [helper.make_tensor_value_info(name, kind, shape)],
        [helper.make_empty_tensor_value_info(output) for output in outputs],
        [numpy_helper.from_array(array, key) for key, array in constants.items()],
    )
    for output in graph.output:
        output.CopyFrom(helper.make_tensor_value_info(output.name, kind, None))
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path)


class Means(Backbone[Any]):
    """The mean of each colour."""

    preprocessing = Preprocessing(size=6)
    shape: tuple[Any, ...] = ("n", 3, 6, 6)
    nodes: tuple[Node, ...] = MEANS

    def write_onnx(self, path: Path) -> None:
        save(path, self.nodes, self.shape)


class AnyShape(Means):
    preprocessing = Preprocessing(size=6, crop=False)
    shape = ("n", 3, "height", "width")


class OwnClasses(Means):
    def write_onnx(self, path: Path) -> None:
        save(path, (*MEANS, ("Softmax", ("embeddings",), "probabilities")), self.shape, ("embeddings", "probabilities"))


class Vectors(Backbone[Any]):
    """Twice the vectors."""

    def write_onnx(self, path: Path) -> None:
        save(path, [("Add", ("input", "input"), "embeddings")], ["n", 4])


class WritesNothing(Means):
    def write_onnx(self, path: Path) -> None:
        pass


class Missing(Means):
    def write_onnx(self, path: Path) -> None:
        raise DatasetMissing("weights.bin is not on this machine; install toy-weights")


class OtherInput(Means):
    def write_onnx(self, path: Path) -> None:
        save(path, [("GlobalAveragePool", ("x",), "pooled"), MEANS[1]], self.shape, name="x")


class Doubles(Means):
    def write_onnx(self, path: Path) -> None:
        save(path, [("Flatten", ("input",), "embeddings")], self.shape, kind=TensorProto.DOUBLE)


class MoreOutputs(Means):
    def write_onnx(self, path: Path) -> None:
        save(path, self.nodes, self.shape, ("embeddings", "pooled"))


class FixedShape(AnyShape):
    shape = ("n", 3, 6, 6)


class NoImages(Means):
    def write_onnx(self, path: Path) -> None:
        save(path, [("Add", ("input", "input"), "embeddings")], ["n", 4])


class FreeVectors(Vectors):
    def write_onnx(self, path: Path) -> None:
        save(path, [("Add", ("input", "input"), "embeddings")], ["n", "d"])


class ImagesOnly(Means):
    preprocessing = None


class NotFlat(Means):
    nodes = (("GlobalAveragePool", ("input",), "embeddings"),)


class DependsOnShape(AnyShape):
    nodes = (("Flatten", ("input",), "embeddings"),)


class DependsOnBatch(Means):
    def write_onnx(self, path: Path) -> None:
        nodes = (MEANS[0], ("Flatten", ("pooled",), "flat"), ("ReduceMean", ("flat", "axes"), "mean"))
        save(path, (*nodes, ("Sub", ("flat", "mean"), "embeddings")), self.shape, axes=np.array([0]))


class NotFinite(Means):
    nodes = (MEANS[0], ("Flatten", ("pooled",), "flat"), ("Log", ("flat",), "embeddings"))


class NoSum(Means):
    def write_onnx(self, path: Path) -> None:
        save(path, (*MEANS, ("Abs", ("embeddings",), "probabilities")), self.shape, ("embeddings", "probabilities"))


class Random(Means):
    nodes = (*MEANS[:1], ("Flatten", ("pooled",), "flat"), ("RandomNormalLike", ("flat",), "embeddings"))


class OtherWeights(Means):
    def write_onnx(self, path: Path) -> None:
        nodes = (MEANS[0], ("Flatten", ("pooled",), "flat"), ("Add", ("flat", "w"), "embeddings"))
        save(path, nodes, self.shape, w=np.random.default_rng().random((1, 3)).astype(np.float32))


class SeedsNumpy(Means):
    def write_onnx(self, path: Path) -> None:
        np.random.seed(0)  # noqa: NPY002 - the fault
        super().write_onnx(path)


def preparing(**fields: Any) -> type[Means]:
    return type("Prepares", (Means,), {"preprocessing": Preprocessing(**{"size": 6, **fields})})


def plugin(target: Any) -> BackbonePlugin:
    return BackbonePlugin("odd", "one line", target)


@pytest.mark.parametrize("target", [Means, AnyShape, OwnClasses, Vectors])
def test_a_valid_backbone_passes(target: Any) -> None:
    check_backbone(plugin(target))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (WritesNothing, r"write_onnx\(\) wrote no file"),
        (Missing, "raised DatasetMissing: weights.bin is not on this machine"),
        (OtherInput, r"inputs are \['x'\], not \['input'\]"),
        (Doubles, r"input is tensor\(double\), not float32"),
        (MoreOutputs, "may return probabilities, not embeddings, pooled"),
        (FixedShape, "height and width must be free"),
        (NoImages, r"takes \['n', 4\], not images \(n, 3, height, width\)"),
        (FreeVectors, r"takes \['n', 'd'\], not vectors \(n, d\)"),
        (ImagesOnly, r"its preprocessing is None, but the graph takes \['n', 3, 6, 6\]"),
        (NotFlat, r"embeddings have shape \(4, 3, 1, 1\) for 4 items"),
        (DependsOnShape, "depending on the image's shape"),
        (DependsOnBatch, "an item has other embeddings alone"),
        (NotFinite, "embeddings have numbers that are not finite"),
        (NoSum, "rows of probabilities are negative or do not sum to one"),
        (Random, "other embeddings the second time"),
        (OtherWeights, "another instance writes a graph with other outputs"),
        (SeedsNumpy, "changes the global random generator of numpy"),
        (preparing(size=0), "has size 0; at least 1 is needed"),
        (preparing(mean=(0.0, 0.0)), r"mean must be three finite numbers, not \(0.0, 0.0\)"),
        (preparing(std=(1.0, 0.0, 1.0)), "std must be above zero"),
        (type("NotRecord", (Means,), {"preprocessing": 6}), "6, which is not a Preprocessing"),
        (type("NoVersion", (Means,), {"version": ""}), "its version must be a non-empty string"),
    ],
)
def test_faults_are_reported(target: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message) as error:
        check_backbone(plugin(target))
    assert "odd" in str(error.value)


def test_a_name_may_begin_with_a_library() -> None:
    check_backbone(replace(plugin(Means), name="library:net_18.v2"))
    for name in ("library:", ":net", "a:b:c", "checkpoint:digits", "Library:net"):
        with pytest.raises(AssertionError, match="is not a valid name"):
            check_backbone(replace(plugin(Means), name=name))
