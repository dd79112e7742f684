"""What every reply is made of."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

Metrics = Mapping[str, float | None]
"""A metric that is not a finite number is null."""
Time = float
"""Seconds since the epoch."""


class Reply(BaseModel):
    """The base of all of them: made from the engine's records, field by field."""

    model_config = ConfigDict(from_attributes=True, ser_json_inf_nan="null")


class Problem(Reply):
    """What went wrong (RFC 9457)."""

    type: str = Field(description="about:blank: the status says it all")
    title: str = Field(description="the status in words")
    status: int
    detail: str = Field(description="what, why, and the valid choices, for a person")
    faults: list[str] | None = Field(None, description="with 422: every reason, one a line")


def render(reply: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return `reply` as JSON, without what was never set."""
    body = reply.model_dump_json(exclude_unset=True)
    return Response(body, status, headers=headers, content_type="application/json")
