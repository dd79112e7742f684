"""What a person is shown of a picture is what was predicted from."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from engine_help import SQUARES, Project
from odd_pictures import saved, smooth, stored
from PIL import Image

from nextlabel.contracts.errors import NotReady, Unprocessable, Unsupported
from nextlabel.engine.pictures.decoding import prepare


@pytest.fixture
def squares(make) -> Project:
    return make(SQUARES).bring().train()


def opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


@pytest.mark.parametrize("orientation", [1, 6])
def test_the_picture_is_upright_and_small_and_the_part_that_is_seen_is_told(squares, orientation):
    data = stored(smooth(2000, 500), orientation, "JPEG")
    look = squares.loop.look(data)
    assert (look.width, look.height) == (480, 120)
    assert opened(look.picture).size == (480, 120)
    assert look.media_type == "image/jpeg"
    assert look.kept == (180, 0, 300, 120)
    assert look.share == pytest.approx(1 / 4)


def test_the_model_is_shown_what_predict_makes_of_it(squares):
    data = saved(smooth(90, 70))
    look = squares.loop.look(data)
    assert look.seen_size == (4, 4)
    np.testing.assert_array_equal(np.asarray(opened(look.seen)), prepare(data, (4, 4), 1)[..., 0])
    assert look.predictions == squares.loop.predict_images([data])


def test_a_small_picture_is_shown_to_the_pixel(squares):
    picture = smooth(16, 16)
    look = squares.loop.look(saved(picture))
    assert look.media_type == "image/png"
    np.testing.assert_array_equal(np.asarray(opened(look.picture)), np.asarray(picture))
    assert look.share == 1


def test_what_cannot_be_shown(make, squares):
    with pytest.raises(Unsupported):
        squares.loop.look(b"no picture")
    with pytest.raises(Unprocessable, match="not pictures"):
        make().bring().train().loop.look(saved(smooth(4, 4)))
    with pytest.raises(NotReady):
        make(SQUARES).bring().loop.look(saved(smooth(4, 4)))
