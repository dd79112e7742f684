"""Add the column `promoted` to checkpoints."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Until now the verdict of a checkpoint alone recorded whether it went live.
NOT_PROMOTED = (
    "worse than the live checkpoint%",
    "there is no common hold-out%",
    "%; the live checkpoint was trained here",
)


def upgrade() -> None:
    """Add the column and fill it from the verdicts."""
    op.add_column("checkpoints", sa.Column("promoted", sa.Boolean(), server_default=sa.false(), nullable=False))
    checkpoints = sa.table("checkpoints", sa.column("promoted", sa.Boolean()), sa.column("verdict", sa.String()))
    waits = sa.or_(*(checkpoints.c.verdict.like(pattern) for pattern in NOT_PROMOTED))
    op.execute(checkpoints.update().where(~waits).values(promoted=True))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("checkpoints", "promoted")
