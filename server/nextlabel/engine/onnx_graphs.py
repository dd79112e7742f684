"""Opens ONNX graphs and joins them: pixels to a backbone's input, and a backbone to a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nextlabel.contracts.interfaces import Preprocessing

INPUT, EMBEDDINGS = "input", "embeddings"
_NORMALIZED = "nextlabel.normalized"


def open_session(path: Path) -> tuple[list[str], Any]:
    """Return the names of a graph's outputs, and an ONNX Runtime session that uses one thread per call."""
    from onnxruntime import InferenceSession, SessionOptions  # noqa: PLC0415 - the first prediction loads it

    options = SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return [output.name for output in session.get_outputs()], session


def prepend_preprocessing(path: Path, preprocessing: Preprocessing) -> None:
    """Change a backbone's graph in place: its input becomes uint8 (n, height, width, 3)."""
    import onnx  # noqa: PLC0415 - only a job that prepares a backbone, or an export, needs it
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415 - as above

    model = onnx.load(path)
    graph = model.graph
    _rename(graph, INPUT, _NORMALIZED)
    mean, std = (np.array(value, np.float32).reshape(1, 3, 1, 1) for value in (preprocessing.mean, preprocessing.std))
    names = [f"nextlabel.{step}" for step in ("float", "planes", "centred")]
    nodes = [
        helper.make_node("Cast", [INPUT], [names[0]], to=TensorProto.FLOAT),
        helper.make_node("Transpose", [names[0]], [names[1]], perm=[0, 3, 1, 2]),
        helper.make_node("Sub", [names[1], "nextlabel.mean"], [names[2]]),
        helper.make_node("Div", [names[2], "nextlabel.std"], [_NORMALIZED]),
        *graph.node,
    ]
    sides = [preprocessing.size] * 2 if preprocessing.crop else ["height", "width"]
    del graph.node[:], graph.input[:]
    graph.node.extend(nodes)
    graph.input.append(helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["n", *sides, 3]))
    graph.initializer.extend(
        [numpy_helper.from_array(mean, "nextlabel.mean"), numpy_helper.from_array(std, "nextlabel.std")]
    )
    onnx.checker.check_model(model)
    onnx.save(model, path)


def compose(backbone: Path, model: Path) -> Any:
    """Return the graph of a backbone followed by that of a model that takes its embeddings, as a ModelProto."""
    import onnx  # noqa: PLC0415 - as above
    from onnx import compose, version_converter  # noqa: PLC0415 - as above

    parts = [onnx.load(backbone), onnx.load(model)]
    opset = max(_opset(part) for part in parts)
    parts = [part if _opset(part) == opset else version_converter.convert_version(part, opset) for part in parts]
    for part in parts:
        part.ir_version = max(other.ir_version for other in parts)
    outputs = [output.name for output in parts[1].graph.output]
    joined = compose.merge_models(
        parts[0],
        parts[1],
        io_map=[(EMBEDDINGS, INPUT)],
        outputs=[f"model.{name}" for name in outputs],
        prefix1="backbone.",
        prefix2="model.",
    )
    for old, new in ((f"backbone.{INPUT}", INPUT), *((f"model.{name}", name) for name in outputs)):
        _rename(joined.graph, old, new)
    return joined


def _opset(model: Any) -> int:
    return max(int(entry.version) for entry in model.opset_import if entry.domain in ("", "ai.onnx"))


def _rename(graph: Any, old: str, new: str) -> None:
    """Rename a value of a graph, and of the graphs inside its nodes."""
    for value in [*graph.input, *graph.output]:
        if value.name == old:
            value.name = new
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = new
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs] if attribute.type in _GRAPHS else []:
                _rename(inner, old, new)


_GRAPHS = (5, 10)
"""The types GRAPH and GRAPHS of an attribute."""
