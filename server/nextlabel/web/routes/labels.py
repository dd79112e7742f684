"""POST /labels and GET /labels."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import chain, islice

from flask import Response, request

from nextlabel.contracts.errors import TooLarge, Unprocessable
from nextlabel.import_export.formats import csv, jsonl
from nextlabel.store.labels import Label, LabelEvent
from nextlabel.web.request_context import current_project, settings
from nextlabel.web.routing import Route, json_response
from nextlabel.web.schemas.base import render
from nextlabel.web.schemas.label_schemas import (
    AcceptedReply,
    AnyLabel,
    HistoryLabel,
    HistoryQuery,
    HistoryReply,
    Labels,
)

_AT_A_TIME = 500
"""Rows sent at a time: one by one, each would be a packet of its own."""


def submit(body: Labels) -> Response:
    """Store labels, all of them or none.

    They are on disk before the answer. The same key and labels again: the same answer, stored once.
    """
    most = settings().max_labels
    if len(body.labels) > most:
        raise TooLarge(f"at most {most:,} labels are taken at a time, not {len(body.labels):,}")
    submitted = [(entry.id, _label(entry)) for entry in body.labels]
    accepted = current_project().labels.submit(body.annotator, submitted, body.key)
    return render(AcceptedReply(accepted=accepted), 201)


def history(query: HistoryQuery) -> Response:
    """Stream every label ever stored, oldest first."""
    found = current_project()
    rows = found.labels.history()
    first = list(islice(rows, 1))  # so that what is wrong is said before the answer has begun
    kind, write = _FORMATS[query.format]
    parts = write(found.config.name, chain(first, rows))
    stream = iter(lambda: "".join(islice(parts, _AT_A_TIME)), "")
    return Response(stream if request.method != "HEAD" else (), content_type=kind)


def said(row: LabelEvent) -> HistoryLabel:
    """Return a row of the history with exactly one of candidates, value, skip and retract."""
    return HistoryLabel.model_validate(jsonl.fields(row))


def _label(entry: AnyLabel) -> Label | Unprocessable:
    """Return the label of an entry, or what is wrong with it: the engine reports all faults of a request at once."""
    try:
        return Label(**entry.model_dump(exclude={"id"}))
    except Unprocessable as error:
        return error


def _as_json(project: str, rows: Iterator[LabelEvent]) -> Iterator[str]:
    yield f'{{"project":{json.dumps(project)},"labels":['
    comma = ""
    for row in jsonl.write(rows):
        yield comma + row.rstrip("\n")
        comma = ",\n"
    yield "]}\n"


_FORMATS: dict[str, tuple[str, Callable[[str, Iterator[LabelEvent]], Iterator[str]]]] = {
    "json": ("application/json", _as_json),
    "jsonl": ("application/jsonl", lambda _project, rows: jsonl.write(rows)),
    "csv": ("text/csv; charset=utf-8; header=present", lambda _project, rows: csv.write(rows)),
}

ROUTES = (
    Route("POST", "/labels", submit, AcceptedReply, (400, 404, 409, 413, 415, 422, 503), status=201),
    Route("GET", "/labels", history, json_response(HistoryReply, "application/jsonl", "text/csv"), (404, 422, 503)),
)
