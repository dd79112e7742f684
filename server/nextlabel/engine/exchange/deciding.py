"""What of a file is stored: what makes sense here, and is not there already."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal

from nextlabel.contracts.errors import suggest
from nextlabel.engine.context import Context
from nextlabel.engine.exchange.entries import Entry, Fault, Said, shortly, storable
from nextlabel.engine.pool.state import PoolState
from nextlabel.store import labels
from nextlabel.store.history import SaidLabel
from nextlabel.store.labels import DATASET

SEPARATOR = "|"
_LONGEST = 200
_MANY = 30
"""Classes that a message lists all of."""


@dataclass
class Decider:
    """Takes labels in the order they are to be stored in.

    Labels with a time are there already where one of the same annotator, content, time and key
    is; those without where one of the same key is, or where the annotator's label stands so.
    """

    context: Context
    state: PoolState
    annotator: str
    """Of labels that name none."""
    key: str | None
    """Of labels that have neither time nor key."""
    now: float
    alone: bool = False
    """Whether an annotator says one thing of an item: in folders a picture cannot lie in two classes."""
    _spoken: dict[str, set[int]] = field(default_factory=dict)
    _standing: dict[str, dict[int, object]] = field(default_factory=dict)
    """By annotator and position, what stands once those taken so far are stored."""
    _present: dict[bool, Counter[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._order = {name: place for place, name in enumerate(self.state.project.classes)}
        self._sets: dict[object, tuple[str, ...] | str] = {}

    def decide(self, entry: Entry, position: int) -> SaidLabel | Fault | Literal["present"]:
        """Return the label to store, why it cannot be, or that it is there."""
        assert entry.said is not None
        who, said = entry.annotator or self.annotator, entry.said
        timed = entry.time is not None
        key = entry.key if timed else entry.key or self.key
        sets = self._candidates(said)
        fault = _unsound(who, "an annotator's name") or (key and _unsound(key, "a key"))
        if fault or isinstance(sets, str):
            return entry.fault(fault or str(sets))
        time = self.now if entry.time is None else entry.time
        row = SaidLabel(position, who, said.kind, sets, said.value, time, key)
        standing, content = self._stands(who, position), _content(row)
        # what the data set says here comes from the data set, wherever the file comes from
        settled = standing is not None and standing == content and (who == DATASET or not timed)
        if self._is_present(row, timed=timed) or settled:
            return "present"
        reason = self._refusal(entry, row, standing, timed=timed)
        if reason is not None:
            return entry.fault(reason)
        self._standing.setdefault(who, {})[position] = content
        return row

    def _refusal(self, entry: Entry, row: SaidLabel, standing: object, *, timed: bool) -> str | None:
        who = row.annotator
        if who == DATASET and not timed:
            return f"the annotator {DATASET!r} is the data set itself; choose another name"
        if row.kind == "retract" and standing is None:
            return f"there is no label by {who!r} on item {entry.item!r} to retract"
        if self.alone and row.position in self._standing.get(who, ()):
            before = " or ".join(map(str, standing)) if isinstance(standing, tuple) else str(standing)
            return f"the same picture lies in the folder {before} too"
        return None

    def _candidates(self, said: Said) -> tuple[str, ...] | str | None:
        """Return a set in the order of the classes, None where the label is none, or what is wrong."""
        classes = self.state.project.classes
        if said.kind == "value":
            return "this project takes candidates, not values" if classes else None
        if said.kind != "candidates":
            return None
        asked = said.candidates if said.written is None else said.written
        if asked not in self._sets:
            self._sets[asked] = self._check(asked)
        return self._sets[asked]

    def _check(self, asked: tuple[str, ...] | str | None) -> tuple[str, ...] | str:
        if not self._order:
            return "this project takes values, not candidates"
        names = self._split(asked) if isinstance(asked, str) else asked or ()
        if not names:
            return "a candidate set needs at least one class; to say nothing, skip"
        unknown = [name for name in names if name not in self._order]
        if unknown:
            return "; ".join(f"no class {shortly(name)}; {self._nearest(name)}" for name in unknown)
        if len(set(names)) < len(names):
            return f"a class stands twice in {shortly(list(names))}"
        return tuple(sorted(names, key=self._order.__getitem__))

    def _split(self, text: str) -> tuple[str, ...]:
        """Take a text apart at the bars, unless it is the name of a class as it stands."""
        for whole in (text, text.strip()):
            if whole in self._order:
                return (whole,)
        parts = [part if part in self._order else part.strip() for part in text.split(SEPARATOR)]
        return tuple(part for part in parts if part)

    def _nearest(self, name: str) -> str:
        said = suggest(name, list(self._order))
        return said if len(self._order) <= _MANY else said.partition("valid: ")[0] + f"there are {len(self._order)}"

    def _stands(self, who: str, position: int) -> object:
        """Return what the annotator's standing label of an item is, None where there is none."""
        if position in self._standing.get(who, ()):
            return self._standing[who][position]
        if who not in self._spoken:
            self._spoken[who] = self.state.labels.spoken(who)
        if position not in self._spoken[who]:
            return None
        said = self.state.labels.voices(position).get(who)
        return "skip" if said is None else said

    def _is_present(self, row: SaidLabel, *, timed: bool) -> bool:
        if not timed and row.key is None:
            return False
        if timed not in self._present:
            self._present[timed] = self._read(timed=timed)
        there = self._present[timed]
        if not there:
            return False
        name = _name(row, timed=timed)
        # a label that was said twice is there twice
        if there[name] > 0:
            there[name] -= 1
            return True
        return False

    def _read(self, *, timed: bool) -> Counter[bytes]:
        found: Counter[bytes] = Counter()
        for page in labels.pages(self.context.database, self.state.project.name, 10_000):
            for row in page:
                if row.id > self.state.labels.last:
                    return found
                if timed or row.key is not None:
                    said = (row.position, row.annotator, row.kind, row.candidates, row.value, row.time, row.key)
                    found[_name(SaidLabel(*said), timed=timed)] += 1
        return found


def _content(row: SaidLabel) -> object:
    """Return what stands once a label is stored: None after it was taken back."""
    if row.kind in {"skip", "retract"}:
        return "skip" if row.kind == "skip" else None
    return row.candidates if row.kind == "candidates" else row.value


def _name(row: SaidLabel, *, timed: bool) -> bytes:
    said = (row.position, row.annotator, row.kind, row.candidates, row.value, row.time if timed else None, row.key)
    return blake2b(repr(said).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _unsound(name: str, what: str) -> str | None:
    if len(name) > _LONGEST:
        return f"{what} has at most {_LONGEST} characters, not {len(name)}"
    if not storable(name):
        return f"{what} holds characters that cannot be stored: {shortly(name)}"
    return None
