"""Text files, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

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
