"""The learner `cnn`: accuracy, invalid inputs, reproducibility and input sizes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nextlabel.contracts import ImageInput, Model, Targets, Training, VectorItems
from nextlabel.contracts.errors import ProjectError, Unprocessable
from nextlabel.engine.images.image_items import JoinedItems, PixelItems
from nextlabel.engine.plugins.parameters import validate
from nextlabel.store.checkpoint_files import (
    read_training_state,
    read_weights,
    write_card,
    write_training_state,
    write_weights,
)
from nextlabel_plugins.datasets.digits import Digits, DigitsParameters
from nextlabel_plugins.learners.cnn import CNN, CNNParameters

NONE = frozenset()
QUICK = CNNParameters(epochs=1, min_steps=5, filters=4)


@pytest.fixture(scope="module")
def digits() -> tuple[PixelItems, np.ndarray]:
    contents = Digits(DigitsParameters()).read(None, 0)
    # successive digits were written by one person: shuffle, so that training and test digits have all writers
    chosen = np.random.default_rng(0).permutation(1797)[:1000]
    return PixelItems(contents.content.array[chosen]), contents.truth[chosen]


def sets(truth: np.ndarray, labelled: int, more: int = 0) -> np.ndarray:
    """Return sets: the truth and `more` other classes for the first `labelled` items, all classes for the rest."""
    rng = np.random.default_rng(0)
    candidates = np.ones((len(truth), 10), np.bool_)
    for row in range(labelled):
        candidates[row] = False
        candidates[row, [truth[row], *rng.permutation(10)[:more]]] = True
    return candidates


def accuracy(model: object, items: PixelItems, truth: np.ndarray, rows: slice) -> float:
    outputs = model.predict(items.take(np.arange(len(truth))[rows]), NONE, np.random.default_rng(0))
    return float((outputs.probabilities.argmax(axis=1) == truth[rows]).mean())


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


def test_unlabelled_items_do_not_change_the_model(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    labelled_only = CNN(QUICK).fit(items.take(np.arange(20)), Targets(candidates=sets(truth, 20)[:20]), Training(0))
    all_items = CNN(QUICK).fit(items, Targets(candidates=sets(truth, 20)), Training(0))
    for name, tensor in labelled_only.tensors().items():
        np.testing.assert_array_equal(tensor, all_items.tensors()[name])


def test_the_seed_decides_the_weights(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    targets = Targets(candidates=sets(truth, 30))
    first, same_seed, other_seed = (
        CNN(QUICK).fit(items, targets, Training(seed)) for seed in (2**63 - 1, 2**63 - 1, 1)
    )
    for name, tensor in first.tensors().items():
        np.testing.assert_array_equal(tensor, same_seed.tensors()[name])
    assert any(not np.array_equal(tensor, other_seed.tensors()[name]) for name, tensor in first.tensors().items())


def test_training_without_a_label_is_refused(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    with pytest.raises(Unprocessable, match="no label to learn from"):
        CNN(QUICK).fit(items, Targets(candidates=sets(truth, 0)), Training(0))


def test_features_of_another_checkpoint_are_refused(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    training = Training(0, features=lambda: np.zeros((len(items), 2)))
    with pytest.raises(Unprocessable, match=r"`cnn` does not use \[learner\] features"):
        CNN(QUICK).fit(items, Targets(candidates=sets(truth, 30)), training)


def test_values_and_vectors_are_refused(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    with pytest.raises(Unprocessable, match="classes of images"):
        CNN(QUICK).fit(items, Targets(values=truth.astype(np.float64)), Training(0))
    with pytest.raises(Unprocessable, match="classes of images"):
        CNN(QUICK).fit(VectorItems(np.zeros((1000, 2), np.float32)), Targets(candidates=sets(truth, 9)), Training(0))


def test_with_labels_of_one_class_it_predicts_that_class(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, _ = digits
    candidates = np.ones((1000, 10), np.bool_)
    candidates[:20] = np.arange(10) == 3
    model = CNN(CNNParameters(min_steps=50, epochs=1)).fit(items, Targets(candidates=candidates), Training(0))
    assert (model.predict(items, NONE, np.random.default_rng(0)).probabilities.argmax(axis=1) == 3).all()


@pytest.mark.parametrize(("size", "expected"), [(0, (8, 8)), (12, (12, 12))])
def test_the_input_size(digits: tuple[PixelItems, np.ndarray], size: int, expected: tuple[int, int]) -> None:
    items, truth = digits
    parameters = CNNParameters(epochs=1, min_steps=2, filters=2, image_size=size)
    model = CNN(parameters).fit(items, Targets(candidates=sets(truth, 5)), Training(0))
    assert model.input == ImageInput(*expected, 1)


def test_images_of_different_sizes_are_resized_to_64(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    colour = PixelItems(np.repeat(np.repeat(items.array[:20], 9, axis=1)[..., None], 3, axis=3))
    joined = JoinedItems([items.take(np.arange(20)), colour])
    candidates = sets(np.concatenate([truth[:20], truth[:20]]), 40)
    parameters = CNNParameters(epochs=1, min_steps=2, filters=2, flip=True)
    model = CNN(parameters).fit(joined, Targets(candidates=candidates), Training(0))
    assert model.input == ImageInput(64, 64, 3)
    assert model.predict(joined, NONE, np.random.default_rng(0)).probabilities.shape == (40, 10)


WARM = CNNParameters(
    network="mnist-net", epochs=1, min_steps=5, filters=4, schedule="constant", weight_averaging=0.0, warm_start=True
)


def equal(first: Model, second: Model) -> bool:
    tensors = second.tensors()
    return all(np.array_equal(tensor, tensors[name]) for name, tensor in first.tensors().items())


def test_a_warm_start_goes_on_after_saving_and_loading(digits: tuple[PixelItems, np.ndarray], tmp_path: Path) -> None:
    items, truth = digits
    labels, more = (Targets(candidates=sets(truth, count)) for count in (40, 60))
    first = CNN(WARM).fit(items, labels, Training(0))
    write_weights(tmp_path, first.tensors())
    write_training_state(tmp_path, first.training_state())
    write_card(tmp_path, {})
    loaded = CNN(WARM).rebuild(first.description(), read_weights(tmp_path))
    state = read_training_state(tmp_path)
    assert state["step"] == 5
    second = CNN(WARM).fit(items, more, Training(1, start=first, start_state=first.training_state()))
    assert second.training_state()["step"] == 10
    assert equal(second, CNN(WARM).fit(items, more, Training(1, start=loaded, start_state=state)))
    from_scratch = CNN(WARM).fit(items, more, Training(1))
    assert not equal(second, from_scratch)
    assert equal(from_scratch, CNN(replace(WARM, warm_start=False)).fit(items, more, Training(1, start=first)))


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"network": "convnet"}, "has another network, image size or number of classes"),
        ({"filters": 5}, "has another network, image size or number of classes"),
        ({"warm_start": False}, "has no optimizer state: it was bundled, or trained without `warm_start`"),
    ],
)
def test_a_warm_start_needs_the_same_network_and_its_optimizer(
    digits: tuple[PixelItems, np.ndarray], other: dict[str, Any], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    items, truth = digits
    labels = Targets(candidates=sets(truth, 40))
    start = CNN(replace(WARM, **other)).fit(items, labels, Training(0))
    model = CNN(WARM).fit(items, labels, Training(1, start=start, start_state=start.training_state()))
    assert capsys.readouterr().out == f"training starts from scratch: the live checkpoint {reason}\n"
    assert equal(model, CNN(WARM).fit(items, labels, Training(1)))
    assert not capsys.readouterr().out


def test_mnist_net_learns_from_partial_labels(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    options = replace(WARM, min_steps=400, filters=16, weight_decay=0.0)
    model = CNN(options).fit(items, Targets(candidates=sets(truth, 400, more=2)), Training(0))
    assert accuracy(model, items, truth, slice(500, None)) > 0.85


def test_images_too_small_for_mnist_net_are_refused(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    labels = Targets(candidates=sets(truth, 40))
    with pytest.raises(Unprocessable, match="at least 6 x 6 pixels, and these have 5 x 5; set `image_size`"):
        CNN(replace(WARM, image_size=5)).fit(items, labels, Training(0))


def test_parameters_are_checked() -> None:
    assert validate(CNNParameters, {}, "[learner]") == CNNParameters()
    with pytest.raises(ProjectError) as error:
        validate(CNNParameters, {"epochs": 0, "dropout": 1.0, "fliip": True}, "[learner]")
    for part in ("epochs", "dropout", "did you mean 'flip'"):
        assert part in str(error.value)
    with pytest.raises(ProjectError, match=r"warm_start needs weight_averaging = 0, not 0\.2"):
        validate(CNNParameters, {"warm_start": True}, "[learner]")
