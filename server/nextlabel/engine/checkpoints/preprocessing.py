"""How what a model is given comes about, in words and in numbers: enough to do it elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nextlabel.contracts.interfaces import ImageInput, VectorInput
from nextlabel.engine.checkpoints.serialization import model_input
from nextlabel.engine.images.decoding import REDUCING_GAP

_WORDS = (
    "Decode the first frame. A JPEG is decoded at 1/2, 1/4 or 1/8 of its size, as libjpeg can, the smallest of which "
    "both sides are at least `draft` times what covers the model's input; not a lossless one (frame FF C3). Turn it "
    "upright by its EXIF orientation, or the one in a PNG's text or in XMP. Scale 16 bits of grey to 8 by v / 257, "
    "rounded, and take the higher 8 of 16 bits of colour. Lay transparent images on white. Convert to the colour "
    "mode (grey: 0.299 R + 0.587 G + 0.114 B); colour profiles are left alone. Resize, bilinear and antialiased, "
    "until both sides are covered, and cut the centre out. Give the whole numbers as they are, 0 to 255: where mean "
    "and std are null, the network takes off the mean and divides by the deviation itself."
)


def preprocessing(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return, as JSON, how the input of a card's model is made."""
    spec = model_input(card)
    if isinstance(spec, ImageInput):
        return {
            "kind": "image",
            "input": "input",
            "shape": [None, spec.height, spec.width, spec.channels],
            "layout": "NHWC",
            "type": "uint8",
            "range": [0, 255],
            "mean": None,
            "std": None,
            "mode": "L" if spec.channels == 1 else "RGB",
            "size": [spec.height, spec.width],
            "resize": "cover",
            "crop": "centre",
            "filter": "bilinear",
            "antialias": True,
            "orientation": "exif",
            "background": "white",
            "frame": 0,
            "draft": REDUCING_GAP,
            "words": _WORDS,
        }
    assert isinstance(spec, VectorInput)
    return {
        "kind": "vector",
        "input": "input",
        "shape": [None, spec.dimensions],
        "type": "float32",
        "words": "Give the numbers of the vectors as the data set has them.",
    }
