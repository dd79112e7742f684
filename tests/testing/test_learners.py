"""The checks of learners: a sound one passes, and each way of being broken is caught and named."""

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
    """The probability of a class falls with the distance from the mean of its items."""

    def __init__(self, means: np.ndarray) -> None:
        self.means = means
        self.input = VectorInput(means.shape[1])

    def predict(self, items: Items, needs: Any, rng: np.random.Generator) -> Outputs:
        apart = ((items.vectors[:, None] - self.means) ** 2).sum(axis=2)
        weights = np.exp(-apart / 10) + 1e-6
        rows = weights / weights.sum(axis=1, keepdims=True)
        return Outputs(probabilities=rows, embeddings=rows if "embeddings" in needs else None)

    def tensors(self) -> Mapping[str, np.ndarray]:
        return {"means": self.means}

    def description(self) -> Mapping[str, Any]:
        return {"classes": len(self.means)}


class Sound(Learner[Any]):
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


class Quiet(Sound):
    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        return super().fit(items, targets, replace(training, progress=lambda share, metrics: None))


def telling(*shares: float, loss: float = 0.0) -> type[Sound]:
    """Return a learner that tells of these shares instead."""

    class Telling(Sound):
        def fit(self, items: Items, targets: Targets, training: Training) -> Model:
            model = super().fit(items, targets, replace(training, progress=lambda share, metrics: None))
            for share in shares:
                training.progress(share, {"loss": loss})
            return model

    return Telling


class Unseeded(Sound):
    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        model = super().fit(items, targets, training)
        model.means += np.random.default_rng().normal(size=model.means.shape)
        return model


class GlobalDraws(Sound):
    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        np.random.seed(training.seed)  # noqa: NPY002 - the fault
        return super().fit(items, targets, training)


class Writes(Sound):
    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        if isinstance(items, VectorItems) and targets.candidates is not None and training.seed:
            items.vectors[:] = 0
        return super().fit(items, targets, training)


class Divides(Sound):
    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        model = super().fit(items, targets, training)
        1 / int(targets.labelled.sum())
        return model


class Picky(Sound):
    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        if targets.labelled.all():
            raise Unprocessable("too many labels")
        return super().fit(items, targets, training)


class FullOnly(Sound):
    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        if targets.candidates is not None and (targets.labelled & (targets.candidates.sum(axis=1) > 1)).any():
            raise Unprocessable("full labels only")
        return super().fit(items, targets, training)


