"""The tables. A change here needs a new file in `migrations/versions`; a test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)
from sqlalchemy.types import BigInteger

from nextlabel.store.columns import JSONTuple, in_projects, of_item, project

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)


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

# Without a rowid a table is its primary key's tree: a page of items or labels is one short range of it.
items = Table(
    "items",
    metadata,
    project(),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("id", String, nullable=False),
    Column("source", String, nullable=False),
    Column("path", String),
    Column("media_type", String),
    Column("holdout", Boolean, nullable=False),
    Column("added", Double, nullable=False),
    in_projects(),
    CheckConstraint("source IN ('array', 'file', 'upload')", "source"),
    Index("ix_items_id", "project", "id", unique=True),
    sqlite_with_rowid=False,
)

labels = Table(
    "labels",
    metadata,
    project(),
    # dense within a project, in the order of commit
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, nullable=False),
    Column("annotator", String, nullable=False),
    Column("kind", String, nullable=False),
    # a JSON list kept as text: few sets are distinct, so each is decoded once a read
    Column("candidates", Text),
    Column("value", Double),
    Column("time", Double, nullable=False),
    Column("key", String),
    Column("query", String),
    of_item(),
    CheckConstraint("kind IN ('candidates', 'value', 'skip', 'retract')", "kind"),
    CheckConstraint("(kind = 'candidates') = (candidates IS NOT NULL)", "candidates"),
    CheckConstraint("(kind = 'value') = (value IS NOT NULL)", "value"),
    Index("ix_labels_position", "project", "position"),
    sqlite_with_rowid=False,
)

submissions = Table(
    "submissions",
    metadata,
    project(),
    Column("key", String, primary_key=True),
    Column("digest", String, nullable=False),
    Column("accepted", Integer, nullable=False),
    Column("time", Double, nullable=False),
    in_projects(),
    sqlite_with_rowid=False,
)

queries = Table(
    "queries",
    metadata,
    Column("id", String, primary_key=True),
    project(key=False),
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
    Column("chosen", JSONTuple, nullable=False),
    in_projects(),
    Index("ix_queries_number", "project", "number", unique=True),
)

leases = Table(
    "leases",
    metadata,
    project(),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("annotator", String, primary_key=True),
    Column("query", String, nullable=False),
    Column("expires", Double, nullable=False),
    Column("score", Double, nullable=False),
    Column("reason", String, nullable=False),
    of_item(),
    CheckConstraint("reason IN ('strategy', 'control', 'holdout')", "reason"),
    Index("ix_leases_query", "query"),
    sqlite_with_rowid=False,
)

_UNFINISHED = text("state IN ('queued', 'running')")
_TRAINING = text("kind = 'train' AND state IN ('queued', 'running')")
# The project of a job need not be in `projects` yet: an import makes it.
jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    project(key=False),
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
    # an id is a log file's name too, so it must never come twice
    sqlite_autoincrement=True,
)

checkpoints = Table(
    "checkpoints",
    metadata,
    project(),
    Column("name", String, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("job", Integer),
    Column("created", Double, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("card", JSON, nullable=False),
    Column("verdict", String, nullable=False),
    Column("folder", String, nullable=False),
    Column("promoted", Boolean, nullable=False, server_default=false()),
    in_projects(),
    ForeignKeyConstraint(["job"], ["jobs.id"]),
    Index("ix_checkpoints_number", "project", "number", unique=True),
)

scorings = Table(
    "scorings",
    metadata,
    Column("id", Integer, primary_key=True),
    project(key=False),
    Column("checkpoint", String, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("arrays", JSONTuple, nullable=False),
    Column("folder", String, nullable=False),
    Column("created", Double, nullable=False),
    Column("last_label", BigInteger, nullable=False),
    in_projects(),
    Index("ix_scorings_checkpoint", "project", "checkpoint"),
    # queries remember the id after the row is gone, so it must never come twice
    sqlite_autoincrement=True,
)
