"""A contact sheet: one picture that shows many images, each in a cell with its caption."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from nextlabel.engine.images.decoding import MAX_PIXELS, decoded

SIDE = 160
"""Longest side of an image on the sheet, in pixels."""
_GAP, _LINE, _TEXT = 8, 15, 12
_MOST_COLUMNS = 10
_PAPER, _INK = "white", "black"


@dataclass(frozen=True)
class Cell:
    """An image with its caption."""

    data: bytes
    """The encoded image."""
    lines: Sequence[str]
    """Lines of text below it; one that is too long is cut."""


def write_contact_sheet(cells: Sequence[Cell], path: Path, max_pixels: int = MAX_PIXELS) -> None:
    """Write a PNG with the images in reading order. Raises what `decoding.prepare` raises."""
    columns = min(_MOST_COLUMNS, max(1, math.ceil(math.sqrt(1.2 * len(cells)))))
    width = SIDE + _GAP
    height = SIDE + _GAP + _LINE * max((len(cell.lines) for cell in cells), default=0)
    rows = max(1, math.ceil(len(cells) / columns))
    sheet = Image.new("RGB", (columns * width + _GAP, rows * height + _GAP), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_TEXT)
    for number, cell in enumerate(cells):
        left, top = _GAP + number % columns * width, _GAP + number // columns * height
        with decoded(cell.data, (SIDE, SIDE), 3, max_pixels) as image:
            # small images are enlarged, so that all are seen equally well
            fitted = ImageOps.contain(image, (SIDE, SIDE), Image.Resampling.BICUBIC)
        sheet.paste(fitted, (left + (SIDE - fitted.width) // 2, top + (SIDE - fitted.height) // 2))
        for row, line in enumerate(cell.lines):
            shown = line
            while shown and draw.textlength(shown, font) > SIDE:
                shown = shown[: len(shown) * 9 // 10]
            draw.text((left, top + SIDE + row * _LINE), shown, _INK, font)
    sheet.save(path, "PNG", optimize=True)
