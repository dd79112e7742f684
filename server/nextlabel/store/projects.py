"""Projects: facts about each one's imported data set, and its live checkpoint."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, bindparam, select, update

from nextlabel.contracts.errors import Conflict, NotFound
from nextlabel.store import bulk
from nextlabel.store.schema import projects

UNFINISHED = -1.0
"""`imported` of a project whose first import has not finished. No function returns such a project."""


@dataclass(frozen=True)
class ProjectRow:
    """A project whose pool exists."""

    name: str
    task: str
    classes: tuple[str, ...]
    """Empty for regression."""
    known_truth: bool
    """Whether the data set has true labels, and enough of them to hold some out."""
    has_test: bool
    """Whether the data set has its own test split."""
    imported: float
    """When the data set was imported, in seconds since the epoch; 0 if the pool is filled by uploads."""
    live: str | None = None
    """The live checkpoint."""
    queries: int = 0
    """The number of the newest query. Numbers of queries that failed are not used again."""


_VISIBLE = select(projects).where(projects.c.imported >= 0)
_ONE = _VISIBLE.where(projects.c.name == bindparam("name"))


def get(c: Connection, name: str) -> ProjectRow | None:
    """Return the project, or None."""
    row = c.execute(_ONE, {"name": name}).one_or_none()
    return None if row is None else ProjectRow(*row)


def all(c: Connection) -> list[ProjectRow]:  # noqa: A001 - read as projects.all
    """Return every project, by name."""
    return [ProjectRow(*row) for row in c.execute(_VISIBLE.order_by(projects.c.name))]


def create(c: Connection, row: ProjectRow) -> None:
    """Add a project. Raises Conflict if the name is taken."""
    statement = bulk.upsert(c, projects).values(asdict(row))
    statement = statement.on_conflict_do_update(
        index_elements=[projects.c.name], set_=asdict(row), where=projects.c.imported == UNFINISHED
    )
    if c.execute(statement.returning(projects.c.name)).one_or_none() is None:
        raise Conflict(f"there already is a project {row.name!r}")


def create_hidden(c: Connection, row: ProjectRow) -> None:
    """Add a project that stays hidden until `set_dataset`, unless there is one of this name."""
    values = asdict(row) | {"imported": UNFINISHED}
    c.execute(bulk.upsert(c, projects).values(values).on_conflict_do_nothing())


def set_dataset(c: Connection, row: ProjectRow) -> None:
    """Store the facts about a data set that has been imported; `live` and `queries` stay.

    From here on its items and labels are visible.

    Raises NotFound if there is no such project.
    """
    facts = {name: value for name, value in asdict(row).items() if name not in {"name", "live", "queries"}}
    if c.execute(update(projects).where(projects.c.name == row.name).values(facts)).rowcount == 0:
        raise NotFound(f"no project is called {row.name!r}")


def next_query_number(c: Connection, name: str) -> int:
    """Return the number of a new query, one more than the last. Raises NotFound if there is no such project."""
    statement = update(projects).where(projects.c.name == name).values(queries=projects.c.queries + 1)
    number = c.execute(statement.returning(projects.c.queries)).scalar_one_or_none()
    if number is None:
        raise NotFound(f"no project is called {name!r}")
    return int(number)


def set_live(c: Connection, name: str, checkpoint: str | None) -> None:
    """Make `checkpoint` the live one. Raises NotFound if there is no such project."""
    if c.execute(update(projects).where(projects.c.name == name).values(live=checkpoint)).rowcount == 0:
        raise NotFound(f"no project is called {name!r}")
