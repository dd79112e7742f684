"""Which item of the pool a file means, and the images that the pool does not have yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from nextlabel.contracts.errors import Gone, TooLarge, Unprocessable, Unsupported
from nextlabel.engine.images.decoding import inspect
from nextlabel.engine.services import Services
from nextlabel.import_export.importing.import_rows import Entry, Fault, SaidLabel, storable
from nextlabel.import_export.importing.path_index import Ambiguous, Paths, files, meanings
from nextlabel.store import items
from nextlabel.store.items import ItemRow

_PAGE = 20_000


@dataclass
class Matcher:
    """Finds items by id, path or name. Positions -1, -2, ... are images yet to be added, in order."""

    services: Services
    project: str
    folder: Path | None = None
    """Where images are looked for that the pool does not have."""
    new: list[tuple[str, str]] = field(default_factory=list)
    """SHA-256 and path of every image to add."""
    _places: dict[str, int] = field(default_factory=dict)
    _files: dict[str, int | str] = field(default_factory=dict)

    def match(self, entries: Sequence[Entry]) -> list[int | Fault]:
        """Return the position of each entry's item, or why there is none."""
        wanted = {name for entry in entries for name in _ids(entry) if storable(name)}
        with self.services.database.read() as connection:
            found = items.by_ids(connection, self.project, sorted(wanted))
        known = {id_: row.position for id_, row in found.items()}
        return [self._one(entry, next(self._named(entry, found), None), known) for entry in entries]

    def _one(self, entry: Entry, named: int | None, known: dict[str, int]) -> int | Fault:
        if named is not None:
            return named
        try:
            found = self._by_path(entry)
            path = entry.image if found is None else None
            if found is None and path is None and self.folder is not None:
                path = self._in_folder(entry)
            return self._image(path, known) if path is not None else self._missing(entry, found)
        except Ambiguous as error:
            return Fault(entry.line, str(error))
        except (Unsupported, Unprocessable, TooLarge, OSError) as error:
            return Fault(entry.line, f"{entry.item}: {error}")

    def _named(self, entry: Entry, found: Mapping[str, ItemRow]) -> Iterator[int]:
        """Yield the positions of the items that an entry names by their ids."""
        for row in (found[name] for name in _ids(entry) if name in found):
            if entry.how == "id" or entry.image is None or row.media_type is None or self._holds(row, entry.image):
                yield row.position

    def _holds(self, row: ItemRow, image: str) -> bool:
        """Tell whether an item is the image in a file: one of a folder may be called as it is, and be another."""
        try:
            return self.services.pool(self.project).image(row)[0] == Path(image).read_bytes()
        except (Gone, OSError):
            return False

    def _missing(self, entry: Entry, found: int | None) -> int | Fault:
        if found is not None:
            return found
        if entry.how == "id":
            return Fault(entry.line, f"there is no item {entry.item!r}")
        hint = f", nor an image in {self.folder}" if self.folder else "; --images names a folder to look in"
        return Fault(entry.line, f"no item of the pool is, or lies at, {entry.item!r}{hint}")

    def _by_path(self, entry: Entry) -> int | None:
        if entry.how == "id" or entry.image is not None:
            return None
        return next((place for name in _ids(entry) if (place := self._pool.find(name)) is not None), None)

    def _in_folder(self, entry: Entry) -> str | None:
        return next((path for name in _ids(entry) if (path := self._folder.find(name)) is not None), None)

    def _image(self, path: str, known: dict[str, int]) -> int:
        """Return the position of a file's content, which is checked as one that is uploaded is."""
        place = self._files.get(path)
        if isinstance(place, str):
            raise Unprocessable(place)
        if place is None:
            try:
                place = self._files[path] = self._look(path, known)
            except (Unsupported, Unprocessable, TooLarge) as error:
                self._files[path] = str(error)
                raise
        return place

    def _look(self, path: str, known: dict[str, int]) -> int:
        settings = self.services.settings
        size = Path(path).stat().st_size
        if size > settings.max_item_bytes:
            raise TooLarge(f"{size:,} bytes; at most {settings.max_item_bytes:,} are taken")
        data = Path(path).read_bytes()
        identity = sha256(data).hexdigest()
        if identity in known or identity in self._places:
            return known.get(identity, self._places.get(identity, 0))
        with self.services.database.read() as connection:
            row = items.by_ids(connection, self.project, [identity]).get(identity)
        if row is not None:
            return row.position
        if self.services.pool(self.project).kind != "image":
            raise Unprocessable(f"project {self.project!r} holds {self.services.pool(self.project).kind}s, not images")
        inspect(data, settings.max_pixels)
        self._places[identity] = place = -1 - len(self.new)
        self.new.append((identity, path))
        return place

    @cached_property
    def _pool(self) -> Paths[int]:
        """Every id, and every path of a file that is not an upload: those are called by their content."""
        found: Paths[int] = Paths()
        after = -1
        while True:
            with self.services.database.read() as connection:
                rows = items.page(connection, self.project, after, _PAGE)
            if not rows:
                return found
            for row in rows:
                found.add(row.id, row.position)
                if row.source == "file" and row.path is not None:
                    found.add(row.path, row.position)
            after = rows[-1].position

    @cached_property
    def _folder(self) -> Paths[str]:
        found: Paths[str] = Paths()
        assert self.folder is not None
        for path in files(self.folder):
            found.add(str(path.relative_to(self.folder)), str(path))
        return found


def _ids(entry: Entry) -> list[str]:
    return list(meanings(entry.item)) if entry.how == "address" else [entry.item]


def contents(new: Sequence[tuple[str, str]]) -> list[bytes]:
    """Read images that are to be added; Unprocessable where one is not what it was when it was checked."""
    blobs = [Path(path).read_bytes() for _, path in new]
    for (identity, path), blob in zip(new, blobs, strict=True):
        if sha256(blob).hexdigest() != identity:
            raise Unprocessable(f"{path} changed while it was imported; import it again")
    return blobs


def placed(row: SaidLabel, places: Sequence[int]) -> SaidLabel:
    """Return a label at its item's position, now that the new images lie at `places`."""
    return row if row.position >= 0 else replace(row, position=places[-1 - row.position])
