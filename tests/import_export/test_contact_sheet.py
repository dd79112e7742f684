"""Contact sheets: where each image and caption is."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nextlabel.contracts.errors import Unprocessable
from nextlabel.import_export.exporting.contact_sheet import SIDE, Cell, write_contact_sheet

COLOURS = ((200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30), (30, 200, 200))


def encoded(colour: tuple[int, int, int], size: tuple[int, int]) -> bytes:
    out = BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def written(path: Path, cells: list[Cell]) -> np.ndarray:
    write_contact_sheet(cells, path)
    with Image.open(path) as sheet:
        return np.asarray(sheet.convert("RGB"))


def test_images_are_in_reading_order_and_scaled_into_their_cells(tmp_path: Path) -> None:
    sizes = ((8, 8), (800, 400), (400, 800), (SIDE, SIDE), (20, 10))
    cells = [Cell(encoded(*pair), ["1: 0.98", "cat 71%"]) for pair in zip(COLOURS, sizes, strict=True)]
    sheet = written(tmp_path / "sheet.png", cells)
    middles = []
    for colour in COLOURS:
        rows, columns = np.nonzero((sheet == colour).all(axis=2))
        assert max(np.ptp(rows), np.ptp(columns)) + 1 == SIDE  # enlarged or reduced to the cell
        middles.append((round(float(rows.mean()) / 100), round(float(columns.mean()) / 100)))
    assert middles == sorted(middles)
    assert len({row for row, _ in middles}) == 2  # three in the first row, two in the second


def test_captions_are_below_the_images(tmp_path: Path) -> None:
    bare = written(tmp_path / "bare.png", [Cell(encoded(COLOURS[0], (8, 8)), ["", ""])])
    captioned = written(tmp_path / "sheet.png", [Cell(encoded(COLOURS[0], (8, 8)), ["1: 0.98", "a" * 500])])
    assert bare.shape == captioned.shape
    rows = np.nonzero((bare != captioned).any(axis=(1, 2)))[0]
    assert rows.min() > SIDE
    columns = np.nonzero((bare != captioned).any(axis=(0, 2)))[0]
    assert columns.max() < SIDE + 16  # a long line does not run into the next cell


def test_a_sheet_of_nothing_is_empty(tmp_path: Path) -> None:
    assert (written(tmp_path / "sheet.png", []) == 255).all()


def test_an_image_that_does_not_decode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unprocessable):
        write_contact_sheet([Cell(encoded(COLOURS[0], (99, 99))[:60], [])], tmp_path / "sheet.png")
    assert not (tmp_path / "sheet.png").exists()
