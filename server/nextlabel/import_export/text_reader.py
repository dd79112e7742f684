"""Text files a line at a time, however large, with a clear word where one is no text."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from nextlabel.contracts.errors import BadRequest

LONGEST = 16_000_000
"""Bytes of a line: a file without line ends must not fill the memory."""
_CHUNK = 1 << 18
_OTHERS = {
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
    b"PK\x03\x04": "a ZIP archive; unpack it first",
    b"\x1f\x8b": "compressed with gzip; unpack it first",
}


@dataclass
class Text:
    """A file of text: its lines decoded, its bytes counted."""

    path: Path
    tell: Callable[[int], None] = lambda _: None
    """Is told how many bytes have been read."""
    line: int = 0

    def lines(self) -> Iterator[str]:
        """Yield the lines with their ends, without a byte order mark; BadRequest says which is not UTF-8."""
        with self.path.open("rb") as file:
            self._refuse_others(file)
            read = 0
            while raw := file.readline(LONGEST):
                self.line += 1
                if len(raw) == LONGEST and not raw.endswith(b"\n"):
                    raise BadRequest(f"{self.path.name}, line {self.line}: longer than {LONGEST:,} bytes")
                read += len(raw)
                if not self.line % 256 or len(raw) > 1 << 16:
                    self.tell(read)
                yield self._decode(raw.removeprefix(codecs.BOM_UTF8) if self.line == 1 else raw)
            self.tell(read)

    def chunks(self) -> Iterator[str]:
        """Yield the text in pieces that end anywhere: a file of one endless line is as good."""
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        with self.path.open("rb") as file:
            self._refuse_others(file)
            read, self.line = 0, 1
            while raw := file.read(_CHUNK):
                read += len(raw)
                self.tell(read)
                try:
                    text = decoder.decode(raw)
                except UnicodeDecodeError as error:
                    self.line += bytes(error.object[: error.start]).count(b"\n")
                    raise self._wrong(error) from None
                self.line += text.count("\n")
                yield text
            try:
                decoder.decode(b"", final=True)
            except UnicodeDecodeError as error:
                raise self._wrong(error) from None

    def _decode(self, raw: bytes) -> str:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._wrong(error) from None

    def _wrong(self, error: UnicodeDecodeError) -> BadRequest:
        byte = error.object[error.start]
        return BadRequest(
            f"{self.path.name}, line {self.line}: the byte 0x{byte:02X} is not UTF-8; save the file as UTF-8"
        )

    def _refuse_others(self, file: IO[bytes]) -> None:
        start = file.read(4)
        file.seek(0)
        for beginning, name in _OTHERS.items():
            if start.startswith(beginning):
                also = "" if ";" in name else "; save it as UTF-8"
                raise BadRequest(f"{self.path.name} is {name}{also}")
