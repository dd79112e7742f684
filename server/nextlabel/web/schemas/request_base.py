"""What every part of a request is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    Strict,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

TAG = "="
"""Begins the names of a union's branches, which no fault is to tell of."""
MAX_FIELDS = 20
PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
"""No control characters: PostgreSQL keeps no NUL, and a name with a line break is a mistake."""


class Said(BaseModel):
    """The base of all of them: nothing unknown, so that a misspelt field is not lost in silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def few(cls, value: Any) -> Any:
        """Refuse a million unknown fields as one fault, not as a million."""
        if isinstance(value, dict) and len(value) > MAX_FIELDS:
            raise PydanticCustomError("too_many_fields", "at most {most} fields", {"most": MAX_FIELDS})
        return value


Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=PRINTABLE)]
ItemId = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=PRINTABLE)]
Number = Annotated[FiniteFloat, Strict()]


def only(*names: str) -> Callable[[Any], str | None]:
    """Return what tells which one of `names` an object has; None where it is not exactly one."""

    def which(value: Any) -> str | None:
        if isinstance(value, Said):
            value = value.model_fields_set
        elif not isinstance(value, dict):
            return None
        found = [name for name in names if name in value]
        return TAG + found[0] if len(found) == 1 else None

    return which


def between(least: int, most: int) -> BeforeValidator:
    """Bound a list's length before its entries are read, so that millions of wrong ones are one fault."""

    def check(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            if len(value) < least:
                raise PydanticCustomError("too_short", "at least {least} entries", {"least": least})
            if len(value) > most:
                raise PydanticCustomError("too_long", "at most {most} entries", {"most": most})
        return value

    return BeforeValidator(check)


def entries(least: int, most: int) -> Any:
    """Return the field of such a list, with its bounds in the document."""
    return Field(json_schema_extra={"minItems": least, "maxItems": most})
