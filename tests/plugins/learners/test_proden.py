"""The learner `proden`: accuracy, invalid inputs, warm start and rebuilding."""

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

QUICK = ProdenParameters(epochs=1, min_steps=3, filters=4)
LEARNING = ProdenParameters(epochs=4, min_steps=150, filters=16, batch_size=64)


@pytest.fixture(scope="module")
def digits() -> tuple[PixelItems, np.ndarray]:
    contents = Digits(DigitsParameters()).read(None, 0)
    chosen = np.random.default_rng(0).permutation(1797)[:1000]
    return PixelItems(contents.content.array[chosen]), contents.truth[chosen]


def targets(truth: np.ndarray, labelled: int, rate: float = 0.0) -> Targets:
    """Return sets: truth and, with chance `rate`, other classes for the first `labelled` items, else all classes."""
    candidates = np.random.default_rng(0).random((len(truth), 10)) < rate
    candidates[np.arange(len(truth)), truth] = True
    candidates[labelled:] = True
    return Targets(candidates=candidates)


def accuracy(model: object, items: PixelItems, truth: np.ndarray) -> float:
    outputs = model.predict(items.take(np.arange(500, 1000)), frozenset(), np.random.default_rng(0))
    return float((outputs.probabilities.argmax(axis=1) == truth[500:]).mean())


OWN: dict[str, dict[str, Any]] = {
    "fast": {},
    "mlp": {"filters": 64, "learning_rate": 0.05, "shift": 0.0},
    "convnet12": {"filters": 16, "learning_rate": 0.05, "min_steps": 400},
    "resnet18": {"filters": 8, "learning_rate": 0.05},
}


@pytest.mark.parametrize("network", OWN)
@pytest.mark.parametrize("consistency", [False, True])
def test_it_learns_from_partial_labels_alone(
    digits: tuple[PixelItems, np.ndarray], network: str, consistency: bool
) -> None:
    items, truth = digits
    parameters = replace(LEARNING, network=network, consistency=consistency, **OWN[network])
    model = Proden(parameters).fit(items, targets(truth, 500, 0.3), Training(0))
    assert accuracy(model, items, truth) > 0.8  # "fast" reaches 0.846 on a processor without bfloat16


def test_each_image_is_trained_with_its_own_set(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    mixed = targets(truth, 500, 0.3)
    mixed.candidates[:500:2] = True  # every other item is unlabelled
    model = Proden(replace(LEARNING, network="mlp", **OWN["mlp"])).fit(items, mixed, Training(0))
    assert accuracy(model, items, truth) > 0.75


def test_unlabelled_items_are_left_out_by_default(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    labelled_only = Proden(QUICK).fit(items.take(np.arange(20)), targets(truth[:20], 20), Training(0))
    all_items = Proden(QUICK).fit(items, targets(truth, 20), Training(0))
    with_unlabelled = Proden(replace(QUICK, use_unlabelled=True)).fit(items, targets(truth, 20), Training(0))
    for name, tensor in labelled_only.tensors().items():
        np.testing.assert_array_equal(tensor, all_items.tensors()[name])
    assert any(
        not np.array_equal(tensor, with_unlabelled.tensors()[name]) for name, tensor in labelled_only.tensors().items()
    )


def test_invalid_inputs_are_refused(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    with pytest.raises(Unprocessable, match="no label to learn from"):
        Proden(QUICK).fit(items, targets(truth, 0), Training(0))
    with pytest.raises(Unprocessable, match="classes of images"):
        Proden(QUICK).fit(items, Targets(values=truth.astype(np.float64)), Training(0))
    with pytest.raises(Unprocessable, match="classes of images"):
        Proden(QUICK).fit(VectorItems(np.zeros((1000, 2), np.float32)), targets(truth, 9), Training(0))
    with pytest.raises(Unprocessable, match=r"`proden` does not use \[learner\] features"):
        Proden(QUICK).fit(items, targets(truth, 9), Training(0, features=lambda: np.zeros((1000, 2))))
    with pytest.raises(Unprocessable, match="`progressive_resize` needs"):
        Proden(replace(QUICK, network="mlp", progressive_resize=True)).fit(items, targets(truth, 9), Training(0))


def test_it_continues_from_a_model_of_the_same_shape(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    earlier = Proden(LEARNING).fit(items, targets(truth, 500), Training(0))
    few = targets(truth, 30)
    assert earlier.trained_items == 500
    from_scratch = Proden(QUICK).fit(items, few, Training(0))
    continued = Proden(replace(QUICK, filters=16)).fit(items, few, Training(0, start=earlier))
    assert accuracy(continued, items, truth) > accuracy(from_scratch, items, truth) + 0.2
    assert accuracy(continued, items, truth) > accuracy(earlier, items, truth) - 0.03
    assert continued.trained_items == 500
    other_shape = Proden(replace(QUICK, filters=5)).fit(items, few, Training(0, start=earlier))
    assert other_shape.network.shape.filters == 5  # trained from scratch


def test_more_items_than_before_are_trained_from_scratch(
    digits: tuple[PixelItems, np.ndarray],
) -> None:
    items, truth = digits
    earlier = Proden(QUICK).fit(items, targets(truth, 30), Training(0))
    with_start, without = (
        Proden(QUICK).fit(items, targets(truth, 31), Training(0, start=start)) for start in (earlier, None)
    )
    for name, tensor in with_start.tensors().items():
        np.testing.assert_array_equal(tensor, without.tensors()[name])


def test_a_rebuilt_model_predicts_the_same(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    learner = Proden(replace(QUICK, tta="flip-shift", image_size=16))
    model = learner.fit(items, targets(truth, 50), Training(0))
    assert model.input == ImageInput(16, 16, 1)
    rebuilt = learner.rebuild(model.description(), model.tensors())
    expected, actual = (m.predict(items, frozenset({"embeddings"}), np.random.default_rng(0)) for m in (model, rebuilt))
    np.testing.assert_array_equal(actual.probabilities, expected.probabilities)
    np.testing.assert_array_equal(actual.embeddings, expected.embeddings)


def test_parameters_are_checked() -> None:
    assert validate(ProdenParameters, {}, "[learner]") == ProdenParameters()
    with pytest.raises(ProjectError) as error:
        validate(ProdenParameters, {"network": "vgg", "target_momentum": 1.0, "epoch": 3}, "[learner]")
    for part in ("network", "target_momentum", "did you mean 'epochs'"):
        assert part in str(error.value)
