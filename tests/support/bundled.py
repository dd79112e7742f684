"""A tiny project that ships a checkpoint, and a data set that is there or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nextlabel.contracts import Contents
from nextlabel.contracts.errors import DatasetMissing
from nextlabel.engine.evaluation.bundle import BuildInfo, write_bundle
from nextlabel.engine.plugins.registry import Offer, Registry, load
from support.engine import MODULES, SQUARES, ToyProject, candidates
from support.toy_plugins import SquareParameters, Squares

BUILD = BuildInfo(command="nextlabel train toy --out first", seconds=1.234, threads=1, licence="Apache-2.0")
SHIPS: Mapping[str, Any] = {**SQUARES, "dataset": {"plugin": "toy-missing"}, "labels": {"initial": 6}}


@dataclass
class There:
    """Whether the data set `toy-missing` is on this machine, and how often it was looked for."""

    there: bool = False
    reads: int = 0
    meanwhile: Callable[[], object] = lambda: None
    """Happens while it is read."""

    def registry(self) -> Registry:
        state = self

        class Sometimes(Squares):
            def read(self, root: Path | None, seed: int) -> Contents:
                state.reads += 1
                if not state.there:
                    raise DatasetMissing("toy-missing is not on this machine; get it from nowhere")
                state.meanwhile()
                return Squares(SquareParameters()).read(root, seed)

        found = load(candidates(*MODULES))
        offer = found.datasets["toy-missing"]
        found.datasets["toy-missing"] = Offer(replace(offer.record, target=Sometimes), offer.source)
        return found


def ship(project: ToyProject, folder: Path, name: str = "first", checkpoint: str = "r1") -> Path:
    """Pack a checkpoint into a folder of those that ship."""
    target = folder / project.name / name
    write_bundle(project.services, project.name, checkpoint, target, BUILD, lambda _: None)
    return target
