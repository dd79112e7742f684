"""File names for classes and items that are valid and distinct on every system."""

from __future__ import annotations

from hashlib import sha256
from unicodedata import category, normalize

_FORBIDDEN = set('<>:"/\\|?*%')
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
"""Names that Windows reads as a device, with any suffix."""
_LONGEST = 180
"""Bytes. File systems allow 255; a hash and a suffix follow."""


class FileNames:
    """Gives each name a file name of its own. Two that differ only in case would be one file on some systems."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def unique(self, name: str, suffix: str = "") -> str:
        """Return a file name that was not returned before; the same names in the same order get the same ones."""
        plain = encoded(name)
        mark = ""
        while (key := normalize("NFC", f"{plain}{mark}{suffix}".casefold())) in self._taken:
            mark = f"%~{_digest(f'{name}{mark}')}"
        self._taken.add(key)
        return f"{plain}{mark}{suffix}"


def encoded(name: str) -> str:
    """Return `name` as a file name: unsafe characters become %XX, and a long name is cut and gets a hash."""
    letters = [letter if _is_safe(letter) else _percent(letter) for letter in name]
    if letters and (name[0] in ". " or name.partition(".")[0].rstrip(" ").lower() in _DEVICES):
        letters[0] = _percent(name[0])
    if letters and name[-1] in ". ":
        letters[-1] = _percent(name[-1])
    plain = "".join(letters) or "%"
    if len(plain.encode()) <= _LONGEST:
        return plain
    start = ""
    for letter in letters:
        if len((start + letter).encode()) > _LONGEST - 10:
            break
        start += letter
    return f"{start}%~{_digest(name)}"


def _is_safe(letter: str) -> bool:
    safe = letter == " " or (letter not in _FORBIDDEN and category(letter)[0] not in "CZ")
    # some systems store these letters in another form, under which they would not be found again
    return safe and normalize("NFC", letter) == letter and category(letter)[0] != "M"


def _percent(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))


def _digest(name: str) -> str:
    return sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
