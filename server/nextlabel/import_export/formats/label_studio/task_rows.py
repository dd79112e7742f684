"""The rows of Label Studio's tasks: which image an address means, and what identifies an annotation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

from nextlabel.contracts.errors import Unprocessable
from nextlabel.import_export.importing.rows import ImportRow, ReadContext, parse_time
from nextlabel.import_export.label_fields import new_event
from nextlabel.store.labels import Label

_FIELDS = ("image", "img", "picture", "photo", "url", "file", "filename", "path")
"""Common names of the field with a task's image, the likeliest first."""
_ITEM = re.compile(r"/projects/([^/]+)/items/(.+)/image$")
_LOCAL_FILE = "/data/local-files/?d="
_UPLOAD = re.compile(r"(?:.*/data/|)upload/.*?([^/]+)$")
_UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-(?=.)")
"""The prefix that Label Studio adds to the name of an uploaded file."""


def image_row(location: str, address: str, project: str) -> ImportRow:
    """Return a row without a label for the image at an address."""
    item = _ITEM.search(unquote(address))
    if item and item[1] == project:
        return ImportRow(location, None, id=item[2])
    return ImportRow(location, None, files=tuple(dict.fromkeys((address, *_names(address)))))


def image_field(data: Mapping[str, Any]) -> str:
    """Return the name of the field that holds the address of a task's image. Raises Unprocessable."""
    texts = {name: value for name, value in data.items() if isinstance(value, str)}
    addresses = [name for name, value in texts.items() if "/" in value]
    likely = [name for name in _FIELDS if name in texts] or (addresses if len(addresses) == 1 else [])
    if likely:
        return likely[0]
    raise Unprocessable(f"the task's data names no image; its fields are {', '.join(data) or 'none'}")


def labelled(
    item: ImportRow, label: Label, annotator: str | None, fields: Mapping[str, Any], context: ReadContext
) -> ImportRow:
    """Return the row `item` with the label of an annotation, whose `id` and dates are in `fields`.

    Label Studio never changes the id and `created_at`, and moves `updated_at` if the annotation is changed.
    Raises Unprocessable.
    """
    created = parse_time(fields.get("created_at"))
    updated = parse_time(fields.get("updated_at"))
    time = created if updated is None else updated
    key = None
    if created is not None and fields.get("id"):
        key = f"label-studio-{fields['id']}-{created:.6f}"
    event = new_event(context, label, annotator=annotator, time=time, key=key)
    return replace(item, event=event, timed=time is not None, annotation=key is not None)


def _names(address: str) -> Iterator[str]:
    """Yield the paths that an address may mean, as it is and unquoted: Label Studio writes both."""
    if _LOCAL_FILE in address:
        path = address.partition(_LOCAL_FILE)[2]
        yield from (path, unquote(path), unquote(re.split("[&#]", path)[0]))
        return
    try:
        path = urlsplit(address).path if "://" in address or "?" in address else address
    except ValueError:  # such as `http://[`
        return
    upload = _UPLOAD.match(unquote(path))
    if upload:
        yield from (upload[1], _UPLOAD_PREFIX.sub("", upload[1], count=1))
    else:
        yield from (path.lstrip("/"), unquote(path).lstrip("/"))
