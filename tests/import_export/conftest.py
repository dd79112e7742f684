"""What every import starts from: an empty project of thirty images, a file, a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.engine import SQUARES, ToyProject
from support.engine_fixtures import (  # noqa: F401 - pytest finds fixtures here
    another,
    blobs,
    empty,
    image,
    make,
    meddled,
    no_disk_sync,
    plugged,
    registry,
    threads,
)
from support.odd_images import saved, smooth

Make = Callable[..., ToyProject]


@pytest.fixture
def squares(make: Make) -> ToyProject:  # noqa: F811 - a fixture, by pytest's way of naming it
    """Thirty images s0, s1, ... of the classes left and right, and nothing said of them."""
    return make(SQUARES, labels={"initial": 0, "holdout": 0}).bring()


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    """Write a file: text, bytes, or what becomes JSON."""

    def made(content: str | bytes | Any, name: str = "labels.csv") -> Path:
        if not isinstance(content, str | bytes):
            content = json.dumps(content)
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path / name

    return made


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """left/a.png, left/deep/b.jpg, right/c.png, d.png, and what else lies about."""
    root = tmp_path / "tree"
    for number, name in enumerate(["left/a.png", "left/deep/b.jpg", "right/c.png", "d.png"]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(saved(smooth(8 + number, 8), "JPEG" if name.endswith("jpg") else "PNG"))
    (root / ".DS_Store").write_bytes(b"x")
    (root / "left" / "Thumbs.db").write_bytes(b"x")
    return root
