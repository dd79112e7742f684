"""The data set `digits` has the images of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from nextlabel.contracts import Pixels
from nextlabel_plugins.datasets.digits import Digits, DigitsParameters


def test_all_images_equal_the_originals() -> None:
    contents = Digits(DigitsParameters()).read(None, 0)
    assert isinstance(contents.content, Pixels)
    array = contents.content.array
    assert (array.shape, array.dtype, array.min(), array.max()) == ((1797, 8, 8), np.uint8, 0, 255)
    assert contents.ids[0] == "0"
    assert contents.ids[-1] == "1796"
    assert contents.classes == tuple("0123456789")
    original = load_digits()
    np.testing.assert_array_equal(contents.truth, original.target)
    np.testing.assert_array_equal(np.rint(array / 255 * 16), original.images)


@pytest.mark.parametrize(("limit", "count"), [(0, 1797), (1, 1), (330, 330), (99_999, 1797)])
def test_the_limit(limit: int, count: int) -> None:
    contents = Digits(DigitsParameters(limit)).read(None, 0)
    assert len(contents.ids) == len(contents.truth) == len(contents.content.array) == count


def test_images_are_shuffled_as_in_the_example_of_scikit_learn() -> None:
    contents = Digits(DigitsParameters(limit=330, shuffle_seed=0, labelled=10)).read(None, 5)
    numbers = np.arange(1797)
    np.random.RandomState(0).shuffle(numbers)
    assert contents.ids == [str(number) for number in numbers[:330]]
    original = load_digits()
    np.testing.assert_array_equal(contents.truth, original.target[numbers[:330]])
    assert isinstance(contents.content, Pixels)
    np.testing.assert_array_equal(np.rint(contents.content.array / 255 * 16), original.images[numbers[:330]])
    assert contents.initial is not None
    assert contents.initial.tolist() == list(range(10))


def test_without_parameters_nothing_is_shuffled_or_labelled() -> None:
    assert Digits(DigitsParameters()).read(None, 0).initial is None
    few = Digits(DigitsParameters(limit=3, labelled=5)).read(None, 0)
    assert few.initial is not None
    assert few.initial.tolist() == [0, 1, 2]
