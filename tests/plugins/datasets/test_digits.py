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
