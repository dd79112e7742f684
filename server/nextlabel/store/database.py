"""The database: transactions that read or write, and the migration to this version's tables."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from nextlabel.contracts.errors import NotReady
from nextlabel.store.connections import is_sqlite, open_engine, parse
from nextlabel.store.write_lock import WriteLock, busy

log = logging.getLogger(__name__)

_LOG_INTERVAL = 10.0
"""Seconds between two log lines about the same fault."""


class Database:
    """The database at `url`: `sqlite:///FILE` or `postgresql://...`. Raises SettingsError for any other.

    One object serves all threads of a process; a forked process creates its own. Connections stay
    open between transactions until `dispose()`.
    """

    def __init__(self, url: str) -> None:
        self._url = parse(url)
        self._is_file = is_sqlite(self._url)
        self._reader = open_engine(self._url, write=False)
        self._writer = open_engine(self._url, write=True)
        self._write_lock = WriteLock(Path(f"{self._url.database}.lock") if self._is_file else None)
        self._next_log = 0.0

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Read one consistent state. Keep it short: SQLite cannot truncate its log meanwhile.

        Raises NotReady if a server does not answer.
        """
        with self._connected(self._reader) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Write. The changes are on disk when the block ends, or rolled back if it raised.

        One writer at a time: whatever was read inside is still true at the commit. Raises NotReady
        if another thread or a foreign program keeps writing for 30 seconds, or if a server does
        not answer. After the latter, the changes may be stored or not, as a whole.
        """
        with self._write_lock.held(), self._connected(self._writer) as connection:
            try:
                transaction = connection.begin()
            except OperationalError as error:
                raise (busy() if _is_busy(error) else error) from error.orig
            with transaction:
                yield connection

    def migrate(self) -> None:
        """Bring the tables to this version, or create the database if it is missing.

        All or nothing, and safe if several processes start at once. Raises SettingsError if a
        newer nextlabel created the database.
        """
        from nextlabel.store.migrations import upgrade  # noqa: PLC0415 - Alembic is slow to import

        if self._is_file and self._url.database is not None:
            Path(self._url.database).parent.mkdir(parents=True, exist_ok=True)
        upgrade.prepare(self._writer)
        with self.write() as connection:
            upgrade.run(connection)

    def dispose(self) -> None:
        """Close every connection that is not in use; a later transaction opens new ones."""
        self._reader.dispose()
        self._writer.dispose()

    @contextmanager
    def _connected(self, engine: Engine) -> Iterator[Connection]:
        """Open a connection. Raises NotReady if the server does not answer or goes away: it may be restarting."""
        inside = False
        try:
            with engine.connect() as connection:
                inside = True
                yield connection
        except OperationalError as error:
            if self._is_file or (inside and not error.connection_invalidated):
                raise
            # the client's message does not name the server; the log does
            if time.monotonic() > self._next_log:
                self._next_log = time.monotonic() + _LOG_INTERVAL
                log.warning("the database does not answer: %s", error.orig)
            raise NotReady("the database does not answer; try again", retry_after=5) from error


def _is_busy(error: DBAPIError) -> bool:
    primary = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    return primary == 5 or getattr(error.orig, "sqlstate", "") == "55P03"  # noqa: PLR2004 - SQLITE_BUSY
