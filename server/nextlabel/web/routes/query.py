"""GET /query, and reading, replaying and releasing a stored query."""

from __future__ import annotations

from flask import Response, request

from nextlabel.engine.records import QueryAnswer
from nextlabel.web.request_context import current_project
from nextlabel.web.routing import Route, json_response
from nextlabel.web.schemas.base import render
from nextlabel.web.schemas.query_schemas import QueryPath, QueryQuery, QueryReply, ReleasedReply
from nextlabel.web.urls import image_address


def query(query: QueryQuery) -> Response:
    """Choose what to label next.

    With `annotator` the items are leased to that annotator; items leased to them already are returned first.
    """
    # HEAD must change nothing, and its client would not see what it leases
    annotator = None if request.method == "HEAD" else query.annotator
    return _render(current_project().queries.create(query.size, query.strategy, annotator))


def stored(path: QueryPath) -> Response:
    """Show a query as it was chosen."""
    return _render(current_project().queries.get(path.query))


def replay(path: QueryPath) -> Response:
    """Choose again from a query's record: the same items, or 410 if its scores were deleted."""
    return _render(current_project().queries.replay(path.query))


def hand_back(path: QueryPath) -> Response:
    """Release a query's leases."""
    return render(ReleasedReply(query=path.query, released=current_project().queries.release(path.query)))


def _render(answer: QueryAnswer) -> Response:
    reply = QueryReply.from_record(answer, image_address(answer.project))
    return render(reply, headers={"Cache-Control": "no-store"})


_RESPONSE = json_response(QueryReply, Cache_Control="no-store")
ROUTES = (
    Route("GET", "/query", query, _RESPONSE, (404, 413, 422, 503)),
    Route("GET", "/queries/<query>", stored, _RESPONSE, (404, 410, 503)),
    Route("GET", "/queries/<query>/replay", replay, _RESPONSE, (404, 410, 503)),
    Route("DELETE", "/queries/<query>", hand_back, ReleasedReply, (404,)),
)
