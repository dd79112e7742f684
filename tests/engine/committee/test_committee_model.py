"""A committee predicts the mean of its members, and has one ONNX form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper, version_converter
from support.toy_learners import Linear, NoOnnx, Remembering, Table

from nextlabel.contracts import FloatArray, Items, Model, Outputs, VectorInput, VectorItems
from nextlabel.contracts.errors import PluginError, Unprocessable
from nextlabel.engine.committee import committee_model
from nextlabel.engine.committee.committee_model import Committee, member_tensors

RNG = np.random.default_rng(0)
ITEMS = VectorItems(RNG.normal(size=(7, 2)).astype(np.float32))
FIRST, SECOND = (Linear(RNG.normal(size=(3, 3)), VectorInput(2)) for _ in range(2))


class Line(Model):
    """Regression: the sum of a vector's numbers, shifted."""

    input = VectorInput(2)

    def __init__(self, shift: float, std: float, opset: int = 17, domain: str = "") -> None:
        self.shift, self.std, self.opset, self.domain = shift, std, opset, domain

    def predict(self, items: Items, needs: frozenset[str], rng: np.random.Generator) -> Outputs:
        assert isinstance(items, VectorItems)
        return Outputs(mean=items.vectors.sum(axis=1) + self.shift, std=np.full(len(items), self.std))

    def tensors(self) -> dict[str, Any]:
        return {"shift": np.array([self.shift])}

    def description(self) -> dict[str, Any]:
        return {}

    def write_onnx(self, path: Path) -> bool:
        new = self.opset >= 13  # since then the axes are an input
        axes = {} if new else {"axes": [1]}
        nodes = [
            helper.make_node("ReduceSum", ["input", "axes"] if new else ["input"], ["sum"], keepdims=0, **axes),
            helper.make_node("Add", ["sum", "shift"], ["mean"]),
            helper.make_node("Mul", ["sum", "zero"], ["nothing"]),
            helper.make_node("Add", ["nothing", "deviation"], ["std"]),
        ]
        numbers = {"shift": self.shift, "zero": 0.0, "deviation": self.std}
        constants = [numpy_helper.from_array(np.float32(number), name) for name, number in numbers.items()]
        if new:
            constants.append(numpy_helper.from_array(np.array([1]), "axes"))
        one = [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 2])]
        two = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("mean", "std")]
        graph = helper.make_graph(nodes, "line", one, two, constants)
        imports = [helper.make_opsetid("", self.opset)]
        if self.domain:
            imports.append(helper.make_opsetid("odd", int(self.domain)))
        onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), path)
        return True


def predict(model: Model, *needs: Any) -> Outputs:
    return model.predict(ITEMS, frozenset(needs), np.random.default_rng(1))


def probabilities(model: Model) -> FloatArray:
    found = predict(model).probabilities
    assert found is not None
    return found


def served(model: Model, path: Path) -> dict[str, FloatArray]:
    """The outputs of the ONNX form, by name."""
    assert model.write_onnx(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"input": ITEMS.vectors}), strict=True))


def test_probabilities_are_the_mean_and_samples_are_the_members() -> None:
    outputs = predict(Committee([FIRST, SECOND]), "samples")
    members = np.stack([probabilities(FIRST), probabilities(SECOND)])
    np.testing.assert_array_equal(outputs.samples, members)
    np.testing.assert_array_equal(outputs.probabilities, members.mean(axis=0))
    assert outputs.embeddings is None
    assert predict(Committee([FIRST, SECOND])).samples is None


class Bare(Linear):
    """Has no embeddings."""

    def predict(self, items: Items, needs: frozenset[str], rng: np.random.Generator) -> Outputs:
        return super().predict(items, frozenset(), rng)


def test_embeddings_are_those_of_the_first_member_that_has_any() -> None:
    committee = Committee([Bare(FIRST.weights, VectorInput(2)), SECOND, FIRST])
    np.testing.assert_array_equal(predict(committee, "embeddings").embeddings, predict(SECOND, "embeddings").embeddings)


def test_the_deviation_is_that_of_the_mixture() -> None:
    outputs = predict(Committee([Line(0, 1), Line(4, 2)]))
    assert outputs.mean is not None
    np.testing.assert_allclose(outputs.mean, ITEMS.vectors.sum(axis=1) + 2, rtol=1e-6)
    # draws of either member: variances 1 and 4, means 2 away from their mean
    np.testing.assert_allclose(outputs.std, np.sqrt((1 + 4) / 2 + 2**2))


