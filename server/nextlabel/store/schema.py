"""The tables. A change here needs a new file in `migrations/versions`; a test compares the two."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
    text,
)
from sqlalchemy.types import BigInteger

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)


class JSONTuple(TypeDecorator[tuple[Any, ...]]):
    """A JSON list, read as a tuple."""

    impl = JSON
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[Any, ...] | None:
        """Return the list that was read as a tuple."""
        del dialect
        return None if value is None else tuple(value)


def _project(*, key: bool = True) -> Column[str]:
    return Column("project", String, primary_key=key, nullable=False)


def _project_exists() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["project"], ["projects.name"])


def _item_exists() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["project", "position"], ["items.project", "items.position"])


projects = Table(
    "projects",
    metadata,
    Column("name", String, primary_key=True),
    Column("task", String, nullable=False),
    Column("classes", JSONTuple, nullable=False),
    Column("known_truth", Boolean, nullable=False),
    Column("has_test", Boolean, nullable=False),
    Column("imported", Double, nullable=False),
    Column("live", String),
    Column("queries", Integer, nullable=False),
)

# A table without a rowid is stored in the order of its primary key: a page of items or labels is one short range.
items = Table(
    "items",
    metadata,
    _project(),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("id", String, nullable=False),
    Column("source", String, nullable=False),
    Column("path", String),
    Column("media_type", String),
    Column("holdout", Boolean, nullable=False),
    Column("added", Double, nullable=False),
    _project_exists(),
    CheckConstraint("source IN ('array', 'file', 'upload')", "source"),
    Index("ix_items_id", "project", "id", unique=True),
    sqlite_with_rowid=False,
)

labels = Table(
    "labels",
    metadata,
    _project(),
    # dense within a project, in the order of commit
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, nullable=False),
    Column("annotator", String, nullable=False),
    Column("kind", String, nullable=False),
    # a JSON list stored as text: few sets are distinct, so each is decoded once per read
    Column("candidates", Text),
    Column("value", Double),
    Column("time", Double, nullable=False),
    Column("key", String),
    Column("query", String),
    _item_exists(),
    CheckConstraint("kind IN ('candidates', 'value', 'skip', 'retract')", "kind"),
    CheckConstraint("(kind = 'candidates') = (candidates IS NOT NULL)", "candidates"),
    CheckConstraint("(kind = 'value') = (value IS NOT NULL)", "value"),
    Index("ix_labels_position", "project", "position"),
    sqlite_with_rowid=False,
)

submissions = Table(
    "submissions",
    metadata,
    _project(),
    Column("key", String, primary_key=True),
    Column("digest", String, nullable=False),
    Column("accepted", Integer, nullable=False),
    Column("time", Double, nullable=False),
    _project_exists(),
    sqlite_with_rowid=False,
)

queries = Table(
    "queries",
    metadata,
    Column("id", String, primary_key=True),
    _project(key=False),
    Column("number", Integer, nullable=False),
    Column("time", Double, nullable=False),
    Column("annotator", String),
    Column("strategy", String, nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("checkpoint", String),
    Column("scoring", Integer),
    Column("rows", Integer, nullable=False),
    Column("last_label", BigInteger, nullable=False),
    Column("size", Integer, nullable=False),
    Column("excluded", JSONTuple, nullable=False),
    Column("leased", JSONTuple, nullable=False, server_default="[]"),
    Column("chosen", JSONTuple, nullable=False),
    Column("probabilities", String),
    _project_exists(),
    Index("ix_queries_number", "project", "number", unique=True),
)

leases = Table(
    "leases",
    metadata,
    _project(),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("annotator", String, primary_key=True),
    Column("query", String, nullable=False),
    Column("expires", Double, nullable=False),
    Column("score", Double, nullable=False),
    Column("reason", String, nullable=False),
    _item_exists(),
    CheckConstraint("reason IN ('strategy', 'control', 'holdout')", "reason"),
    Index("ix_leases_query", "query"),
    sqlite_with_rowid=False,
)

_UNFINISHED = text("state IN ('queued', 'running')")
_TRAINING = text("kind = 'train' AND state IN ('queued', 'running')")
# The project of a job may be missing in `projects`: an import creates it.
jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    _project(key=False),
    Column("kind", String, nullable=False),
    Column("state", String, nullable=False),
    Column("progress", Double, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("error", Text),
    Column("parameters", JSON, nullable=False),
    Column("created", Double, nullable=False),
    Column("started", Double),
    Column("finished", Double),
    Column("owner", String),
    Column("cancel", Boolean, nullable=False),
    CheckConstraint("kind IN ('import', 'train', 'score', 'evaluate')", "kind"),
    CheckConstraint("state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'interrupted')", "state"),
    Index("ix_jobs_unfinished", "id", sqlite_where=_UNFINISHED, postgresql_where=_UNFINISHED),
    Index("ix_jobs_one_training", "project", unique=True, sqlite_where=_TRAINING, postgresql_where=_TRAINING),
    # an id also names a log file, so it must never be used twice
    sqlite_autoincrement=True,
)

checkpoints = Table(
    "checkpoints",
    metadata,
    _project(),
    Column("name", String, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("job", Integer),
    Column("created", Double, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("card", JSON, nullable=False),
    Column("verdict", String, nullable=False),
    Column("folder", String, nullable=False),
    Column("promoted", Boolean, nullable=False, server_default=false()),
    _project_exists(),
    ForeignKeyConstraint(["job"], ["jobs.id"]),
    Index("ix_checkpoints_number", "project", "number", unique=True),
)

scorings = Table(
    "scorings",
    metadata,
    Column("id", Integer, primary_key=True),
    _project(key=False),
    Column("checkpoint", String),
    Column("rows", Integer, nullable=False),
    Column("arrays", JSONTuple, nullable=False),
    Column("prepared", JSON, nullable=False, server_default="{}"),
    Column("folder", String, nullable=False),
    Column("created", Double, nullable=False),
    Column("last_label", BigInteger, nullable=False),
    _project_exists(),
    Index("ix_scorings_checkpoint", "project", "checkpoint"),
    # queries refer to the id after the row is deleted, so it must never be used twice
    sqlite_autoincrement=True,
)
