"""The learner `cnn`: what it learns from, what it refuses, and that it is the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from nextlabel.contracts import ImageInput, Targets, Training, VectorItems
from nextlabel.contracts.errors import ProjectError, Unprocessable
from nextlabel.engine.images.image_items import JoinedItems, PixelItems
from nextlabel.engine.plugins.parameters import validate
from nextlabel_plugins.datasets.digits import Digits, DigitsParameters
from nextlabel_plugins.learners.cnn import CNN, CNNParameters

NONE = frozenset()
QUICK = CNNParameters(epochs=1, steps=5, filters=4)


@pytest.fixture(scope="module")
def digits() -> tuple[PixelItems, np.ndarray]:
    contents = Digits(DigitsParameters()).read(None, 0)
    # neighbours were written by one hand; what is learnt from some is tried on others
    drawn = np.random.default_rng(0).permutation(1797)[:1000]
    return PixelItems(contents.content.array[drawn]), contents.truth[drawn]


def sets(truth: np.ndarray, labelled: int, more: int = 0) -> np.ndarray:
    """Candidate sets: of the first `labelled` items the truth and `more` other classes, of the rest everything."""
    rng = np.random.default_rng(0)
    candidates = np.ones((len(truth), 10), np.bool_)
    for row in range(labelled):
        candidates[row] = False
        candidates[row, [truth[row], *rng.permutation(10)[:more]]] = True
    return candidates


def accuracy(model: object, items: PixelItems, truth: np.ndarray, rows: slice) -> float:
    said = model.predict(items.take(np.arange(len(truth))[rows]), NONE, np.random.default_rng(0))
    return float((said.probabilities.argmax(axis=1) == truth[rows]).mean())


def test_it_learns_digits_from_few_labels(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    model = CNN(CNNParameters()).fit(items, Targets(candidates=sets(truth, 80)), Training(0))
    assert accuracy(model, items, truth, slice(500, None)) > 0.88


def test_it_learns_from_partial_labels_alone(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    partial = sets(truth, 400, more=3)
    assert partial[:400].sum(axis=1).mean() > 3
    model = CNN(CNNParameters(epochs=1)).fit(items, Targets(candidates=partial), Training(0))
    assert accuracy(model, items, truth, slice(500, None)) > 0.9


def test_items_without_a_label_change_nothing(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    some = CNN(QUICK).fit(items.take(np.arange(20)), Targets(candidates=sets(truth, 20)[:20]), Training(0))
    all_ = CNN(QUICK).fit(items, Targets(candidates=sets(truth, 20)), Training(0))
    for name, tensor in some.tensors().items():
        np.testing.assert_array_equal(tensor, all_.tensors()[name])


def test_the_seed_decides_everything(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    targets = Targets(candidates=sets(truth, 30))
    one, again, other = (CNN(QUICK).fit(items, targets, Training(seed)) for seed in (2**63 - 1, 2**63 - 1, 1))
    for name, tensor in one.tensors().items():
        np.testing.assert_array_equal(tensor, again.tensors()[name])
    assert any(not np.array_equal(tensor, other.tensors()[name]) for name, tensor in one.tensors().items())


def test_no_label_is_refused(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    with pytest.raises(Unprocessable, match="no label to learn from"):
        CNN(QUICK).fit(items, Targets(candidates=sets(truth, 0)), Training(0))


def test_what_is_not_a_class_of_an_image_is_refused(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    with pytest.raises(Unprocessable, match="classes of images"):
        CNN(QUICK).fit(items, Targets(values=truth.astype(np.float64)), Training(0))
    with pytest.raises(Unprocessable, match="classes of images"):
        CNN(QUICK).fit(VectorItems(np.zeros((1000, 2), np.float32)), Targets(candidates=sets(truth, 9)), Training(0))


def test_one_class_is_answered_with_it(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, _ = digits
    candidates = np.ones((1000, 10), np.bool_)
    candidates[:20] = np.arange(10) == 3
    model = CNN(CNNParameters(steps=50, epochs=1)).fit(items, Targets(candidates=candidates), Training(0))
    assert (model.predict(items, NONE, np.random.default_rng(0)).probabilities.argmax(axis=1) == 3).all()


@pytest.mark.parametrize(("size", "expected"), [(0, (8, 8)), (12, (12, 12))])
def test_the_size_it_sees(digits: tuple[PixelItems, np.ndarray], size: int, expected: tuple[int, int]) -> None:
    items, truth = digits
    parameters = CNNParameters(epochs=1, steps=2, filters=2, size=size)
    model = CNN(parameters).fit(items, Targets(candidates=sets(truth, 5)), Training(0))
    assert model.input == ImageInput(*expected, 1)


def test_images_of_different_sizes_are_seen_at_64(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    colour = PixelItems(np.repeat(np.repeat(items.array[:20], 9, axis=1)[..., None], 3, axis=3))
    joined = JoinedItems([items.take(np.arange(20)), colour])
    candidates = sets(np.concatenate([truth[:20], truth[:20]]), 40)
    parameters = CNNParameters(epochs=1, steps=2, filters=2, flip=True)
    model = CNN(parameters).fit(joined, Targets(candidates=candidates), Training(0))
    assert model.input == ImageInput(64, 64, 3)
    assert model.predict(joined, NONE, np.random.default_rng(0)).probabilities.shape == (40, 10)


def test_parameters_are_checked() -> None:
    assert validate(CNNParameters, {}, "[learner]") == CNNParameters()
    with pytest.raises(ProjectError) as error:
        validate(CNNParameters, {"epochs": 0, "dropout": 1.0, "fliip": True}, "[learner]")
    for part in ("epochs", "dropout", "did you mean 'flip'"):
        assert part in str(error.value)
