"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

UNFINISHED = "state IN ('queued', 'running')"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "projects",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("classes", sa.JSON(), nullable=False),
        sa.Column("known_truth", sa.Boolean(), nullable=False),
        sa.Column("has_test", sa.Boolean(), nullable=False),
        sa.Column("imported", sa.Double(), nullable=False),
        sa.Column("live", sa.String()),
        sa.Column("queries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_projects"),
    )
    op.create_table(
        "items",
        _project(),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("path", sa.String()),
        sa.Column("media_type", sa.String()),
        sa.Column("holdout", sa.Boolean(), nullable=False),
        sa.Column("added", sa.Double(), nullable=False),
        sa.CheckConstraint("source IN ('array', 'file', 'upload')", name=op.f("ck_items_source")),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name="fk_items_projects"),
        sa.PrimaryKeyConstraint("project", "position", name="pk_items"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_items_id", "items", ["project", "id"], unique=True)
    op.create_table(
        "labels",
        _project(),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("annotator", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("candidates", sa.Text()),
        sa.Column("value", sa.Double()),
        sa.Column("time", sa.Double(), nullable=False),
        sa.Column("key", sa.String()),
        sa.Column("query", sa.String()),
        sa.CheckConstraint("(kind = 'candidates') = (candidates IS NOT NULL)", name=op.f("ck_labels_candidates")),
        sa.CheckConstraint("(kind = 'value') = (value IS NOT NULL)", name=op.f("ck_labels_value")),
        sa.CheckConstraint("kind IN ('candidates', 'value', 'skip', 'retract')", name=op.f("ck_labels_kind")),
        sa.ForeignKeyConstraint(["project", "position"], ["items.project", "items.position"], name="fk_labels_items"),
        sa.PrimaryKeyConstraint("project", "id", name="pk_labels"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_labels_position", "labels", ["project", "position"])
    op.create_table(
        "submissions",
        _project(),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("time", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name="fk_submissions_projects"),
        sa.PrimaryKeyConstraint("project", "key", name="pk_submissions"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "queries",
        sa.Column("id", sa.String(), nullable=False),
        _project(),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("time", sa.Double(), nullable=False),
        sa.Column("annotator", sa.String()),
        sa.Column("strategy", sa.String(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("checkpoint", sa.String()),
        sa.Column("scoring", sa.Integer()),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("last_label", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("excluded", sa.JSON(), nullable=False),
        sa.Column("chosen", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name="fk_queries_projects"),
        sa.PrimaryKeyConstraint("id", name="pk_queries"),
    )
    op.create_index("ix_queries_number", "queries", ["project", "number"], unique=True)
    op.create_table(
        "leases",
        _project(),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("annotator", sa.String(), nullable=False),
        sa.Column("query", sa.String(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.CheckConstraint("reason IN ('strategy', 'control', 'holdout')", name=op.f("ck_leases_reason")),
        sa.ForeignKeyConstraint(["project", "position"], ["items.project", "items.position"], name="fk_leases_items"),
        sa.PrimaryKeyConstraint("project", "position", "annotator", name="pk_leases"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_leases_query", "leases", ["query"])
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        _project(),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("started", sa.Double()),
        sa.Column("finished", sa.Double()),
        sa.Column("owner", sa.String()),
        sa.Column("cancel", sa.Boolean(), nullable=False),
        sa.CheckConstraint("kind IN ('import', 'train', 'score', 'evaluate')", name=op.f("ck_jobs_kind")),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'interrupted')",
            name=op.f("ck_jobs_state"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_jobs_one_training",
        "jobs",
        ["project"],
        unique=True,
        sqlite_where=sa.text(f"kind = 'train' AND {UNFINISHED}"),
        postgresql_where=sa.text(f"kind = 'train' AND {UNFINISHED}"),
    )
    op.create_index(
        "ix_jobs_unfinished", "jobs", ["id"], sqlite_where=sa.text(UNFINISHED), postgresql_where=sa.text(UNFINISHED)
    )
    op.create_table(
        "checkpoints",
        _project(),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("job", sa.Integer()),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("card", sa.JSON(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("folder", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_checkpoints_jobs"),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name="fk_checkpoints_projects"),
        sa.PrimaryKeyConstraint("project", "name", name="pk_checkpoints"),
    )
    op.create_index("ix_checkpoints_number", "checkpoints", ["project", "number"], unique=True)
    op.create_table(
        "scorings",
        sa.Column("id", sa.Integer(), nullable=False),
        _project(),
        sa.Column("checkpoint", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("arrays", sa.JSON(), nullable=False),
        sa.Column("folder", sa.String(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("last_label", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name="fk_scorings_projects"),
        sa.PrimaryKeyConstraint("id", name="pk_scorings"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_scorings_checkpoint", "scorings", ["project", "checkpoint"])


def downgrade() -> None:
    """Drop them."""
    for table in ["scorings", "checkpoints", "jobs", "leases", "queries", "submissions", "labels", "items", "projects"]:
        op.drop_table(table)


def _project() -> sa.Column[str]:
    return sa.Column("project", sa.String(), nullable=False)
