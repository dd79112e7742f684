"""check_learner passes a valid learner and reports each kind of fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from nextlabel.contracts import (
    Items,
    Learner,
    LearnerPlugin,
    Model,
    Outputs,
    Targets,
    Training,
    VectorInput,
    VectorItems,
)
from nextlabel.contracts.errors import Unprocessable
from nextlabel.testing import check_learner


class Nearest(Model):
    """The probability of a class decreases with the distance from the mean of its items."""

    def __init__(self, means: np.ndarray) -> None:
        self.means = means
        self.input = VectorInput(means.shape[1])

    def predict(self, items: Items, needs: Any, rng: np.random.Generator) -> Outputs:
        distances = ((items.vectors[:, None] - self.means) ** 2).sum(axis=2)
        weights = np.exp(-distances / 10) + 1e-6
        rows = weights / weights.sum(axis=1, keepdims=True)
        return Outputs(probabilities=rows, embeddings=rows if "embeddings" in needs else None)

    def tensors(self) -> Mapping[str, np.ndarray]:
        return {"means": self.means}

    def description(self) -> Mapping[str, Any]:
        return {"classes": len(self.means)}


class Valid(Learner[Any]):
    model: type[Nearest] = Nearest

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        if not isinstance(items, VectorItems) or targets.candidates is None:
            raise Unprocessable("classes of vectors only")
        weights = targets.candidates * targets.labelled[:, None] + 1e-3
        training.progress(0.5, {})
        training.progress(1.0, {"loss": 0.1})
        return self.model((weights.T @ items.vectors) / weights.sum(axis=0)[:, None])

    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Model:
        return self.model(tensors["means"])


class NoProgress(Valid):
    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        return super().fit(items, targets, replace(training, progress=lambda share, metrics: None))


def reporting(*shares: float, loss: float = 0.0) -> type[Valid]:
    """Return a learner that reports these shares as progress."""

    class Reporting(Valid):
        def fit(self, items: Items, targets: Targets, training: Training) -> Model:
            model = super().fit(items, targets, replace(training, progress=lambda share, metrics: None))
            for share in shares:
                training.progress(share, {"loss": loss})
            return model

    return Reporting


class Unseeded(Valid):
    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        model = super().fit(items, targets, training)
        model.means += np.random.default_rng().normal(size=model.means.shape)
        return model


class GlobalDraws(Valid):
    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        np.random.seed(training.seed)  # noqa: NPY002 - the fault
        return super().fit(items, targets, training)


class Writes(Valid):
    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        if isinstance(items, VectorItems) and targets.candidates is not None and training.seed:
            items.vectors[:] = 0
        return super().fit(items, targets, training)


class Divides(Valid):
    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        model = super().fit(items, targets, training)
        1 / int(targets.labelled.sum())
        return model


class RefusesManyLabels(Valid):
    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        if targets.labelled.all():
            raise Unprocessable("too many labels")
        return super().fit(items, targets, training)


class FullOnly(Valid):
    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        if targets.candidates is not None and (targets.labelled & (targets.candidates.sum(axis=1) > 1)).any():
            raise Unprocessable("full labels only")
        return super().fit(items, targets, training)


class NeedsTwoLabels(Valid):
    """Refuses fewer than two full labels."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        if targets.candidates is not None and (targets.candidates.sum(axis=1) == 1).sum() < 2:
            raise Unprocessable("at least two full labels are needed")
        return super().fit(items, targets, training)


class GivesNoReason(Valid):
    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        if not targets.labelled.any():
            raise Unprocessable("")
        return super().fit(items, targets, training)


class StartsBadly(Valid):
    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        if training.start is not None:
            raise KeyError("weights")
        return super().fit(items, targets, training)


