"""POST /labels and GET /labels."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import chain, islice

from flask import Response, request

from nextlabel.contracts.errors import TooLarge, Unprocessable
from nextlabel.import_export.formats.csv import writer as csv
from nextlabel.import_export.formats.jsonl import writer as jsonl
from nextlabel.import_export.label_fields import to_fields
from nextlabel.store.labels import Label, LabelEvent
from nextlabel.web.request_context import current_project, settings
from nextlabel.web.routing import Route, json_response
from nextlabel.web.schemas.base import render
from nextlabel.web.schemas.label_schemas import (
    AcceptedReply,
    AnyLabel,
    CandidatesLabel,
    HistoryLabel,
    HistoryQuery,
    HistoryReply,
    Labels,
)

_ROWS_PER_CHUNK = 500
"""Rows per chunk of a streamed response; single rows would be sent as one packet each."""


def submit(body: Labels) -> Response:
    """Store labels, all of them or none.

    They are on disk when the response is sent. Repeating a request with the same key and labels
    stores nothing and returns the same response.
    """
    limit = settings().max_labels
    if len(body.labels) > limit:
        raise TooLarge(f"a request may have at most {limit:,} labels, not {len(body.labels):,}")
    submitted = [(entry.id, _label(entry)) for entry in body.labels]
    accepted = current_project().labels.submit(body.annotator, submitted, body.key)
    return render(AcceptedReply(accepted=accepted), 201)


def history(query: HistoryQuery) -> Response:
    """Stream every label ever stored, oldest first."""
    project = current_project()
    events = project.labels.history()
    first = list(islice(events, 1))  # so that errors are raised before the response has begun
    content_type, write = _FORMATS[query.format]
    lines = write(project.config.name, chain(first, events))
    stream = iter(lambda: "".join(islice(lines, _ROWS_PER_CHUNK)), "")
    return Response(stream if request.method != "HEAD" else (), content_type=content_type)


def history_label(event: LabelEvent) -> HistoryLabel:
    """Return a label of the history as JSON shows it."""
    return HistoryLabel.model_validate(to_fields(event))


def _label(entry: AnyLabel) -> Label | Unprocessable:
    """Return the label of an entry, or its error, since the engine reports all errors of a request together."""
    content = entry.model_dump(exclude={"id"})
    if isinstance(entry, CandidatesLabel):
        content["candidates"] = tuple(entry.candidates)
    try:
        return Label(**content)
    except Unprocessable as error:
        return error


def _as_json(project: str, events: Iterator[LabelEvent]) -> Iterator[str]:
    yield f'{{"project":{json.dumps(project)},"labels":['
    comma = ""
    for line in jsonl.history_lines(events):
        yield comma + line.rstrip("\n")
        comma = ",\n"
    yield "]}\n"


_FORMATS: dict[str, tuple[str, Callable[[str, Iterator[LabelEvent]], Iterator[str]]]] = {
    "json": ("application/json", _as_json),
    "jsonl": ("application/jsonl", lambda _project, events: jsonl.history_lines(events)),
    "csv": ("text/csv; charset=utf-8; header=present", lambda _project, events: csv.history_lines(events)),
}

ROUTES = (
    Route("POST", "/labels", submit, AcceptedReply, (400, 404, 409, 413, 415, 422, 503), status=201),
    Route("GET", "/labels", history, json_response(HistoryReply, "application/jsonl", "text/csv"), (404, 422, 503)),
)
