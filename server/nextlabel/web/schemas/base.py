"""Base classes and field types of request and response models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from flask import Response
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, Strict, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

UNION_TAG = "="
"""Prefix of the tags of a union's members. Error messages leave out location parts that start with it."""
MAX_FIELDS = 20
MAX_ROWS = 100_000
"""Longest list in a request. It is far above any setting: the engine enforces the limits that /info reports."""
MAX_ID = 2**31 - 1
"""Largest integer key in PostgreSQL."""
PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
"""Excludes control characters: PostgreSQL cannot store NUL, and a line break in a name is a mistake."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=PRINTABLE)]
ItemId = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=PRINTABLE)]
Number = Annotated[FiniteFloat, Strict()]
Metrics = Mapping[str, float | None]
"""Metric values by name; null if not finite."""
Time = float
"""Seconds since the epoch."""


class RequestModel(BaseModel):
    """Base of all request models. Unknown fields are errors, so that a misspelt field is not silently ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def max_fields(cls, value: Any) -> Any:
        """Report a million unknown fields as one error instead of a million."""
        if isinstance(value, dict) and len(value) > MAX_FIELDS:
            raise PydanticCustomError("too_many_fields", "at most {most} fields", {"most": MAX_FIELDS})
        return value


class Reply(BaseModel):
    """Base of all response models. They are built from the engine's records, field by field."""

    model_config = ConfigDict(from_attributes=True, ser_json_inf_nan="null")


class ProjectPath(RequestModel):
    """Path parameters of every route under /projects."""

    project: Name = Field(description="the project's name")


class Problem(Reply):
    """A problem document (RFC 9457)."""

    type: str = Field(description="about:blank: the type adds nothing to the status")
    title: str = Field(description="the status in words")
    status: int
    detail: str = Field(description="what is wrong, why, and the valid choices, as text for users")
    faults: list[str] | None = Field(None, description="with 422: every error, one line per error")


def render(reply: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return `reply` as a JSON response. Fields that were never set are left out."""
    body = reply.model_dump_json(exclude_unset=True)
    return Response(body, status, headers=headers, content_type="application/json")


def one_of(*names: str) -> Callable[[Any], str | None]:
    """Return a discriminator: the tag of the only one of `names` that a value has, or None if it is not exactly one."""

    def tag(value: Any) -> str | None:
        if isinstance(value, RequestModel):
            value = value.model_fields_set
        elif not isinstance(value, dict):
            return None
        present = [name for name in names if name in value]
        return UNION_TAG + present[0] if len(present) == 1 else None

    return tag
