"""Writes the images that a query chose to a folder: their files as they are, and a contact sheet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from nextlabel.contracts.errors import Unprocessable
from nextlabel.engine.images.decoding import MAX_PIXELS
from nextlabel.engine.project import Project
from nextlabel.engine.records import QueryAnswer, QueryItem
from nextlabel.import_export.exporting.contact_sheet import Cell, write_contact_sheet
from nextlabel.import_export.safe_filenames import FileNames
from nextlabel.store.atomic import new_folder

SHEET = "contact-sheet.png"
_SUFFIXES = {"image/jpeg": (".jpg", ".jpeg"), "image/png": (".png",), "image/webp": (".webp",)}
"""Suffixes of each type of image; the first is added to a name that has none of them."""


@dataclass(frozen=True)
class QueryImages:
    """The files that were written."""

    folder: str
    contact_sheet: str
    images: tuple[str, ...]
    """One per item, in the order of the query."""


@contextmanager
def query_folder(project: Project, path: Path) -> Iterator[Path]:
    """Yield a folder for `write_query_images`, which becomes `path` when the block ends without an error.

    Raises Unprocessable at once if the project's items are no images, and Conflict if `path` exists and is
    not an empty folder.
    """
    kind = project.status().kind
    if kind != "image":
        raise Unprocessable(f"project {project.config.name!r} has no images to copy: its items are {kind}s")
    with new_folder(path, ours=lambda _folder: False) as folder:
        yield folder


def write_query_images(
    project: Project, answer: QueryAnswer, folder: Path, path: Path, max_pixels: int = MAX_PIXELS
) -> QueryImages:
    """Write the images of a query and their contact sheet to `folder`, which will be `path`; return their names.

    Files of an earlier choice are removed from it. Raises Gone if the file of an item is missing.
    """
    for earlier in folder.iterdir():
        earlier.unlink()
    names, images, cells = FileNames(), [], []
    digits = max(2, len(str(len(answer.items))))
    for rank, item in enumerate(answer.items, 1):
        data, media_type = project.items.image(item.id)
        images.append(_file_name(names, f"{rank:0{digits}}", item.id, media_type))
        (folder / images[-1]).write_bytes(data)
        cells.append(Cell(data, _caption(rank, item)))
    write_contact_sheet(cells, folder / SHEET, max_pixels)
    return QueryImages(str(path), SHEET, tuple(images))


def _file_name(names: FileNames, rank: str, item: str, media_type: str) -> str:
    """Return a name such as 03-beagle%2F17.jpg."""
    suffixes = _SUFFIXES.get(media_type, ("",))
    suffix = PurePosixPath(item).suffix
    if suffix.lower() in suffixes:
        return names.unique(f"{rank}-{item.removesuffix(suffix)}", suffix)
    return names.unique(f"{rank}-{item}", suffixes[0])


def _caption(rank: int, item: QueryItem) -> tuple[str, str]:
    first = f"{rank}: {item.score:.4g}" if item.reason == "strategy" else f"{rank}: {item.reason}"
    if item.suggestion is None:
        return first, item.id
    return first, f"{item.suggestion.label} {item.suggestion.probability:.0%}"
