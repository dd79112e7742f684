"""Label Studio's CSV and TSV: one annotation per row, beside the data of its task."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nextlabel.contracts.errors import BadRequest, Unprocessable
from nextlabel.import_export.formats.label_studio.task_rows import image_field, image_row, labelled
from nextlabel.import_export.importing.rows import ImportRow, ReadContext
from nextlabel.import_export.label_fields import candidates_label, value_label
from nextlabel.store.labels import Label

_ID = "annotation_id"
_COLUMNS = {_ID, "annotator", "created_at", "updated_at", "lead_time", "agreement", "id"}
"""Columns beside the task's data. `id` is the number of the task, not an item's id."""


def parser(
    file: str, names: Sequence[str], context: ReadContext
) -> Callable[[str, Mapping[str, str]], ImportRow] | None:
    """Return what parses a row; None if the columns are not Label Studio's. Raises BadRequest."""
    question = context.options.question
    if _ID not in names:
        return None
    if question is not None and question not in names:
        raise BadRequest(f"{file} has no column {question!r}; its columns are {', '.join(names)}")

    def parse(location: str, cells: Mapping[str, str]) -> ImportRow:
        data = {name: cell for name, cell in cells.items() if name not in _COLUMNS and name != question}
        image = image_field(data)
        item = image_row(location, data[image], context.project)
        if not cells[_ID]:
            return item
        questions = [question] if question is not None else [name for name in data if name != image]
        if len(questions) != 1:
            columns = ", ".join(questions) or "none"
            raise Unprocessable(f"it is unclear which column holds the label: {columns}; name it with --question")
        label = _label(cells[questions[0]], context)
        annotation = {**cells, "id": cells[_ID]}
        return labelled(item, label, cells.get("annotator") or None, annotation, context)

    return parse


def _label(cell: str, context: ReadContext) -> Label:
    """Return the label of a cell, which holds one choice as text, several and numbers as JSON."""
    value: Any = cell
    if cell[:1] in {"[", "{"} and cell not in context.class_order:
        try:
            value = json.loads(cell)
        except ValueError:
            value = cell
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        (value,) = value
    if isinstance(value, dict):
        value = value.get("choices", value.get("number"))
    if value in ("", None, []):
        raise Unprocessable("the annotation holds no choices")
    if context.classes:
        return candidates_label([value] if isinstance(value, str) else value, context)
    try:
        return value_label(float(value), context)
    except (TypeError, ValueError):
        raise Unprocessable(f"{cell!r} is not a number") from None
