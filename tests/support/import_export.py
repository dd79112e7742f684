"""A toy project with odd ids, classes and annotators, and its imports and exports."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nextlabel.app import build_services
from nextlabel.contracts import Contents, Dataset, NoParameters, Pixels
from nextlabel.engine.plugins.registry import Offer, Registry, load
from nextlabel.engine.project import Project
from nextlabel.import_export.exporting.export_file import export_file
from nextlabel.import_export.exporting.snapshot import Exported, Snapshot, WriteOptions
from nextlabel.import_export.importing.import_file import Imported, import_file
from nextlabel.import_export.importing.rows import ImportOptions
from nextlabel.store import labels
from nextlabel.store.labels import LabelEvent
from support.engine import MODULES, ToyProject, candidates

CLASSES = ("cat", "dog", "cat|dog", "a/b", "..", "CON", "con", "=1+1", 'quote "x, y"', "two\nlines", "schön", " a ")
IDS = ("p/0.png", "p/1.png", "q/1.png", "=2", "+3.PNG", "a,b", 'q"uote', "ü\u0301", "..", "NUL", "nul", "x" * 300)
ODD: Mapping[str, Any] = {
    "title": "Odd",
    "dataset": {"plugin": "toy-missing"},
    "learner": {"plugin": "toy-ridge"},
    "labels": {"initial": 0, "holdout": 0.3},
}
FORMATS = ("csv", "jsonl", "imagefolder", "coco", "label-studio")


def registry(classes: tuple[str, ...] = CLASSES, ids: tuple[str, ...] = IDS) -> Registry:
    """Our plugins, with small images in the place of the data set that is never there."""

    class Odd(Dataset[NoParameters]):
        def read(self, root: Path | None, seed: int) -> Contents:
            pixels = np.random.default_rng(0).integers(0, 256, (len(ids), 4, 4), np.uint8)
            return Contents(ids=ids, classes=classes, content=Pixels(pixels))

    found = load(candidates(*MODULES))
    offer = found.datasets["toy-missing"]
    found.datasets["toy-missing"] = Offer(replace(offer.record, target=Odd), offer.source)
    return found


def copied(project: ToyProject, home: Path) -> ToyProject:
    """A project as it is, in a home folder of its own."""
    shutil.copytree(project.services.home.root, home)
    given = project.services.settings.model_copy(update={"home": home})
    services = build_services(given, project.services.registry, project.services.projects)
    return ToyProject(services, Project(services, project.project.config))


def store(project: ToyProject, *events: LabelEvent) -> None:
    with project.services.database.write() as connection:
        labels.append(connection, project.name, events)


def history(project: ToyProject) -> list[LabelEvent]:
    return list(project.project.labels.history())


def candidate_sets(project: ToyProject) -> list[tuple[str, tuple[str, ...] | None]]:
    """The item and the candidates of each label, in order."""
    return [(event.item, event.label.candidates) for event in history(project)]


def import_into(project: ToyProject, path: Path, **options: Any) -> Imported:
    """Import a file or folder."""
    arguments = ImportOptions(path, **{"annotator": "ann", **options})
    return import_file(project.services, project.project, arguments, lambda *_: None)


def export_from(project: ToyProject, kind: str, out: Path, *, replace: bool = False, **options: Any) -> Exported:
    """Export the project."""
    snapshot = Snapshot(project.services, project.project.config)
    return export_file(snapshot, kind, out, WriteOptions(**options), replace=replace)


def files_in(path: Path) -> dict[str, bytes]:
    """All that lies in a file or folder."""
    if path.is_file():
        return {"": path.read_bytes()}
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


Make = Callable[..., ToyProject]
