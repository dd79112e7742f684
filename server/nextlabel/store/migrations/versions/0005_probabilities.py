"""Add what queries store about the source of their class probabilities."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, empty in existing rows."""
    op.add_column("queries", sa.Column("probabilities", sa.String(), nullable=True))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("queries", "probabilities")
