"""Databases to test with, and programs to crash."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from nextlabel.store import items, projects
from nextlabel.store.database import Database

POSTGRES = "TEST_POSTGRES_URL"
CLASSES = ("a", "b", "c")


@pytest.fixture(params=["sqlite", "postgresql"] if os.environ.get(POSTGRES) else ["sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, of each kind there is."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'home' / 'nextlabel.db'}"
        return
    server = os.environ[POSTGRES]
    schema = f"test_{uuid4().hex}"
    engine = sa.create_engine(sa.make_url(server).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
    with engine.begin() as c:
        c.execute(sa.schema.CreateSchema(schema))
    yield f"{server}?options=-csearch_path%3D{schema}"
    with engine.begin() as c:
        c.execute(sa.schema.DropSchema(schema, cascade=True))


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path / 'nextlabel.db'}"


@pytest.fixture
def opened() -> Iterator[Callable[[str], Database]]:
    """Open databases; they are closed after the test."""
    databases: list[Database] = []

    def open_(url: str) -> Database:
        databases.append(Database(url))
        return databases[-1]

    yield open_
    for database in databases:
        database.dispose()


@pytest.fixture
def database(url: str, opened: Callable[[str], Database]) -> Database:
    """A migrated database."""
    database = opened(url)
    database.migrate()
    return database


@pytest.fixture
def project(database: Database) -> str:
    """A project of three classes and eight items, in `database`."""
    with database.write() as c:
        projects.create(c, projects.ProjectRow("p", "classification", CLASSES, True, False, 1.0))
        items.add(c, "p", [items.NewItem(f"item{i}", "array", None, None, False) for i in range(8)], 1.0)
    return "p"


@dataclass
class Child:
    """A Python program beside this one."""

    process: subprocess.Popen[str]

    def line(self) -> str:
        """Wait for its next line."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the program ended with {self.process.wait()}"
        return line.strip()

    def say(self, line: str = "go") -> None:
        """Send it a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def kill(self) -> list[str]:
        """kill -9; return the whole lines it had printed."""
        self.process.kill()
        assert self.process.stdout is not None
        rest = self.process.stdout.read()
        self.process.wait()
        return rest.split("\n")[:-1]

    def end(self) -> list[str]:
        """Wait until it ends well; return the lines not read yet."""
        assert self.process.stdout is not None
        rest = self.process.stdout.read().splitlines()
        assert self.process.wait() == 0
        return rest


@pytest.fixture
def start() -> Iterator[Callable[..., Child]]:
    """Start programs: their text, then their arguments. They are killed after the test."""
    children: list[Child] = []

    def start_(program: str, *arguments: object) -> Child:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(program), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        children.append(Child(process))
        return children[-1]

    yield start_
    for child in children:
        child.process.kill()
        child.process.wait()
        for pipe in (child.process.stdin, child.process.stdout):
            assert pipe is not None
            pipe.close()
