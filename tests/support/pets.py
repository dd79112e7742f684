"""A small stand-in for Oxford-IIIT Pet, in the layout and the file formats of its authors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

BREEDS = ("Abyssinian", "american_bulldog", "Bengal", "great_pyrenees")
CLASSES = ("Abyssinian", "American Bulldog", "Bengal", "Great Pyrenees")
DOGS = (1, 3)


def create_pets(root: Path, pool: int = 6, test: int = 2) -> Path:
    """Write `pool` and `test` images of each breed, of several shapes, and return the folder below `root`."""
    folder, rng = root / "oxford-iiit-pet", np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    (folder / "annotations" / "trimaps").mkdir(parents=True)
    colours = rng.integers(0, 256, (len(BREEDS), 1, 1, 3))
    lines: dict[str, list[str]] = {"trainval": [], "test": []}
    for number, breed in enumerate(BREEDS):
        for image in range(1, pool + test + 1):
            name, split = f"{breed}_{image}", "trainval" if image <= pool else "test"
            shape = (40 + int(rng.integers(30)), 40 + int(rng.integers(30)), 3)
            pixels = (colours[number] + rng.integers(-40, 41, shape)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "images" / f"{name}.jpg")
            lines[split].append(f"{name} {number + 1} {1 + (number in DOGS)} {image}\n")
    for split, rows in lines.items():
        (folder / "annotations" / f"{split}.txt").write_text("".join(rows))
    # the authors' archive has files that are not used
    (folder / "annotations" / "trimaps" / "._Abyssinian_1.png").write_bytes(b"")
    (folder / "images" / "Abyssinian_1.mat").write_bytes(b"")
    return folder
