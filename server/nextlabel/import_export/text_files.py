"""Text files read line by line, and JSON read entry by entry and written as over HTTP."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

import ijson
from pydantic_core import to_json

from nextlabel.contracts.errors import BadRequest


def text_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a UTF-8 file with their ends, without a byte order mark. Raises BadRequest."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                byte = line[error.start]
                reason = f"the byte 0x{byte:02X} is not UTF-8; save the file as UTF-8"
                raise BadRequest(f"{path.name}, line {number}: {reason}") from None


def entries(path: Path, prefix: str) -> Iterator[Any]:
    """Yield the values at an ijson prefix such as `item` or `images.item`. Raises BadRequest if the JSON is broken."""
    with _open(path) as file:
        yield from ijson.items(file, prefix, use_float=True)


def first_entry(path: Path, prefix: str) -> Any:
    """Return the first value at an ijson prefix; None if there is none, or no JSON."""
    try:
        return next(entries(path, prefix), None)
    except (BadRequest, OSError):
        return None


def top_level(path: Path) -> Literal["array", "object"]:
    """Return what a document is. Raises BadRequest if it is neither."""
    # `ijson.parse` would do, but crashes the process if a number has thousands of digits
    with path.open("rb") as file:
        start = file.read(1024).removeprefix(codecs.BOM_UTF8).lstrip()
    if start[:1] not in {b"[", b"{"}:
        raise BadRequest(f"{path.name} is not valid JSON: it does not begin with a list or an object")
    return "array" if start[:1] == b"[" else "object"


def dumps(value: Any) -> str:
    """Return a value as JSON on one line."""
    return to_json(value, inf_nan_mode="null").decode()


def write_array(file: IO[str], values: Iterable[Any]) -> None:
    """Write a JSON array with one value per line."""
    separator = "[\n"
    for value in values:
        file.write(separator + dumps(value))
        separator = ",\n"
    file.write("[]" if separator == "[\n" else "\n]")


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as file:
        if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            file.seek(0)
        try:
            yield file
        except ijson.JSONError as error:
            raise BadRequest(f"{path.name} is not valid JSON: {_reason(path, error)}") from None


def _reason(path: Path, error: ijson.JSONError) -> str:
    """Return what is wrong with its line, which the streaming parser does not know."""
    try:
        json.loads(path.read_bytes())
    except (ValueError, RecursionError) as located:
        return str(located)
    return str(error).partition("\n")[0]
