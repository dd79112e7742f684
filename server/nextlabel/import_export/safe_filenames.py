"""Names of classes and items as names of files: on every system, whatever they are called."""

from __future__ import annotations

from hashlib import sha256
from unicodedata import category, normalize

_FORBIDDEN = set('<>:"/\\|?*%')
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
"""What Windows takes for a device, whatever stands behind a dot."""
_LONGEST = 180
"""Bytes: file systems allow 255, and an ending and a mark come behind."""


class FileNames:
    """Gives each name a file name of its own; two that differ in case alone would be one on some systems."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def give(self, name: str, ending: str = "") -> str:
        """Return a file name; the same names in the same order get the same ones."""
        plain = encoded(name)
        mark = ""
        while (key := normalize("NFC", f"{plain}{mark}{ending}".casefold())) in self._taken:
            mark = f"%~{sha256(f'{name}{mark}'.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
        self._taken.add(key)
        return f"{plain}{mark}{ending}"


def encoded(name: str) -> str:
    """Return `name` as a file name: what is not safe in one stands as %XX, what is too long is cut and marked."""
    letters = [letter if _safe(letter) else _percent(letter) for letter in name]
    if letters and (name[0] in ". " or name.partition(".")[0].rstrip(" ").lower() in _DEVICES):
        letters[0] = _percent(name[0])
    if letters and name[-1] in ". ":
        letters[-1] = _percent(name[-1])
    plain = "".join(letters) or "%"
    if len(plain.encode()) <= _LONGEST:
        return plain
    kept = ""
    for letter in letters:
        if len((kept + letter).encode()) > _LONGEST - 10:
            break
        kept += letter
    return f"{kept}%~{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def _safe(letter: str) -> bool:
    plain = letter == " " or (letter not in _FORBIDDEN and category(letter)[0] not in "CZ")
    # what is written in another form by some systems would not be found again
    return plain and normalize("NFC", letter) == letter and category(letter)[0] != "M"


def _percent(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))