def test_tensors_carry_the_number_of_their_member() -> None:
    tensors = Committee([FIRST, SECOND]).tensors()
    assert set(tensors) == {"0.weights", "1.weights"}
    np.testing.assert_array_equal(member_tensors(tensors, 1)["weights"], SECOND.weights)
    many = {f"{number}.w": np.array(number) for number in range(12)}
    assert member_tensors(many, 1) == {"w": 1}


# ------------------------------------------------------------------------------------- input


def test_members_must_take_the_same_input() -> None:
    other = Linear(RNG.normal(size=(4, 3)), VectorInput(3))
    with pytest.raises(Unprocessable, match=r"the first takes VectorInput\(dimensions=2\), and member 2 Vector.*=3"):
        Committee([FIRST, other])


def test_members_that_return_other_outputs_are_rejected() -> None:
    with pytest.raises(PluginError, match=r"returned probabilities of the shapes \[\(7, 3\), None\]"):
        predict(Committee([FIRST, Line(0, 1)]))


def test_a_committee_with_a_transductive_member_predicts_its_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committee_model, "_BATCH", 3)
    rows, known = (np.eye(3)[RNG.integers(0, 3, 7)] for _ in range(2))
    committee = Committee([FIRST, Table(rows), Remembering(SECOND, known)])
    assert (committee.inductive, committee.fitted) == (False, 0)
    outputs = predict(committee, "samples", "embeddings")
    assert outputs.samples is not None
    np.testing.assert_allclose(outputs.samples, np.stack([probabilities(FIRST), rows, known]), atol=1e-6)
    np.testing.assert_allclose(outputs.embeddings, predict(FIRST, "embeddings").embeddings, atol=1e-5)


def test_a_committee_is_fitted_if_all_members_are() -> None:
    tables = [np.eye(3)[RNG.integers(0, 3, 5)] for _ in range(2)]
    committee = Committee([Remembering(FIRST, tables[0]), Remembering(SECOND, tables[1])])
    assert (committee.input, committee.fitted) == (VectorInput(2), 5)
    fitted = committee.predict_fitted(frozenset({"samples"}), np.random.default_rng(0))
    np.testing.assert_array_equal(fitted.samples, np.stack(tables))
    np.testing.assert_array_equal(predict(committee).probabilities, predict(Committee([FIRST, SECOND])).probabilities)


# -------------------------------------------------------------------------------------- ONNX


def test_one_graph_holds_all_members(tmp_path: Path) -> None:
    committee = Committee([FIRST, SECOND, FIRST])
    outputs = served(committee, tmp_path / "model.onnx")
    assert set(outputs) == {"probabilities"}
    np.testing.assert_allclose(outputs["probabilities"], predict(committee).probabilities, atol=1e-6)


@pytest.mark.parametrize("opset", [12, 17])
def test_graphs_of_regressions_give_the_mixture(tmp_path: Path, opset: int) -> None:
    committee = Committee([Line(0, 1), Line(4, 2, opset), Line(1, 1)])
    outputs = served(committee, tmp_path / "model.onnx")
    expected = predict(committee)
    np.testing.assert_allclose(outputs["mean"], expected.mean, atol=1e-5)
    np.testing.assert_allclose(outputs["std"], expected.std, atol=1e-5)


def test_there_is_no_graph_if_a_member_has_none(tmp_path: Path) -> None:
    committee = Committee([FIRST, NoOnnx(SECOND.weights, VectorInput(2))])
    assert not committee.write_onnx(tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_there_is_no_graph_if_versions_of_operators_do_not_go_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.onnx"
    assert not Committee([Line(0, 1, domain="1"), Line(0, 1, domain="2")]).write_onnx(path)

    def refuse(*_: Any) -> None:
        raise version_converter.ConvertError("no adapter for Sum")

    monkeypatch.setattr(version_converter, "convert_version", refuse)
    assert not Committee([Line(0, 1, 12), Line(0, 1)]).write_onnx(path)
    assert "the committee has no ONNX form: no adapter for Sum" in capsys.readouterr().out
    assert not path.exists()
