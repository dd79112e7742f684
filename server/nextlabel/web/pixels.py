"""Whether an image is so small that its pixels are to be seen."""

from __future__ import annotations

from nextlabel.contracts.errors import NextlabelError
from nextlabel.engine.images.decoding import measure
from nextlabel.engine.predict.preview import SMALL
from nextlabel.web.request_context import current_project, settings


def small(item: str) -> bool:
    """Tell it of the image of an item."""
    try:
        return max(measure(current_project().items.image(item)[0], settings().max_pixels)) <= SMALL
    except NextlabelError:  # its file is gone, or rotten: a page is about more than the image
        return False
