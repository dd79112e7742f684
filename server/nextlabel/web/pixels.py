"""Whether a picture is so small that its pixels are to be seen."""

from __future__ import annotations

from nextlabel.contracts.errors import NextlabelError
from nextlabel.engine.pictures.decoding import measure
from nextlabel.engine.serving.looking import SMALL
from nextlabel.web.context import loop, settings


def small(item: str) -> bool:
    """Tell it of the picture of an item."""
    try:
        return max(measure(loop().image(item)[0], settings().max_pixels)) <= SMALL
    except NextlabelError:  # its file is gone, or rotten: a page is about more than the picture
        return False
