"""The learner `proden`: what it learns from, what it refuses, and what it starts from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nextlabel.contracts import ImageInput, Targets, Training, VectorItems
from nextlabel.contracts.errors import ProjectError, Unprocessable
from nextlabel.engine.images.image_items import PixelItems
from nextlabel.engine.plugins.parameters import validate
from nextlabel_plugins.datasets.digits import Digits, DigitsParameters
from nextlabel_plugins.learners.proden import Proden, ProdenParameters

QUICK = ProdenParameters(epochs=1, steps=3, filters=4)
LEARNING = ProdenParameters(epochs=4, steps=150, filters=16, batch=64)


@pytest.fixture(scope="module")
def digits() -> tuple[PixelItems, np.ndarray]:
    contents = Digits(DigitsParameters()).read(None, 0)
    drawn = np.random.default_rng(0).permutation(1797)[:1000]
    return PixelItems(contents.content.array[drawn]), contents.truth[drawn]


def targets(truth: np.ndarray, labelled: int, rate: float = 0.0) -> Targets:
    """Of the first `labelled` items the truth and each other class with probability `rate`; of the rest everything."""
    candidates = np.random.default_rng(0).random((len(truth), 10)) < rate
    candidates[np.arange(len(truth)), truth] = True
    candidates[labelled:] = True
    return Targets(candidates=candidates)


def accuracy(model: object, items: PixelItems, truth: np.ndarray) -> float:
    said = model.predict(items.take(np.arange(500, 1000)), frozenset(), np.random.default_rng(0))
    return float((said.probabilities.argmax(axis=1) == truth[500:]).mean())


OWN: dict[str, dict[str, Any]] = {
    "fast": {},
    "mlp": {"filters": 64, "rate": 0.05, "shift": 0.0},
    "convnet12": {"filters": 16, "rate": 0.05, "steps": 400},
    "resnet18": {"filters": 8, "rate": 0.05},
}


@pytest.mark.parametrize("network", OWN)
@pytest.mark.parametrize("consistency", [False, True])
def test_it_learns_from_partial_labels_alone(
    digits: tuple[PixelItems, np.ndarray], network: str, consistency: bool
) -> None:
    items, truth = digits
    parameters = replace(LEARNING, network=network, consistency=consistency, **OWN[network])
    model = Proden(parameters).fit(items, targets(truth, 500, 0.3), Training(0))
    assert accuracy(model, items, truth) > 0.85


def test_each_image_is_learnt_with_its_own_set(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    given = targets(truth, 500, 0.3)
    given.candidates[:500:2] = True  # labelled and not, by turns
    model = Proden(replace(LEARNING, network="mlp", **OWN["mlp"])).fit(items, given, Training(0))
    assert accuracy(model, items, truth) > 0.75


def test_unlabelled_items_are_left_out_unless_asked_for(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    some = Proden(QUICK).fit(items.take(np.arange(20)), targets(truth[:20], 20), Training(0))
    all_ = Proden(QUICK).fit(items, targets(truth, 20), Training(0))
    asked = Proden(replace(QUICK, unlabelled=True)).fit(items, targets(truth, 20), Training(0))
    for name, tensor in some.tensors().items():
        np.testing.assert_array_equal(tensor, all_.tensors()[name])
    assert any(not np.array_equal(tensor, asked.tensors()[name]) for name, tensor in some.tensors().items())


def test_what_it_cannot_learn_from_is_refused(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    with pytest.raises(Unprocessable, match="no label to learn from"):
        Proden(QUICK).fit(items, targets(truth, 0), Training(0))
    with pytest.raises(Unprocessable, match="classes of images"):
        Proden(QUICK).fit(items, Targets(values=truth.astype(np.float64)), Training(0))
    with pytest.raises(Unprocessable, match="classes of images"):
        Proden(QUICK).fit(VectorItems(np.zeros((1000, 2), np.float32)), targets(truth, 9), Training(0))
    with pytest.raises(Unprocessable, match="`growth` needs"):
        Proden(replace(QUICK, network="mlp", growth=True)).fit(items, targets(truth, 9), Training(0))


def test_it_starts_from_a_model_of_its_own_shape(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    learnt = Proden(LEARNING).fit(items, targets(truth, 500), Training(0))
    few = targets(truth, 30)
    assert learnt.learnt == 500
    afresh = Proden(QUICK).fit(items, few, Training(0))
    further = Proden(replace(QUICK, filters=16)).fit(items, few, Training(0, start=learnt))
    assert accuracy(further, items, truth) > accuracy(afresh, items, truth) + 0.2
    assert accuracy(further, items, truth) > accuracy(learnt, items, truth) - 0.03
    assert further.learnt == 500
    other = Proden(replace(QUICK, filters=5)).fit(items, few, Training(0, start=learnt))
    assert other.network.shape.filters == 5  # another shape: afresh


def test_it_starts_afresh_where_there_is_more_to_learn_from_than_before(
    digits: tuple[PixelItems, np.ndarray],
) -> None:
    items, truth = digits
    before = Proden(QUICK).fit(items, targets(truth, 30), Training(0))
    one, other = (Proden(QUICK).fit(items, targets(truth, 31), Training(0, start=start)) for start in (before, None))
    for name, tensor in one.tensors().items():
        np.testing.assert_array_equal(tensor, other.tensors()[name])


def test_rebuilt_it_answers_the_same_with_its_views(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    learner = Proden(replace(QUICK, averaging="flip-shift", size=16))
    model = learner.fit(items, targets(truth, 50), Training(0))
    assert model.input == ImageInput(16, 16, 1)
    again = learner.rebuild(model.description(), model.tensors())
    one, other = (m.predict(items, frozenset({"embeddings"}), np.random.default_rng(0)) for m in (model, again))
    np.testing.assert_array_equal(one.probabilities, other.probabilities)
    np.testing.assert_array_equal(one.embeddings, other.embeddings)


def test_parameters_are_checked() -> None:
    assert validate(ProdenParameters, {}, "[learner]") == ProdenParameters()
    with pytest.raises(ProjectError) as error:
        validate(ProdenParameters, {"network": "vgg", "momentum": 1.0, "epoch": 3}, "[learner]")
    for part in ("network", "momentum", "did you mean 'epochs'"):
        assert part in str(error.value)
