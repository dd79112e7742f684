"""JSON documents of any size, an element at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from json import JSONDecodeError, JSONDecoder
from pathlib import Path
from typing import Any

from nextlabel.contracts.errors import BadRequest
from nextlabel.import_export.text_reader import Text

LARGEST = 64_000_000
"""Characters of one element."""
_SPACE = " \t\r\n"
_LONGEST_WORD = 12
"""Characters that may be the begin of something, cut off: an escape, a constant."""
_ATOMS = "0123456789+-.eEtrufalsn"


@dataclass(frozen=True, slots=True)
class Member:
    """A part of a document: an element of the list at its top, or of a list in the object at its top."""

    line: int
    key: str | None
    """Of the object that holds it; None in a list."""
    value: Any


def members(text: Text) -> Iterator[Member]:
    """Yield the parts of a document; BadRequest says in which line it is no JSON.

    The object at the top is taken apart: its lists into their elements, what is no list as it is.
    """
    scan = _Scan(text)
    opening = scan.peek()
    if opening == "[":
        yield from scan.elements(None)
    elif opening == "{":
        scan.take("{")
        while scan.peek() != "}":
            key = scan.value()
            scan.take(":")
            if scan.peek() == "[":
                yield from scan.elements(str(key))
            else:
                line = scan.line
                yield Member(line, str(key), scan.value())
            if not scan.another("}"):
                break
        scan.take("}")
    else:
        raise scan.wrong("a list or an object is expected")
    if scan.peek():
        raise scan.wrong("something stands behind the end")


def first(path: Path) -> Member | None:
    """Return the first part of a document; None where it has none, or is none."""
    try:
        return next(members(Text(path)), None)
    except (BadRequest, OSError):
        return None


def _refuse(name: str) -> Any:
    raise JSONDecodeError(f"{name} is no number of JSON", name, 0)


_STRICT = JSONDecoder(parse_constant=_refuse)


@dataclass
class _Scan:
    text: Text
    line: int = 1
    _held: str = ""
    _place: int = 0
    _decoder: JSONDecoder = field(default_factory=lambda: _STRICT)

    def __post_init__(self) -> None:
        self._chunks = self.text.chunks()

    def peek(self) -> str:
        """Return the next character that is no space; empty at the end."""
        while True:
            while self._place < len(self._held):
                letter = self._held[self._place]
                if letter not in _SPACE:
                    return letter
                self.line += letter == "\n"
                self._place += 1
            if not self._more():
                return ""

    def take(self, wanted: str) -> None:
        """Step over one character."""
        if self.peek() != wanted:
            raise self.wrong(f"{wanted!r} is expected")
        self._place += 1

    def another(self, closing: str) -> bool:
        """Step over a comma; False where the list or object ends."""
        if self.peek() == ",":
            self.take(",")
            if self.peek() == closing:
                raise self.wrong("nothing stands behind the last comma")
            return True
        return False

    def elements(self, key: str | None) -> Iterator[Member]:
        """Yield what a list holds."""
        self.take("[")
        while self.peek() != "]":
            line = self.line
            yield Member(line, key, self.value())
            if not self.another("]"):
                break
        self.take("]")

    def value(self) -> Any:
        """Return the value that begins here, whole."""
        first = self.peek()
        wanted = 1 << 16
        while True:
            try:
                value, end = self._decoder.raw_decode(self._held, self._place)
            except JSONDecodeError as error:
                # what was read so far may just be too little of it
                cut = error.msg.startswith("Unterminated string") or error.pos >= len(self._held) - _LONGEST_WORD
                if cut and len(self._held) - self._place < LARGEST and self._more(wanted):
                    wanted *= 2
                    continue
                self.line += self._held.count("\n", self._place, error.pos)
                raise self.wrong(error.msg) from None
            except RecursionError:
                raise self.wrong("it is nested too deep") from None
            except ValueError:  # Python reads no more than some thousands of digits
                raise self.wrong("a number has too many digits") from None
            if end == len(self._held) and first in _ATOMS and self._more():
                continue
            self.line += self._held.count("\n", self._place, end)
            self._place = end
            return value

    def wrong(self, what: str) -> BadRequest:
        """Return the error of a document that is no JSON."""
        return BadRequest(f"{self.text.path.name}, line {self.line}: this is not JSON: {what}")

    def _more(self, wanted: int = 1) -> bool:
        """Read on, at least `wanted` characters; False at the end."""
        parts = [self._held[self._place :]]
        got = 0
        for chunk in self._chunks:
            parts.append(chunk)
            got += len(chunk)
            if got >= wanted:
                break
        self._held, self._place = "".join(parts), 0
        return got > 0


def parse(line: str) -> Any:
    """Return one value; JSONDecodeError, also for NaN and infinities, which JSON has no word for."""
    return _STRICT.decode(line)
