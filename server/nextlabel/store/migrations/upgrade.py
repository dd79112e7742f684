"""Runs the migrations, inside one transaction."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine

from nextlabel.contracts.errors import SettingsError
from nextlabel.store.write_lock import WRITE_TIMEOUT


def configuration(connection: Connection) -> Config:
    """Return Alembic's configuration for `connection`. There is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def prepare(engine: Engine) -> None:
    """Switch an SQLite file to a write-ahead log. The file stores this setting."""
    if engine.dialect.name != "sqlite":
        return
    deadline = time.monotonic() + WRITE_TIMEOUT
    raw = engine.raw_connection()
    try:
        while True:
            try:
                raw.cursor().execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                # this statement does not wait for another process that runs it too, unlike others
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return
    finally:
        raw.close()


def run(connection: Connection) -> None:
    """Apply the missing migrations in the caller's transaction: all of them or none.

    Raises SettingsError if the database is of a newer version.
    """
    try:
        command.upgrade(configuration(connection), "head")
    except CommandError as error:
        if "Can't locate revision" not in str(error):
            raise
        raise SettingsError(
            "the database was created by a newer nextlabel; use that version, or another database"
        ) from error
