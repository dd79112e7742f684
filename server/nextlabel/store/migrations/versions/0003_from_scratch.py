"""Rename a parameter of queued trainings to `from_scratch`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OLD, NEW = "afresh", "from_scratch"


def upgrade() -> None:
    """Rename the parameter in the jobs that have not ended."""
    _rename(OLD, NEW)


def downgrade() -> None:
    """Restore the old name."""
    _rename(NEW, OLD)


def _rename(old: str, new: str) -> None:
    jobs = sa.table(
        "jobs", sa.column("id", sa.Integer()), sa.column("state", sa.String()), sa.column("parameters", sa.JSON())
    )
    connection = op.get_bind()
    unfinished = sa.select(jobs.c.id, jobs.c.parameters).where(jobs.c.state.in_(["queued", "running"]))
    for number, parameters in connection.execute(unfinished).all():
        if old in parameters:
            renamed = {new if name == old else name: value for name, value in parameters.items()}
            connection.execute(jobs.update().where(jobs.c.id == number).values(parameters=renamed))
