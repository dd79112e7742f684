"""GET /query, and what becomes of a query."""

from __future__ import annotations

from flask import Response, request

from nextlabel.engine.records import QueryAnswer
from nextlabel.web.request_context import current_project
from nextlabel.web.routing import Route, json_response
from nextlabel.web.schemas.base import render
from nextlabel.web.schemas.query_schemas import (
    QueryItemReply,
    QueryPath,
    QueryQuery,
    QueryReply,
    ReleasedReply,
    SuggestionReply,
)
from nextlabel.web.urls import image_address


def query(query: QueryQuery) -> Response:
    """Choose what to label next.

    With `annotator` the items are leased to that person; what they hold already comes first.
    """
    # HEAD must change nothing, and nobody would see what it leases
    annotator = None if request.method == "HEAD" else query.annotator
    return _render(current_project().queries.create(query.size, query.strategy, annotator))


def stored(path: QueryPath) -> Response:
    """Show a query as it was answered."""
    return _render(current_project().queries.get(path.query))


def replay(path: QueryPath) -> Response:
    """Choose again from a query's record: the same answer, or 410 once its scores are gone."""
    return _render(current_project().queries.replay(path.query))


def hand_back(path: QueryPath) -> Response:
    """Hand a query's leases back."""
    return render(ReleasedReply(query=path.query, released=current_project().queries.release(path.query)))


def _render(answer: QueryAnswer) -> Response:
    address = image_address(answer.project)
    items = [
        QueryItemReply.model_construct(
            id=item.id,
            url=address(item.id),
            score=item.score,
            suggestion=None if item.suggestion is None else SuggestionReply.model_validate(item.suggestion),
            reason=item.reason,
        )
        for item in answer.items
    ]
    reply = QueryReply(
        project=answer.project,
        query=answer.query,
        strategy=answer.strategy,
        parameters=answer.parameters,
        checkpoint=answer.checkpoint,
        seed=answer.seed,
        items=items,
        remaining=answer.remaining,
        stale_labels=answer.stale_labels,
    )
    return render(reply, headers={"Cache-Control": "no-store"})


_RESPONSE = json_response(QueryReply, Cache_Control="no-store")
ROUTES = (
    Route("GET", "/query", query, _RESPONSE, (404, 413, 422, 503)),
    Route("GET", "/queries/<query>", stored, _RESPONSE, (404, 410, 503)),
    Route("GET", "/queries/<query>/replay", replay, _RESPONSE, (404, 410, 503)),
    Route("DELETE", "/queries/<query>", hand_back, ReleasedReply, (404,)),
)