class Resumes(Valid):
    """Writes how far it is to its folder, and continues from there."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        marker = None if training.folder is None else training.folder / "half"
        resumed = marker is not None and marker.exists()
        if marker is not None:
            marker.touch()
        return self.end(super().fit(items, targets, training), resumed)

    def end(self, model: Nearest, resumed: bool) -> Nearest:
        return model


class FailsToResume(Resumes):
    def end(self, model: Nearest, resumed: bool) -> Nearest:
        if resumed:
            raise EOFError("half a file")
        return model


class Forgets(Valid):
    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Model:
        return self.model(tensors["means"] * 0)


class GivesList(Valid):
    def fit(self, items: Items, targets: Targets, training: Training) -> Any:
        return [super().fit(items, targets, training)]


class Doubled(Nearest):
    def predict(self, items: Items, needs: Any, rng: np.random.Generator) -> Outputs:
        return Outputs(probabilities=2 * super().predict(items, needs, rng).probabilities)


class MissingRow(Nearest):
    def predict(self, items: Items, needs: Any, rng: np.random.Generator) -> Outputs:
        return Outputs(probabilities=super().predict(items, needs, rng).probabilities[:-1])


class NoOutputs(Nearest):
    def predict(self, items: Items, needs: Any, rng: np.random.Generator) -> Outputs:
        return super().predict(items, needs, rng) if needs else Outputs()


class DependsOnNeeds(Nearest):
    def predict(self, items: Items, needs: Any, rng: np.random.Generator) -> Outputs:
        rows = super().predict(items, needs, rng).probabilities
        return Outputs(probabilities=rows if needs else rows[:, ::-1])


class BatchWise(Nearest):
    def predict(self, items: Items, needs: Any, rng: np.random.Generator) -> Outputs:
        centred = items.vectors - items.vectors.mean(axis=0) if len(items) else items.vectors
        return super().predict(VectorItems(centred), needs, rng)


class NotJson(Nearest):
    def description(self) -> Mapping[str, Any]:
        return {"means": self.means}


class Lists(Nearest):
    def tensors(self) -> Any:
        return {"means": self.means.tolist()}


class Narrow(Nearest):
    def __init__(self, means: np.ndarray) -> None:
        super().__init__(means)
        self.input = VectorInput(1)


class PoolOnly(Nearest):
    def __init__(self, means: np.ndarray) -> None:
        super().__init__(means)
        self.input = None


class FlatSamples(Nearest):
    def predict(self, items: Items, needs: Any, rng: np.random.Generator) -> Outputs:
        outputs = super().predict(items, needs, rng)
        return replace(outputs, samples=outputs.probabilities)


class ClaimsOnnx(Nearest):
    def write_onnx(self, path: Path) -> bool:
        return True


def writing(
    name: str = "probabilities", value: float = 1 / 3, input_name: str = "input", also: tuple[str, ...] = ()
) -> type[Nearest]:
    """Return a model whose ONNX form gives the same value for everything, under each of the names."""

    class Writing(Nearest):
        def write_onnx(self, path: Path) -> bool:
            width, classes = self.input.dimensions, len(self.means)
            weights = [
                helper.make_tensor("w", TensorProto.FLOAT, [width, classes], [0.0] * width * classes),
                helper.make_tensor("b", TensorProto.FLOAT, [classes], [value] * classes),
            ]
            graph = helper.make_graph(
                [
                    helper.make_node("Gemm", [input_name, "w", "b"], [name]),
                    *(helper.make_node("Identity", [name], [other]) for other in also),
                ],
                "constant",
                [helper.make_tensor_value_info(input_name, TensorProto.FLOAT, ["n", width])],
                [helper.make_tensor_value_info(out, TensorProto.FLOAT, ["n", classes]) for out in (name, *also)],
                weights,
            )
            onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
            return True

    return Writing


class Even(writing()):
    def predict(self, items: Items, needs: Any, rng: np.random.Generator) -> Outputs:
        return Outputs(probabilities=np.full((len(items), len(self.means)), 1 / 3))


class ExtraOutput(writing(also=("embeddings",)), Even):
    """Its ONNX form has the required output and another one."""


class Sampling(Nearest):
    """Returns five samples although they were not requested."""

    def predict(self, items: Items, needs: Any, rng: np.random.Generator) -> Outputs:
        outputs = super().predict(items, needs, rng)
        return replace(outputs, samples=np.stack([outputs.probabilities] * 5))


def with_model(model: type[Nearest]) -> type[Valid]:
    return type("WithModel", (Valid,), {"model": model})


def plugin(target: Any, **fields: Any) -> LearnerPlugin:
    return LearnerPlugin(**{"name": "odd", "summary": "one line", "target": target, **fields})


@pytest.mark.parametrize("target", [Valid, NeedsTwoLabels, Resumes, with_model(Even), with_model(Sampling)])
def test_a_valid_learner_passes(target: Any) -> None:
    check_learner(plugin(target))
    check_learner(plugin(target), kinds=["vectors"])
    check_learner(plugin(target), kinds=["vectors"], task="classification")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (NoProgress, "never called training.progress"),
        (reporting(0.5, 0.4, 1.0), "progress decreased"),
        (reporting(0.5), "ended at 0.5 instead of 1.0"),
        (reporting(1.0, 50.0), "progress outside 0..1"),
        (reporting(1.0, loss=float("nan")), "a metric must be a name and a finite number"),
        (Unseeded, "the same seed gives another model"),
        (GlobalDraws, "changes the global random generator of numpy"),
        (Writes, "modifies the arrays that it receives"),
        (Divides, "no label at all: raised ZeroDivisionError"),
        (RefusesManyLabels, "every item labelled: it refuses labels it could learn from: too many labels"),
        (FullOnly, "full and partial labels: it refuses labels it could learn from: full labels only"),
        (GivesNoReason, "raises Unprocessable without a reason"),
        (StartsBadly, "started from another model: raised KeyError"),
        (FailsToResume, "with a folder: raised EOFError: half a file"),
        (Forgets, "rebuilt from tensors and description gives other outputs"),
        (GivesList, r"fit\(\) returned list, which is not a Model"),
        (with_model(Doubled), "rows of probabilities do not sum to one"),
        (with_model(MissingRow), r"probabilities have shape \(41, 3\), not \(42, 3\)"),
        (with_model(NoOutputs), r"predict\(\) must always return probabilities; without needs it returned nothing"),
        (with_model(DependsOnNeeds), "returns other outputs if there are more needs"),
        (with_model(BatchWise), "returns other outputs for 5 items alone"),
        (with_model(NotJson), r"description\(\) is not plain JSON"),
        (with_model(Lists), r"tensors\(\) must return numpy arrays"),
        (with_model(Narrow), "but vectors have 4 numbers"),
        (with_model(PoolOnly), "the record must declare transductive"),
        (with_model(FlatSamples), r"samples have shape \(42, 3\), not \(T, 42, 3\)"),
        (with_model(ClaimsOnnx), r"write_onnx\(\) returned True, but the file does not exist"),
        (with_model(writing()), "the ONNX model's probabilities differ by .* from the model's"),
        (with_model(writing(name="scores")), "the ONNX form must return probabilities, not scores"),
        (with_model(ExtraOutput), "the ONNX form must return probabilities, not probabilities, embeddings"),
        (with_model(writing(input_name="x")), r"inputs are \['x'\], not \['input'\]"),
    ],
)
def test_faults_are_reported(target: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message) as error:
        check_learner(plugin(target), kinds=["vectors"], task="classification")
    assert str(error.value).startswith("odd, classification of vectors")


def test_an_inductive_model_must_not_be_declared_transductive() -> None:
    with pytest.raises(AssertionError, match="declares transductive, but its model neither sets fitted nor has input"):
        check_learner(plugin(Valid, transductive=True), kinds=["vectors"])


class Knows(Nearest):
    """Predicts the items that it was fitted with from a table."""

    table: np.ndarray

    def predict_fitted(self, needs: Any, rng: np.random.Generator) -> Outputs:
        return Outputs(probabilities=self.table, embeddings=self.table if "embeddings" in needs else None)

    def tensors(self) -> Mapping[str, np.ndarray]:
        return {"means": self.means, "table": self.table}


class Forgets(Knows):
    """Loses the table when it is stored."""

    def tensors(self) -> Mapping[str, np.ndarray]:
        return {"means": self.means, "table": self.table * 0 + 1 / 3}


class FewClasses(Knows):
    def predict_fitted(self, needs: Any, rng: np.random.Generator) -> Outputs:
        rows = np.full((self.fitted, 2), 0.5)
        return Outputs(probabilities=rows, embeddings=rows if "embeddings" in needs else None)


class NoFittedEmbeddings(Knows):
    def predict_fitted(self, needs: Any, rng: np.random.Generator) -> Outputs:
        return Outputs(probabilities=self.table)


def knowing(kind: type[Knows], missing: int = 0) -> type[Valid]:
    """Return a learner whose model also knows the items that it was fitted with, or `missing` fewer."""

    class Knowing(Valid):
        model = kind

        def fit(self, items: Items, targets: Targets, training: Training) -> Model:
            model = super().fit(items, targets, training)
            assert isinstance(model, kind)
            assert targets.candidates is not None
            model.table = targets.candidates / targets.candidates.sum(axis=1, keepdims=True)
            model.fitted = len(model.table) - missing
            return model

        def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Model:
            model = kind(tensors["means"])
            model.table, model.fitted = tensors["table"], len(tensors["table"])
            return model

    return Knowing


def test_a_model_may_know_its_pool_and_predict_new_content() -> None:
    check_learner(plugin(knowing(Knows), transductive=True), kinds=["vectors"], task="classification")


@pytest.mark.parametrize(
    ("target", "transductive", "message"),
    [
        (knowing(Knows), False, "its model sets fitted; the record must declare transductive"),
        (knowing(Forgets), True, "rebuilt from tensors and description gives other outputs"),
        (knowing(FewClasses), True, r"probabilities have shape \(42, 2\), not \(42, 3\)"),
        (
            knowing(NoFittedEmbeddings),
            True,
            r"predict_fitted\(\) returned probabilities, and predict\(\) prob.*, embed",
        ),
        (knowing(Knows, missing=-1), True, "fitted to 43 items, but was given 42"),
        (knowing(Knows, missing=1), True, r"probabilities have shape \(42, 3\), not \(41, 3\)"),
    ],
)
def test_faults_of_fitted_models_are_reported(target: Any, transductive: bool, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_learner(plugin(target, transductive=transductive), kinds=["vectors"], task="classification")


def test_required_tasks_must_be_learnt() -> None:
    for kinds, task in ((["images"], None), (["vectors", "images"], None), (["vectors"], "regression")):
        with pytest.raises(AssertionError, match="classes of vectors only"):
            check_learner(plugin(Valid), kinds=kinds, task=task)
    with pytest.raises(AssertionError, match="no kind of items 'sounds'; valid: images, vectors, graph"):
        check_learner(plugin(Valid), kinds=["sounds"])


class Flat(Nearest):
    """A regression model that predicts the same mean and standard deviation for everything."""

    std = 1.0

    def predict(self, items: Items, needs: Any, rng: np.random.Generator) -> Outputs:
        return Outputs(mean=np.full(len(items), self.means[0, 0]), std=np.full(len(items), self.std))


class Mean(Valid):
    model: type[Nearest] = Flat

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        if not isinstance(items, VectorItems) or targets.values is None or not targets.labelled.any():
            raise Unprocessable("values of vectors only")
        training.progress(1.0, {})
        return self.model(np.full((1, items.vectors.shape[1]), np.nanmean(targets.values)))


def test_regression() -> None:
    check_learner(plugin(Mean), kinds=["vectors"], task="regression")
    below = type("Below", (Mean,), {"model": type("BelowModel", (Flat,), {"std": -1.0})})
    with pytest.raises(AssertionError, match="a standard deviation is below zero"):
        check_learner(plugin(below), kinds=["vectors"], task="regression")
