"""Add what queries store about leased items and scorings about prepared arrays; a scoring may have no checkpoint."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, empty in existing rows, and let scorings have no checkpoint."""
    op.add_column("queries", sa.Column("leased", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("scorings", sa.Column("prepared", sa.JSON(), server_default="{}", nullable=False))
    _checkpoint_may_be_null(True)


def downgrade() -> None:
    """Drop the columns, and the scorings without a checkpoint."""
    op.execute("DELETE FROM scorings WHERE checkpoint IS NULL")
    _checkpoint_may_be_null(False)
    op.drop_column("scorings", "prepared")
    op.drop_column("queries", "leased")


def _checkpoint_may_be_null(nullable: bool) -> None:
    # SQLite copies the table; an id must still never be used twice
    with op.batch_alter_table("scorings", table_kwargs={"sqlite_autoincrement": True}) as scorings:
        scorings.alter_column("checkpoint", existing_type=sa.String(), nullable=nullable)
