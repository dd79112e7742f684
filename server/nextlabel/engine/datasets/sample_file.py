"""A sample of a data set in one file: images that a bundled checkpoint held out, for a machine without the data set.

The file is a PNG image that shows the images of the sample side by side, row by row from the top
left. Its text `sample` is JSON: the size of an image, the ids in order, the ids that are held out of
training, and the source.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from nextlabel.contracts.data import BoolArray, PixelArray
from nextlabel.contracts.errors import Gone

SAMPLE = "sample.png"
"""The file's name in the folder of a bundled checkpoint."""
_TEXT = "sample"
_COLUMNS = 25


@dataclass(frozen=True)
class Sample:
    """Some images of a data set, without labels."""

    ids: tuple[str, ...]
    """(n,): their ids in the data set."""
    pixels: PixelArray
    """(n, height, width) greyscale or (n, height, width, 3) colour."""
    holdout: BoolArray
    """(n,): whether each is held out of training."""
    source: str
    """Where the images come from, and how they were drawn."""


def write_sample(path: Path, sample: Sample) -> None:
    """Write a sample to `path`."""
    count, height, width, *colours = sample.pixels.shape
    rows = -(-count // _COLUMNS)
    cells = np.zeros((rows * _COLUMNS, height, width, *colours), np.uint8)
    cells[:count] = sample.pixels
    mosaic = cells.reshape(rows, _COLUMNS, height, width, *colours).swapaxes(1, 2)
    described = {
        "source": sample.source,
        "size": [height, width],
        "ids": list(sample.ids),
        "holdout": [identity for identity, held in zip(sample.ids, sample.holdout, strict=True) if held],
    }
    info = PngImagePlugin.PngInfo()
    info.add_text(_TEXT, json.dumps(described))
    Image.fromarray(mosaic.reshape(rows * height, _COLUMNS * width, *colours)).save(
        path, "PNG", optimize=True, pnginfo=info
    )


def read_sample(path: Path) -> Sample:
    """Read a sample. Raises Gone if the file is missing or damaged."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            image.load()
            described = json.loads(image.info[_TEXT])
            mosaic = np.asarray(image)
        return _parse(described, mosaic)
    except (
        OSError,
        SyntaxError,
        ValueError,
        KeyError,
        TypeError,
    ) as error:  # SyntaxError: Pillow's, for a broken chunk
        raise Gone(f"the sample in {path} is missing or damaged: {type(error).__name__}: {error}") from error


def _parse(described: Mapping[str, Any], mosaic: PixelArray) -> Sample:
    """Return the sample that a mosaic and its description are. Raises ValueError, KeyError or TypeError if none."""
    ids = described["ids"]
    if not ids or not all(isinstance(identity, str) and identity for identity in ids) or len(set(ids)) < len(ids):
        raise ValueError("`ids` must be distinct names")
    if unknown := set(described["holdout"]) - set(ids):
        raise ValueError(f"`holdout` names {min(unknown)!r}, which is not in `ids`")
    height, width = (int(side) for side in described["size"])
    rows = -(-len(ids) // _COLUMNS)
    colours = mosaic.shape[2:]
    cells = mosaic.reshape(rows, height, _COLUMNS, width, *colours).swapaxes(1, 2).reshape(-1, height, width, *colours)
    return Sample(
        ids=tuple(ids),
        pixels=np.ascontiguousarray(cells[: len(ids)]),
        holdout=np.isin(ids, described["holdout"]),
        source=str(described["source"]),
    )
