"""POST /labels and GET /labels."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import chain, islice

from flask import Response, request

from nextlabel.contracts.errors import TooLarge, Unprocessable
from nextlabel.engine.labels.submit import ItemLabel, rejection
from nextlabel.import_export.formats.csv import writer as csv
from nextlabel.import_export.formats.jsonl import writer as jsonl
from nextlabel.import_export.label_fields import to_fields
from nextlabel.store.labels import Label, LabelEvent
from nextlabel.web.openapi import Routes
from nextlabel.web.request_context import current_project, settings
from nextlabel.web.schemas.label_responses import AcceptedReply, HistoryLabel, HistoryReply
from nextlabel.web.schemas.query_parameters import HistoryQuery
from nextlabel.web.schemas.request_bodies import Labels
from nextlabel.web.schemas.response_base import render

_AT_A_TIME = 500
"""Rows sent at a time: one by one, each would be a packet of its own."""


def submit(body: Labels) -> Response:
    """Store labels, all of them or none.

    They are on disk before the answer. The same key and labels again: the same answer, stored once.
    """
    most = settings().max_labels
    if len(body.labels) > most:
        raise TooLarge(f"at most {most:,} labels are taken at a time, not {len(body.labels):,}")
    accepted = current_project().labels.submit(body.annotator, _item_labels(body), body.key)
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


def add(api: Routes) -> None:
    """Add the routes."""
    api.post("/labels", responses=api.says({201: api.json(AcceptedReply)}, 400, 404, 409, 413, 415, 422, 503))(submit)
    answer = api.json(HistoryReply, "application/jsonl", "text/csv")
    api.get("/labels", responses=api.says({200: answer}, 404, 422, 503))(history)


def said(row: LabelEvent) -> HistoryLabel:
    """Return a row of the history with exactly one of candidates, value, skip and retract."""
    return HistoryLabel.model_validate(to_fields(row))


def _item_labels(body: Labels) -> list[ItemLabel]:
    """Return a request's labels with their items' ids. Raises Unprocessable with the reason for each invalid one."""
    pairs, faults = [], []
    for number, entry in enumerate(body.labels):
        try:
            pairs.append((entry.id, Label(**entry.model_dump(exclude={"id"}))))
        except Unprocessable as error:
            faults.append(f"labels[{number}]: {error}")
    if faults:
        raise rejection(faults)
    return pairs


def _as_json(project: str, rows: Iterator[LabelEvent]) -> Iterator[str]:
    yield f'{{"project":{json.dumps(project)},"labels":['
    comma = ""
    for row in jsonl.history_lines(rows):
        yield comma + row.rstrip("\n")
        comma = ",\n"
    yield "]}\n"


_FORMATS: dict[str, tuple[str, Callable[[str, Iterator[LabelEvent]], Iterator[str]]]] = {
    "json": ("application/json", _as_json),
    "jsonl": ("application/jsonl", lambda _project, rows: jsonl.history_lines(rows)),
    "csv": ("text/csv; charset=utf-8; header=present", lambda _project, rows: csv.history_lines(rows)),
}
