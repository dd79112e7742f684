"""SQLAlchemy engines for either database: SQLite and PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from nextlabel.contracts.errors import SettingsError
from nextlabel.store.json_utils import dumps
from nextlabel.store.write_lock import WRITE_TIMEOUT

_CONNECT_TIMEOUT = 5
"""Seconds that a PostgreSQL server has to accept a connection."""
POOL_SIZE = 8
"""Connections per process and engine that stay open; more are opened when needed, and closed after."""
WRITERS = 0x6E6578746C61
"""PostgreSQL's advisory lock that every writer holds until it commits. So whatever a write transaction read is still
true when it commits, as in SQLite, which has only one write transaction at a time.
"""


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


def open_engine(url: URL, *, write: bool) -> Engine:
    """Return an engine on the database at `url` whose transactions write, or only read."""
    return (_sqlite if is_sqlite(url) else _postgres)(url, write=write)


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
