"""Columns and constraints that several tables share."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Column, Dialect, ForeignKeyConstraint, String, TypeDecorator


class JSONTuple(TypeDecorator[tuple[Any, ...]]):
    """A JSON list, read as a tuple."""

    impl = JSON
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[Any, ...] | None:
        """Freeze what was read."""
        del dialect
        return None if value is None else tuple(value)


def project(*, key: bool = True) -> Column[str]:
    """Return the column that says whose a row is."""
    return Column("project", String, primary_key=key, nullable=False)


def in_projects() -> ForeignKeyConstraint:
    """Return the constraint that the project exists."""
    return ForeignKeyConstraint(["project"], ["projects.name"])


def of_item() -> ForeignKeyConstraint:
    """Return the constraint that the item exists."""
    return ForeignKeyConstraint(["project", "position"], ["items.project", "items.position"])
