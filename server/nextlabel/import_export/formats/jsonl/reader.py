"""JSON Lines: one label per line, as `nextlabel export` and users' programs write them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from json import JSONDecodeError
from pathlib import Path
from typing import Any

from nextlabel.contracts.errors import Unprocessable
from nextlabel.import_export.importing.rows import Fault, ImportRow, ReadContext, shortened
from nextlabel.import_export.label_fields import FIELDS, to_row
from nextlabel.import_export.text_files import text_lines


def read(path: Path, context: ReadContext) -> Iterator[ImportRow | Fault]:
    """Yield one label per line."""
    for number, line in enumerate(text_lines(path), 1):
        if not line.strip():
            continue
        location = f"line {number}"
        try:
            yield to_row(location, _object(line), context)
        except Unprocessable as error:
            yield Fault(location, str(error))


def _object(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line, parse_constant=_refuse)
    except JSONDecodeError as error:
        raise Unprocessable(f"this is not JSON: {error.msg} (column {error.colno})") from None
    except RecursionError:
        raise Unprocessable("this is not JSON: it is nested too deep") from None
    except ValueError as error:
        raise Unprocessable(f"this JSON cannot be read: {error}") from None
    if not isinstance(value, dict):
        raise Unprocessable(f"a label must be an object, not {shortened(value)}")
    unknown = [name for name in value if name not in FIELDS]
    if unknown:
        raise Unprocessable(f"no field of a label is called {unknown[0]!r}; valid: {', '.join(sorted(FIELDS))}")
    return value


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
