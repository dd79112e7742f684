"""The formats by name, and what a file that names none is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from nextlabel.contracts.errors import BadRequest, Unprocessable, suggest
from nextlabel.import_export.formats import csv, jsonl
from nextlabel.import_export.formats.coco import reader as coco
from nextlabel.import_export.formats.image_folder import reader as image_folder
from nextlabel.import_export.formats.label_studio import reader as label_studio
from nextlabel.import_export.importing.import_rows import Found, Reading
from nextlabel.import_export.json_stream import members
from nextlabel.import_export.text_reader import Text

Format = Literal["csv", "jsonl", "json", "imagefolder", "coco", "label-studio"]
READ: Sequence[str] = get_args(Format)
_SUFFIXES: dict[str, Format] = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl",
}  # fmt: skip
_READERS: dict[str, Callable[[Text, Reading], Iterator[Found]]] = {
    "csv": csv.read,
    "jsonl": jsonl.read,
    "json": jsonl.read_document,
    "coco": coco.read,
    "label-studio": label_studio.read,
}
_INSIDE: dict[str, Format] = {"tasks.json": "label-studio", "annotations.json": "coco"}
"""What our own exports call their documents."""
_LOOKED_AT = 20


@dataclass(frozen=True)
class Source:
    """A file or folder that is read as one format."""

    path: Path
    format: Format

    @property
    def ordered(self) -> bool:
        """Whether its labels stand in the order of the history they come from."""
        return self.format not in {"coco", "label-studio"}

    @property
    def text(self) -> Path | None:
        """The file with the labels; None for a folder of images."""
        if self.format != "imagefolder":
            return self.path
        return self.path / image_folder.HISTORY if image_folder.is_ours(self.path) else None

    def read(self, classes: Sequence[str], reading: Reading, text: Text | None) -> Iterator[Found]:
        """Yield what it says; BadRequest where it is not of its format."""
        if text is None:
            return image_folder.read(self.path, classes, reading)
        if self.format == "imagefolder":
            return image_folder.read_ours(self.path, reading, text)
        return _READERS[self.format](text, reading)


def source(path: Path, given: str | None) -> Source:
    """Return how a file or folder is read; Unprocessable, BadRequest where that cannot be told."""
    if given is not None and given not in READ:
        raise Unprocessable(f"no format {given!r}; {suggest(given, READ)}")
    if not path.exists():
        raise Unprocessable(f"there is no file {path}")
    if path.is_dir():
        for name, kind in _INSIDE.items():
            if (path / name).is_file() and given in {None, kind}:
                return Source(path / name, kind)
        if given not in {None, "imagefolder"}:
            raise Unprocessable(f"{path} is a folder; of {given} a file is read")
        return Source(path, "imagefolder")
    if given == "imagefolder":
        raise Unprocessable(f"{path} is a file; imagefolder reads a folder of images")
    return Source(path, given or _guess(path))  # type: ignore[arg-type]


def _guess(path: Path) -> Format:
    suffix = path.suffix.lower()
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    if suffix == ".json":
        for number, member in enumerate(members(Text(path))):
            if member.key is None:
                return "label-studio"
            if member.key in {"images", "annotations", "categories"}:
                return "coco"
            if member.key == "labels":
                return "json"
            if number == _LOOKED_AT:
                break
        raise BadRequest(f"{path.name} is JSON of another kind than is read here: Label Studio's tasks, or COCO")
    raise Unprocessable(f"the format of {path.name} cannot be told by its name; say --format: {', '.join(READ)}")
