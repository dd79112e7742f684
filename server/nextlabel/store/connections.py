"""How connections are made: one engine that only reads, one that writes, for either database."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from nextlabel.contracts.errors import NotReady, SettingsError
from nextlabel.store.json_utils import dumps
from nextlabel.store.write_lock import PATIENCE, Turn, busy

log = logging.getLogger(__name__)

_CONNECT = 5
"""Seconds a server has to take a connection."""
KEPT = 8
"""Connections kept open a process and engine; more are made when needed, and closed after."""
_QUIET = 10.0
"""Seconds between two lines of the log that say the same."""
WRITERS = 0x6E6578746C61
"""PostgreSQL's advisory lock that every writer holds until it commits."""


class Engines:
    """The engines of one process, and the turn its threads take at writing.

    PostgreSQL's writers hold an advisory lock, so that what was read in a write transaction is
    still so when it commits, as in SQLite, where only one is open at a time.
    """

    def __init__(self, url: URL) -> None:
        make = _sqlite if is_sqlite(url) else _postgres
        self.reader = make(url, write=False)
        self.writer = make(url, write=True)
        self._is_file = is_sqlite(url)
        self._turn = Turn(Path(f"{url.database}-turn") if self._is_file else None)
        self._quiet_until = 0.0

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """Open a transaction that reads."""
        with self._connected(self.reader) as connection:
            yield connection

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Open a write transaction; commit it, or roll it back on an error."""
        with self._turn.taken(), self._connected(self.writer) as connection:
            try:
                transaction = connection.begin()
            except OperationalError as error:
                raise (busy() if _is_busy(error) else error) from error.orig
            with transaction:
                yield connection

    @contextmanager
    def _connected(self, engine: Engine) -> Iterator[Connection]:
        """Open a connection; NotReady where the server is not there, or goes away: it may be starting again."""
        inside = False
        try:
            with engine.connect() as connection:
                inside = True
                yield connection
        except OperationalError as error:
            if self._is_file or (inside and not error.connection_invalidated):
                raise
            # whoever asks is not told where the server is
            if time.monotonic() > self._quiet_until:
                self._quiet_until = time.monotonic() + _QUIET
                log.warning("the database does not answer: %s", error.orig)
            raise NotReady("the database does not answer; try again", retry_after=5) from error

    def dispose(self) -> None:
        """Close every connection that is not in use."""
        self.reader.dispose()
        self.writer.dispose()


def parse(url: str) -> URL:
    """Return `url` parsed; SettingsError where it is of a database we do not speak."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SettingsError("the database URL cannot be parsed; write sqlite:///FILE or postgresql://...") from error
    backend = parsed.get_backend_name()
    if backend not in {"sqlite", "postgresql", "postgres"}:
        raise SettingsError(f"no database is called {backend!r}; valid: sqlite, postgresql")
    if backend == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise SettingsError("the database must be a file, as in sqlite:///var/nextlabel.db")
        return parsed.set(drivername="sqlite+pysqlite", database=str(Path(parsed.database).absolute()))
    return parsed.set(drivername="postgresql+psycopg")


def is_sqlite(url: URL) -> bool:
    """Whether `url` is of an SQLite file."""
    return url.get_backend_name() == "sqlite"


def _sqlite(url: URL, *, write: bool) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=KEPT,
        max_overflow=-1,
        pool_use_lifo=True,
        connect_args={"check_same_thread": False, "timeout": PATIENCE},
        json_serializer=dumps,
    )

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        del record
        # we say BEGIN ourselves: the driver would say it late, and never IMMEDIATE
        connection.isolation_level = None
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -8192")
        connection.execute("PRAGMA temp_store = MEMORY")
        if not write:
            connection.execute("PRAGMA query_only = ON")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        # IMMEDIATE: a transaction that reads, then writes, must not find that somebody wrote in between
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _postgres(url: URL, *, write: bool) -> Engine:
    try:
        engine = create_engine(
            url,
            pool_size=KEPT,
            max_overflow=KEPT,
            pool_use_lifo=True,
            pool_pre_ping=True,
            connect_args={"connect_timeout": _CONNECT},
            isolation_level="READ COMMITTED" if write else "REPEATABLE READ",
            json_serializer=dumps,
        )
    except ModuleNotFoundError as error:
        raise SettingsError("PostgreSQL needs an extra: pip install 'nextlabel[postgres]'") from error

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        del record
        connection.execute(f"SET lock_timeout = {int(PATIENCE * 1000)}")
        connection.commit()
        if not write:
            connection.read_only = True

    if write:

        @event.listens_for(engine, "begin")
        def begun(connection: Connection) -> None:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS})")

    return engine


def _is_busy(error: DBAPIError) -> bool:
    primary = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    return primary == 5 or getattr(error.orig, "sqlstate", "") == "55P03"  # noqa: PLR2004 - SQLITE_BUSY
