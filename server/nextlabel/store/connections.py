"""Connections to either database: one engine that only reads, and one that writes."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, PoolProxiedConnection, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from nextlabel.contracts.errors import NotReady, SettingsError
from nextlabel.store.json_utils import dumps
from nextlabel.store.write_lock import WRITE_TIMEOUT, WriteLock, busy

log = logging.getLogger(__name__)

_CONNECT_TIMEOUT = 5
"""Seconds that a PostgreSQL server has to accept a connection."""
POOL_SIZE = 8
"""Connections per process and engine that stay open; more are opened when needed, and closed after."""
_LOG_INTERVAL = 10.0
"""Seconds between two log lines about the same fault."""
WRITERS = 0x6E6578746C61
"""PostgreSQL's advisory lock that every writer holds until it commits."""


class Engines:
    """The SQLAlchemy engines of one process, and its write lock.

    PostgreSQL's writers hold an advisory lock. So whatever a write transaction read is still true
    when it commits, as in SQLite, which has only one write transaction at a time.
    """

    def __init__(self, url: URL) -> None:
        create = _sqlite if is_sqlite(url) else _postgres
        self.reader = create(url, write=False)
        self.writer = create(url, write=True)
        self._is_file = is_sqlite(url)
        self._write_lock = WriteLock(Path(f"{url.database}.lock") if self._is_file else None)
        self._polling: PoolProxiedConnection | None = None
        self._next_log = 0.0

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that reads."""
        with self._connected(self.reader) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a write transaction; commit it, or roll it back on an error. Logs how long it took, at level DEBUG."""
        with self._write_lock.held(), self._connected(self.writer) as connection:
            try:
                transaction = connection.begin()
            except OperationalError as error:
                raise (busy() if _is_busy(error) else error) from error.orig
            wall, cpu = time.perf_counter(), time.thread_time()
            try:
                with transaction:
                    yield connection
            finally:
                wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
                log.debug("write transaction: %.1f ms, %.1f ms of CPU", 1000 * wall, 1000 * cpu)

    def poll(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query. Raises NotReady if the server does not answer.

        On a connection of its own, outside any transaction and with nothing between it and the
        driver: a tenth of what `read` costs. For one thread, which asks again and again.
        """
        try:
            if self._polling is None:
                connection = self.reader.raw_connection()
                connection.detach()
                if not self._is_file:
                    connection.dbapi_connection.autocommit = True  # type: ignore[union-attr] # psycopg's
                self._polling = connection
            cursor = self._polling.cursor()
            cursor.execute(query)
            return list(cursor.fetchall())
        except (self.reader.dialect.loaded_dbapi.OperationalError, OperationalError) as error:
            self._stop_polling()
            if self._is_file:
                raise
            raise self._no_answer(error) from error

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
            raise self._no_answer(error.orig) from error

    def _no_answer(self, error: object) -> NotReady:
        # the client's message does not name the server; the log does
        if time.monotonic() > self._next_log:
            self._next_log = time.monotonic() + _LOG_INTERVAL
            log.warning("the database does not answer: %s", error)
        return NotReady("the database does not answer; try again", retry_after=5)

    def _stop_polling(self) -> None:
        if self._polling is not None:
            self._polling.close()
            self._polling = None

    def dispose(self) -> None:
        """Close every connection that is not in use."""
        self._stop_polling()
        self.reader.dispose()
        self.writer.dispose()


def parse(url: str) -> URL:
    """Return `url` parsed. Raises SettingsError if it names a database that is not supported."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SettingsError("the database URL cannot be parsed; write sqlite:///FILE or postgresql://...") from error
    backend = parsed.get_backend_name()
    if backend not in {"sqlite", "postgresql", "postgres"}:
        raise SettingsError(f"the database {backend!r} is not supported; valid: sqlite, postgresql")
    if backend == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise SettingsError("the database must be a file, as in sqlite:///var/nextlabel.db")
        return parsed.set(drivername="sqlite+pysqlite", database=str(Path(parsed.database).absolute()))
    return parsed.set(drivername="postgresql+psycopg")


def is_sqlite(url: URL) -> bool:
    """Return whether `url` names an SQLite file."""
    return url.get_backend_name() == "sqlite"


def _sqlite(url: URL, *, write: bool) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=POOL_SIZE,
        max_overflow=-1,
        pool_use_lifo=True,
        connect_args={"check_same_thread": False, "timeout": WRITE_TIMEOUT},
        json_serializer=dumps,
    )

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        del record
        # we send BEGIN ourselves: the driver would send it late, and never IMMEDIATE
        connection.isolation_level = None
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -8192")
        connection.execute("PRAGMA temp_store = MEMORY")
        if not write:
            connection.execute("PRAGMA query_only = ON")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        # IMMEDIATE: a transaction that reads, then writes, must not fail because another wrote in between
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _postgres(url: URL, *, write: bool) -> Engine:
    try:
        engine = create_engine(
            url,
            pool_size=POOL_SIZE,
            max_overflow=POOL_SIZE,
            pool_use_lifo=True,
            pool_pre_ping=True,
            connect_args={"connect_timeout": _CONNECT_TIMEOUT},
            isolation_level="READ COMMITTED" if write else "REPEATABLE READ",
            json_serializer=dumps,
        )
    except ModuleNotFoundError as error:
        raise SettingsError("PostgreSQL needs an extra: pip install 'nextlabel[postgres]'") from error

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        del record
        connection.execute(f"SET lock_timeout = {int(WRITE_TIMEOUT * 1000)}")
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
