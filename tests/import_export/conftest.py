"""What every import starts from: an empty project of thirty images, a file, a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.engine import SQUARES, ToyProject, full
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
from support.import_export import CLASSES, IDS, ODD
from support.import_export import registry as odd_registry
from support.odd_images import saved, smooth

from nextlabel.store.labels import Label

Make = Callable[..., ToyProject]


@pytest.fixture
def squares(make: Make) -> ToyProject:  # noqa: F811 - a fixture has its name from pytest
    """Thirty images s0, s1, ... of the classes left and right, without labels."""
    return make(SQUARES, labels={"initial": 0, "holdout": 0}).import_dataset()


@pytest.fixture
def flat(make: Make, tmp_path: Path) -> Callable[..., ToyProject]:  # noqa: F811 - as above
    """Create a project of a folder with images of these names, without labels."""

    def create(*names: str) -> ToyProject:
        folder = tmp_path / "pool"
        for number, name in enumerate(names):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(saved(smooth(20 + number, 20)))
        dataset = {"plugin": "folder", "path": str(folder), "classes": ["left", "right"]}
        return make(SQUARES, dataset=dataset, labels={"initial": 0, "holdout": 0}).import_dataset()

    return create


@pytest.fixture
def odd(make: Make) -> ToyProject:  # noqa: F811 - as above
    """Odd names; one class, several, disagreement, a skip and a retraction."""
    project = make(ODD, plugins=odd_registry(), labels={"holdout": 0}).import_dataset()
    project.project.labels.submit("=ann", [full(item, name) for item, name in zip(IDS[:7], CLASSES[2:9], strict=True)])
    project.project.labels.submit("bob", [full(IDS[7], "cat", "dog"), (IDS[8], Label(skip=True)), full(IDS[0], "cat")])
    project.project.labels.submit("bob", [full(IDS[9], "cat"), (IDS[9], Label(retract=True))])
    return project


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    """Write a file: text, bytes, or a value that becomes JSON."""

    def write(content: str | bytes | Any, name: str = "labels.csv") -> Path:
        if not isinstance(content, str | bytes):
            content = json.dumps(content)
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path / name

    return write


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with left/a.png, left/deep/b.jpg, right/c.png, d.png, and two files that are no images."""
    root = tmp_path / "tree"
    for number, name in enumerate(["left/a.png", "left/deep/b.jpg", "right/c.png", "d.png"]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(saved(smooth(8 + number, 8), "JPEG" if name.endswith("jpg") else "PNG"))
    (root / ".DS_Store").write_bytes(b"x")
    (root / "left" / "Thumbs.db").write_bytes(b"x")
    return root
