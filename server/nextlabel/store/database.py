"""The database: transactions that read, transactions that write, and migrations."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from nextlabel.store.connections import Engines, is_sqlite, parse


class Database:
    """The database at `url`, `sqlite:///FILE` or `postgresql://...`; SettingsError for any other.

    One object serves all threads of a process, and goes on serving after a fork, in both
    processes. Connections stay open between transactions until `dispose()`.
    """

    def __init__(self, url: str) -> None:
        self._url = parse(url)
        # By process: a child must neither use nor close connections that it inherited, since
        # SQLite's locks do not pass a fork and PostgreSQL's socket is shared. So its own are
        # new ones, and those of the parent stay referenced here.
        self._by_process: dict[int, Engines] = {}
        here = weakref.WeakMethod(self.dispose)
        os.register_at_fork(before=lambda: (dispose := here()) and dispose())

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Read one consistent state. Keep it short: SQLite cannot tidy its log meanwhile.

        NotReady where a server does not answer.
        """
        with self._engines().look() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Write; on disk when it ends, or rolled back if it raised. One writer at a time.

        What was read inside is still so at the commit. NotReady after 30 seconds without a turn, or
        where a server does not answer: what was written may then be there or not, as a whole.
        """
        with self._engines().begin() as connection:
            yield connection

    def migrate(self) -> None:
        """Bring the tables to this version, making the database if there is none.

        All or nothing, and safe when several processes start at once. SettingsError where a
        newer nextlabel made it.
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
        # setdefault is atomic: of two threads that come first, one's engines are dropped unused
        return self._by_process.get(process) or self._by_process.setdefault(process, Engines(self._url))
