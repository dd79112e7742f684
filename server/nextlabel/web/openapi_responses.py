"""The answers a document describes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from nextlabel.web.problems import MEDIA_TYPE
from nextlabel.web.schemas.response_base import Problem

_SCHEMAS = "#/components/schemas"

WHEN: Mapping[int, str] = {
    400: "cannot be parsed, or is empty",
    401: "no access token, or a wrong one",
    403: "a foreign Host or Origin",
    404: "there is no such thing",
    409: "clashes with what is already so",
    410: "was kept once and is no longer",
    413: "more bytes, pixels or rows than allowed; the detail holds the limit",
    415: "not a kind of content read here",
    422: "parsed, and makes no sense; every fault is listed",
    500: "a fault of the server, or a project that cannot run here; never a traceback",
    503: "not computed yet",
}
EVERYWHERE = (403, 500)


def plain(description: str, *kinds: str) -> dict[str, Any]:
    """Return an answer that is no JSON of ours."""
    return {"description": description, "content": {kind: {"schema": {}} for kind in kinds}}


def ref(model: type[BaseModel]) -> dict[str, str]:
    """Return the reference to a model's schema."""
    return {"$ref": f"{_SCHEMAS}/{model.__name__}"}


def refusal(status: int) -> dict[str, Any]:
    """Return the problem document a status comes with."""
    answer: dict[str, Any] = {
        "description": WHEN[status],
        "content": {MEDIA_TYPE: {"schema": ref(Problem)}},
    }
    if status == 503:  # noqa: PLR2004
        answer["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    if status == 401:  # noqa: PLR2004
        answer["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return answer
