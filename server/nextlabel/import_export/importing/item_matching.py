"""Finds the item of each row, and the images that are new to the pool.

An item must be named clearly: a name that could mean several items, an id and a file that disagree, or
two files that would be one item are faults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

from nextlabel.contracts.errors import Gone, TooLarge, Unprocessable, Unsupported
from nextlabel.engine.images.decoding import inspect
from nextlabel.engine.services import Services
from nextlabel.import_export.importing.path_index import Ambiguous, Match, PathIndex, files_below, is_end
from nextlabel.import_export.importing.rows import Fault, ImportRow, is_storable
from nextlabel.store import items
from nextlabel.store.items import ItemRow

T = TypeVar("T")
_PAGE = 20_000


class NoMatch(ValueError):
    """The item that a row names is not in the pool."""


@dataclass
class ItemMatcher:
    """Finds items by id, path or content."""

    services: Services
    project: str
    folder: Path | None = None
    """A folder with images that the pool does not have."""
    new_images: dict[str, Path] = field(default_factory=dict)
    """The images to add, in order, each by its SHA-256, which becomes the item's id."""
    unmatched_images: int = 0
    """Rows without a label whose image is nowhere."""
    _known: dict[str, ItemRow] = field(default_factory=dict)
    _content_ids: dict[Path, str] = field(default_factory=dict)
    _guesses: dict[str, set[str]] = field(default_factory=dict)
    """The longer names that led to an item by their ends, by the item's id."""

    def match(self, rows: Sequence[ImportRow]) -> list[str | Fault | None]:
        """Return each row's item id, a fault, or None for a row without a label whose image is nowhere."""
        names = {name for row in rows for name in (row.id, *row.files) if name is not None and is_storable(name)}
        with self.services.database.read() as connection:
            self._known = items.by_ids(connection, self.project, sorted(names))
        matches = [self._match(row) for row in rows]
        return [
            self._check_guesses(row, match) if isinstance(match, str) else match
            for row, match in zip(rows, matches, strict=True)
        ]

    def _match(self, row: ImportRow) -> str | Fault | None:
        try:
            return self._item(row)
        except (NoMatch, Ambiguous) as error:
            if row.event is not None:
                return Fault(row.location, str(error))
            self.unmatched_images += 1
            return None
        except (Unsupported, Unprocessable, TooLarge, OSError) as error:
            return Fault(row.location, f"{row.name}: {error}")

    def _item(self, row: ImportRow) -> str:
        if row.image is not None:
            name = row.id if row.id is not None else row.name
            if name in self._known and (row.id is not None or self._has_content(self._known[name], row.image)):
                return name
            return self._content_id(row.image)
        if row.id is None:
            return self._by_file(row)
        if row.id not in self._known:
            raise NoMatch(f"there is no item {row.id!r}")
        if row.files:
            try:
                other = self._by_file(row)
            except NoMatch:
                other = None
            if other != row.id:
                meaning = "no item" if other is None else f"item {other!r}"
                raise Ambiguous(f"its id is item {row.id!r}, but its file {row.files[0]!r} is {meaning}")
        return row.id

    def _by_file(self, row: ImportRow) -> str:
        in_pool = _only(row, self._in_pool)
        in_folder = _only(row, self._images.find) if self.folder is not None else None
        if in_folder is not None and not (in_pool and self._has_content(in_pool.target, in_folder.target)):
            if in_pool is None or in_folder.exact:
                return self._note_guess(row, self._content_id(in_folder.target), in_folder)
            raise Ambiguous(
                f"{row.name!r} could be item {in_pool.target.id!r}, or the different image "
                f"{in_folder.path!r} in {self.folder}; give more of its path"
            )
        if in_pool is None:
            hint = f", or image in {self.folder}," if self.folder else ""
            end = "" if self.folder else "; name a folder with new images by --images"
            raise NoMatch(f"no item of the pool{hint} has the id or path {row.name!r}{end}")
        return self._note_guess(row, in_pool.target.id, in_pool)

    def _in_pool(self, name: str) -> Match[ItemRow] | None:
        return Match(self._known[name], name, exact=True) if name in self._known else self._pool_paths.find(name)

    def _note_guess(self, row: ImportRow, item: str, match: Match[T]) -> str:
        if not match.exact or match.path != row.name:
            self._guesses.setdefault(item, set()).add(unquote(row.name))
        return item

    def _check_guesses(self, row: ImportRow, item: str) -> str | Fault:
        """Return the item, or a fault if the file gives it two names of which neither is the end of the other."""
        name = unquote(row.name)
        if row.id is None and row.image is None and name in self._guesses.get(item, ()):
            for other in sorted(self._guesses[item]):
                if not is_end(name, other):
                    reason = f"{name!r} and {other!r} would both be item {item!r}, and it is unclear which of them is"
                    return Fault(row.location, reason)
        return item

    def _has_content(self, row: ItemRow, path: Path) -> bool:
        """Return whether an item is the image in a file; two images may have the same name."""
        try:
            return row.media_type is not None and self.services.pool(self.project).image(row)[0] == path.read_bytes()
        except Gone:
            return False

    def _content_id(self, path: Path) -> str:
        """Return the id of a file's content, which is checked as an upload is, and is added if it is new."""
        if path not in self._content_ids:
            settings, kind = self.services.settings, self.services.pool(self.project).kind
            size = path.stat().st_size
            if size > settings.max_item_bytes:
                raise TooLarge(f"{size:,} bytes; at most {settings.max_item_bytes:,} are allowed")
            data = path.read_bytes()
            identity = sha256(data).hexdigest()
            with self.services.database.read() as connection:
                known = identity in self.new_images or items.by_ids(connection, self.project, [identity])
            if not known:
                if kind != "image":
                    raise Unprocessable(f"project {self.project!r} holds {kind}s, not images")
                inspect(data, settings.max_pixels)
                self.new_images[identity] = path
            self._content_ids[path] = identity
        return self._content_ids[path]

    @cached_property
    def _pool_paths(self) -> PathIndex[ItemRow]:
        """Every id, and every file's path. Uploads have none: they are named by their content."""
        index: PathIndex[ItemRow] = PathIndex()
        after = -1
        while True:
            with self.services.database.read() as connection:
                rows = items.page(connection, self.project, after, _PAGE)
            if not rows:
                return index
            for row in rows:
                index.add(row.id, row)
                if row.source == "file" and row.path is not None:
                    index.add(row.path, row)
            after = rows[-1].position

    @cached_property
    def _images(self) -> PathIndex[Path]:
        index: PathIndex[Path] = PathIndex()
        assert self.folder is not None
        for path in files_below(self.folder):
            index.add(str(path.relative_to(self.folder)), path)
        return index


def _only(row: ImportRow, find: Callable[[str], Match[T] | None]) -> Match[T] | None:
    """Return what the names of a row's file lead to. Raises Ambiguous if that is more than one thing."""
    matches = [match for match in map(find, row.files) if match is not None]
    if len({match.target for match in matches}) > 1:
        paths = ", ".join(sorted({repr(match.path) for match in matches}))
        raise Ambiguous(f"{row.name!r} could be {paths}")
    return matches[0] if matches else None


def read_unchanged(images: Iterable[tuple[str, Path]]) -> list[bytes]:
    """Read images by their SHA-256. Raises Unprocessable if a file has changed since."""
    blobs = []
    for identity, path in images:
        blobs.append(path.read_bytes())
        if sha256(blobs[-1]).hexdigest() != identity:
            raise Unprocessable(f"{path} changed during the import; import it again")
    return blobs
