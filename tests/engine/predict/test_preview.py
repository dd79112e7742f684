"""The preview of an image shows what the model received."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from support.engine import SQUARES, ToyProject
from support.odd_images import exif_block, png, saved, smooth, stored

from nextlabel.contracts.errors import NotReady, Unprocessable, Unsupported
from nextlabel.engine.images import decoding
from nextlabel.engine.images.decoding import prepare


@pytest.fixture
def squares(make) -> ToyProject:
    return make(SQUARES).import_dataset().train()


def opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


@pytest.mark.parametrize(("orientation", "sides"), [(1, (2000, 500)), (3, (2000, 500)), (6, (2000, 500))])
def test_the_crop_refers_to_the_upright_image(squares, orientation, sides):
    preview = squares.project.models.preview(stored(smooth(2000, 500), orientation, "JPEG"))
    assert (preview.width, preview.height) == sides
    assert preview.crop == (750, 0, 1250, 500)
    assert preview.share == pytest.approx(1 / 4)
    upright = squares.project.models.preview(stored(smooth(500, 2000), orientation, "JPEG"))
    assert (upright.width, upright.height) == (500, 2000)


def test_the_preview_has_the_input_and_prediction_of_predict(squares):
    data = saved(smooth(90, 70))
    preview = squares.project.models.preview(data)
    assert preview.input_size == (4, 4)
    np.testing.assert_array_equal(np.asarray(opened(preview.input_png)), prepare(data, (4, 4), 1)[..., 0])
    assert preview.predictions == squares.project.models.predict_images([data])


def test_the_image_is_decoded_once(squares, monkeypatch):
    decoded = []
    monkeypatch.setattr(
        decoding, "_load", lambda kind, image, load=decoding._load: decoded.append(kind) or load(kind, image)
    )
    squares.project.models.preview(saved(smooth(90, 70), "JPEG"))
    assert decoded == ["JPEG"]


@pytest.mark.parametrize("behind", [b"", b"eXIf"])
def test_a_png_may_store_its_orientation_after_the_pixels(squares, behind):
    turned = np.asarray(smooth(40, 20))
    lines = b"".join(b"\x00" + line.tobytes() for line in turned)
    chunks = [(b"eXIf", exif_block((0x0112, 3, 1, 6))[6:])] if behind else []
    preview = squares.project.models.preview(png(40, 20, 8, 2, lines, behind=chunks))
    assert (preview.width, preview.height) == ((20, 40) if behind else (40, 20))
    assert preview.crop == ((0, 10, 20, 30) if behind else (10, 0, 30, 20))


def test_a_square_image_is_not_cropped(squares):
    assert squares.project.models.preview(saved(smooth(16, 16))).share == 1


def test_images_that_cannot_be_predicted_raise(make, squares):
    with pytest.raises(Unsupported):
        squares.project.models.preview(b"no image")
    with pytest.raises(Unprocessable, match="not images"):
        make().import_dataset().train().project.models.preview(saved(smooth(4, 4)))
    with pytest.raises(NotReady):
        make(SQUARES).import_dataset().project.models.preview(saved(smooth(4, 4)))
