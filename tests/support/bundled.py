"""A tiny project with a bundled checkpoint, and a data set that may be missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nextlabel.contracts import Contents, Files, Pixels
from nextlabel.contracts.errors import DatasetMissing
from nextlabel.engine.evaluation.bundle import BuildInfo, write_bundle
from nextlabel.engine.plugins.registry import Offer, Registry, load
from support.engine import MODULES, SQUARES, ToyProject, candidates
from support.toy_plugins import SquareParameters, Squares

BUILD = BuildInfo(command="nextlabel train toy --out first", seconds=1.234, threads=1, licence="Apache-2.0")
BUNDLED: Mapping[str, Any] = {**SQUARES, "dataset": {"plugin": "toy-missing"}, "labels": {"initial": 6}}


@dataclass
class OptionalData:
    """Makes the data set `toy-missing` available or not, and counts how often it is read."""

    available: bool = False
    reads: int = 0
    meanwhile: Callable[[], object] = lambda: None
    """Called while the data set is read."""
    as_files: Path | None = None
    """A folder to write the images to; None if they stay in an array."""
    sets: bool = False
    """Whether the data set has a candidate set for every item: its class alone."""

    def registry(self) -> Registry:
        state = self

        class OptionalSquares(Squares):
            def read(self, root: Path | None, seed: int) -> Contents:
                state.reads += 1
                if not state.available:
                    raise DatasetMissing("toy-missing is not on this machine; get it from nowhere")
                state.meanwhile()
                return state.changed(Squares(SquareParameters()).read(root, seed))

        registry = load(candidates(*MODULES))
        offer = registry.datasets["toy-missing"]
        registry.datasets["toy-missing"] = Offer(replace(offer.record, target=OptionalSquares), offer.source)
        return registry

    def changed(self, contents: Contents) -> Contents:
        """Return the contents as files, and with candidate sets, if this is to have them."""
        if self.sets:
            contents = replace(contents, candidates=np.eye(2, dtype=np.bool_)[contents.truth])
        if self.as_files is None:
            return contents
        assert isinstance(contents.content, Pixels)
        self.as_files.mkdir(exist_ok=True)
        paths = [self.as_files / f"{identity}.png" for identity in contents.ids]
        for path, pixels in zip(paths, contents.content.array, strict=True):
            Image.fromarray(pixels).save(path)
        return replace(contents, content=Files(paths, channels=1))


def bundle(project: ToyProject, folder: Path, name: str = "first", checkpoint: str = "r1") -> Path:
    """Write a checkpoint to a folder of bundled checkpoints, and return its own folder."""
    target = folder / project.name / name
    write_bundle(project.services, project.name, checkpoint, target, BUILD, lambda _: None)
    return target
