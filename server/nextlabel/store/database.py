"""The database: transactions that read or write, and the migration to this version's tables."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from nextlabel.store.connections import Engines, is_sqlite, parse


class Database:
    """The database at `url`: `sqlite:///FILE` or `postgresql://...`. Raises SettingsError for any other.

    One object serves all threads of a process, and both processes after a fork. Connections stay
    open between transactions until `dispose()`.
    """

    def __init__(self, url: str) -> None:
        self._url = parse(url)
        # By process: a child must neither use nor close the connections it inherited, because
        # SQLite's locks do not pass a fork and PostgreSQL's socket is shared. It opens its own,
        # and the parent's stay referenced here.
        self._by_process: dict[int, Engines] = {}
        dispose_here = weakref.WeakMethod(self.dispose)
        os.register_at_fork(before=lambda: (dispose := dispose_here()) and dispose())

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Read one consistent state. Keep it short: SQLite cannot truncate its log meanwhile.

        Raises NotReady if a server does not answer.
        """
        with self._engines().read() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Write. The changes are on disk when the block ends, or rolled back if it raised.

        One writer at a time: whatever was read inside is still true at the commit. Raises NotReady
        if another thread or a foreign program keeps writing for 30 seconds, or if a server does
        not answer. After the latter, the changes may be stored or not, as a whole.
        """
        with self._engines().write() as connection:
            yield connection

    def poll(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query that one thread repeats a few times a second, cheaply.

        Raises NotReady if a server does not answer.
        """
        return self._engines().poll(query)

    def migrate(self) -> None:
        """Bring the tables to this version, or create the database if it is missing.

        All or nothing, and safe if several processes start at once. Raises SettingsError if a
        newer nextlabel created the database.
        """
        from nextlabel.store.migrations import upgrade  # noqa: PLC0415 - Alembic is slow to import

        if is_sqlite(self._url) and self._url.database is not None:
            Path(self._url.database).parent.mkdir(parents=True, exist_ok=True)
        upgrade.prepare(self._engines().writer)
        with self.write() as connection:
            upgrade.run(connection)

    def dispose(self) -> None:
        """Close the connections of this process; a later transaction opens new ones."""
        engines = self._by_process.get(os.getpid())
        if engines is not None:
            engines.dispose()

    def _engines(self) -> Engines:
        process = os.getpid()
        # setdefault is atomic: if two threads are first at once, the engines of one are dropped unused
        return self._by_process.get(process) or self._by_process.setdefault(process, Engines(self._url))