class Demanding(Sound):
    """Refuses what there is too little in: fewer than two full labels."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        if targets.candidates is not None and (targets.candidates.sum(axis=1) == 1).sum() < 2:
            raise Unprocessable("two full labels at least")
        return super().fit(items, targets, training)


class Wordless(Sound):
    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        if not targets.labelled.any():
            raise Unprocessable("")
        return super().fit(items, targets, training)


class StartsBadly(Sound):
    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        if training.start is not None:
            raise KeyError("weights")
        return super().fit(items, targets, training)


class Forgets(Sound):
    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Model:
        return self.model(tensors["means"] * 0)


class Impostor(Sound):
    def fit(self, items: Items, targets: Targets, training: Training) -> Any:
        return [super().fit(items, targets, training)]


class Doubled(Nearest):
    def predict(self, items: Items, needs: Any, rng: np.random.Generator) -> Outputs:
        return Outputs(probabilities=2 * super().predict(items, needs, rng).probabilities)


class Short(Nearest):
    def predict(self, items: Items, needs: Any, rng: np.random.Generator) -> Outputs:
        return Outputs(probabilities=super().predict(items, needs, rng).probabilities[:-1])


class Mute(Nearest):
    def predict(self, items: Items, needs: Any, rng: np.random.Generator) -> Outputs:
        return super().predict(items, needs, rng) if needs else Outputs()


class Fickle(Nearest):
    def predict(self, items: Items, needs: Any, rng: np.random.Generator) -> Outputs:
        said = super().predict(items, needs, rng).probabilities
        return Outputs(probabilities=said if needs else said[:, ::-1])


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
        said = super().predict(items, needs, rng)
        return replace(said, samples=said.probabilities)


class Claims(Nearest):
    def write_onnx(self, path: Path) -> bool:
        return True


def writing(
    name: str = "probabilities", answer: float = 1 / 3, put: str = "input", also: tuple[str, ...] = ()
) -> type[Nearest]:
    """Return a model that writes ONNX which answers the same of everything, under each of the names."""

    class Writing(Nearest):
        def write_onnx(self, path: Path) -> bool:
            width, classes = self.input.dimensions, len(self.means)
            weights = [
                helper.make_tensor("w", TensorProto.FLOAT, [width, classes], [0.0] * width * classes),
                helper.make_tensor("b", TensorProto.FLOAT, [classes], [answer] * classes),
            ]
            graph = helper.make_graph(
                [
                    helper.make_node("Gemm", [put, "w", "b"], [name]),
                    *(helper.make_node("Identity", [name], [other]) for other in also),
                ],
                "constant",
                [helper.make_tensor_value_info(put, TensorProto.FLOAT, ["n", width])],
                [helper.make_tensor_value_info(out, TensorProto.FLOAT, ["n", classes]) for out in (name, *also)],
                weights,
            )
            onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
            return True

    return Writing


class Even(writing()):
    def predict(self, items: Items, needs: Any, rng: np.random.Generator) -> Outputs:
        return Outputs(probabilities=np.full((len(items), len(self.means)), 1 / 3))


class OneMore(writing(also=("embeddings",)), Even):
    """Says right what it must, and more."""


class Sampling(Nearest):
    """Gives samples unasked, more of them than there are items, and fewer."""

    def predict(self, items: Items, needs: Any, rng: np.random.Generator) -> Outputs:
        said = super().predict(items, needs, rng)
        return replace(said, samples=np.stack([said.probabilities] * 5))


def with_model(model: type[Nearest]) -> type[Sound]:
    return type("WithModel", (Sound,), {"model": model})


def plugin(target: Any, **given: Any) -> LearnerPlugin:
    return LearnerPlugin(**{"name": "odd", "summary": "one line", "target": target, **given})


@pytest.mark.parametrize("target", [Sound, Demanding, with_model(Even), with_model(Sampling)])
def test_a_sound_learner_passes(target: Any) -> None:
    check_learner(plugin(target))
    check_learner(plugin(target), kinds=["vectors"])
    check_learner(plugin(target), kinds=["vectors"], task="classification")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Quiet, "never called training.progress"),
        (telling(0.5, 0.4, 1.0), "progress went back"),
        (telling(0.5), "ended at 0.5 instead of 1.0"),
        (telling(1.0, 50.0), "progress outside 0..1"),
        (telling(1.0, loss=float("nan")), "a metric must be a name and a finite number"),
        (Unseeded, "the same seed gives another model"),
        (GlobalDraws, "changes the global random generator of numpy"),
        (Writes, "writes into the arrays it was given"),
        (Divides, "no label at all: raised ZeroDivisionError"),
        (Picky, "every item labelled: it refuses labels it could learn from: too many labels"),
        (FullOnly, "full and partial labels: it refuses labels it could learn from: full labels only"),
        (Wordless, "raises Unprocessable and does not say why"),
        (StartsBadly, "started from another model: raised KeyError"),
        (Forgets, "rebuilt from tensors and description, it says something else"),
        (Impostor, r"fit\(\) gave list, which is not a Model"),
        (with_model(Doubled), "rows of probabilities do not sum to one"),
        (with_model(Short), r"probabilities have shape \(41, 3\), not \(42, 3\)"),
        (with_model(Mute), "must say probabilities whatever it is asked; it said nothing"),
        (with_model(Fickle), "says something else when it is asked for more"),
        (with_model(BatchWise), "says something else of 5 items taken out of the pool"),
        (with_model(NotJson), r"description\(\) is not plain JSON"),
        (with_model(Lists), r"tensors\(\) must give numpy arrays"),
        (with_model(Narrow), "where vectors have 4 numbers"),
        (with_model(PoolOnly), "the record must say transductive"),
        (with_model(FlatSamples), r"samples have shape \(42, 3\), not \(T, 42, 3\)"),
        (with_model(Claims), r"write_onnx\(\) gave True, and the file is not there"),
        (with_model(writing()), "the ONNX model's probabilities are .* from the model's own"),
        (with_model(writing(name="scores")), "the ONNX form must give probabilities, not scores"),
        (with_model(OneMore), "the ONNX form must give probabilities, not probabilities, embeddings"),
        (with_model(writing(put="x")), r"inputs are \['x'\], not \['input'\]"),
    ],
)
def test_what_is_broken_is_caught(target: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message) as error:
        check_learner(plugin(target), kinds=["vectors"], task="classification")
    assert str(error.value).startswith("odd, classification of vectors")


def test_a_record_must_not_say_transductive_of_an_inductive_model() -> None:
    with pytest.raises(AssertionError, match="its record says transductive, and its model takes new content"):
        check_learner(plugin(Sound, transductive=True), kinds=["vectors"])


def test_what_must_be_learnt_is_not_passed_over() -> None:
    for kinds, task in ((["images"], None), (["vectors", "images"], None), (["vectors"], "regression")):
        with pytest.raises(AssertionError, match="classes of vectors only"):
            check_learner(plugin(Sound), kinds=kinds, task=task)
    with pytest.raises(AssertionError, match="no kind of items 'sounds'; valid: images, vectors, graph"):
        check_learner(plugin(Sound), kinds=["sounds"])


class Flat(Nearest):
    """Regression: the same mean of everything, with a deviation."""

    std = 1.0

    def predict(self, items: Items, needs: Any, rng: np.random.Generator) -> Outputs:
        return Outputs(mean=np.full(len(items), self.means[0, 0]), std=np.full(len(items), self.std))


class Mean(Sound):
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
