"""One ONNX graph that averages the outputs of several, which share its input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto


def write_average(files: Sequence[Path], path: Path) -> bool:
    """Write a graph to `path` that averages the probabilities, or the means and variances, of the graphs in `files`.

    Returns False if they need operators of versions that do not go together.
    """
    import onnx  # noqa: PLC0415 - only the end of a training needs it
    from onnx import compose, helper  # noqa: PLC0415 - as above

    models = _same_versions([onnx.load(file) for file in files])
    if models is None:
        return False
    first = models[0]
    outputs = [output.name for output in first.graph.output]
    merged = helper.make_graph([], "committee", first.graph.input, first.graph.output)
    functions = []
    for number, model in enumerate(models):
        prefixed = compose.add_prefix(model, f"{number}.", rename_inputs=False)
        merged.node.extend(prefixed.graph.node)
        merged.initializer.extend(prefixed.graph.initializer)
        merged.sparse_initializer.extend(prefixed.graph.sparse_initializer)
        functions += list(prefixed.functions)
    merged.node.extend(_average(outputs, len(models)))
    imports = {entry.domain: entry.version for model in models for entry in model.opset_import}
    average = helper.make_model(
        merged,
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in imports.items()],
        ir_version=max(model.ir_version for model in models),
        functions=functions,
    )
    onnx.checker.check_model(average)
    onnx.save(average, path)
    return True


def _same_versions(models: list[ModelProto]) -> list[ModelProto] | None:
    """Return the models, all with the newest of their versions of each set of operators; None if that is impossible."""
    from onnx import version_converter  # noqa: PLC0415 - as above

    versions: dict[str, set[int]] = {}
    for model in models:
        for entry in model.opset_import:
            versions.setdefault(entry.domain, set()).add(entry.version)
    standard = versions.pop("", {1})
    if any(len(others) > 1 for others in versions.values()):
        return None
    if len(standard) == 1:
        return models
    try:
        return [version_converter.convert_version(model, max(standard)) for model in models]
    except (RuntimeError, version_converter.ConvertError) as error:  # an operator that cannot be converted
        print(f"the committee has no ONNX form: {error}", flush=True)  # noqa: T201 - the job's log
        return None


def _average(outputs: Sequence[str], count: int) -> list[NodeProto]:
    """Return the nodes that combine the outputs `0.<name>` to `<count - 1>.<name>`."""
    from onnx import helper  # noqa: PLC0415 - as above

    def node(kind: str, inputs: Sequence[str], output: str) -> NodeProto:
        return helper.make_node(kind, inputs, [output])

    def members(name: str) -> list[str]:
        return [f"{number}.{name}" for number in range(count)]

    if "probabilities" in outputs:
        return [node("Mean", members("probabilities"), "probabilities")]
    nodes = [node("Mean", members("mean"), "mean")]
    for number in range(count):
        nodes += [
            node("Sub", [f"{number}.mean", "mean"], f"{number}.difference"),
            node("Mul", [f"{number}.difference"] * 2, f"{number}.square"),
            node("Mul", [f"{number}.std"] * 2, f"{number}.variance"),
            node("Add", [f"{number}.square", f"{number}.variance"], f"{number}.spread"),
        ]
    return [*nodes, node("Mean", members("spread"), "variance"), node("Sqrt", ["variance"], "std")]
