"""What an annotation of Label Studio means, in its JSON as in its CSV."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nextlabel.import_export.importing.rows import ImportRow, ReadContext, parse_time
from nextlabel.import_export.label_fields import new_event
from nextlabel.store.labels import Label


def labelled(
    item: ImportRow, label: Label, annotator: str | None, fields: Mapping[str, Any], context: ReadContext
) -> ImportRow:
    """Return the row `item` with the label of an annotation, whose `id` and dates are in `fields`.

    Label Studio never changes the id and `created_at`, and moves `updated_at` if the annotation is changed.
    Raises InvalidRow.
    """
    created = parse_time(fields.get("created_at"))
    updated = parse_time(fields.get("updated_at"))
    time = created if updated is None else updated
    key = None
    if created is not None and fields.get("id"):
        key = f"label-studio-{fields['id']}-{created:.6f}"
    event = new_event(context, label, annotator=annotator, time=time, key=key)
    return replace(item, event=event, timed=time is not None, annotation=key is not None)
