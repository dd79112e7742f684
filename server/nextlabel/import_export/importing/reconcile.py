"""What of a file is stored: what makes sense here, and is not there already."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from nextlabel.contracts.errors import suggest
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.services import Services
from nextlabel.import_export.importing.existing_labels import Before, content
from nextlabel.import_export.importing.import_rows import Entry, Fault, Said, SaidLabel, shortly, storable
from nextlabel.store.labels import DATASET

SEPARATOR = "|"
_LONGEST = 200
_MANY = 30
"""Classes that a message lists all of."""


@dataclass
class Decider:
    """Takes labels in the order they are to be stored in.

    Labels with a time are there already where one of the same annotator, content, time and key
    is; those without where one of the same key is, or where the annotator's label stands so. What
    stands at a source is there where the source said so the last time, whatever was said here since.
    """

    services: Services
    state: PoolState
    annotator: str
    """Of labels that name none."""
    key: str | None
    """Of labels that have neither time nor key."""
    now: float
    exclusive: bool = False
    """Whether an annotator says one thing of an item: in folders an image cannot lie in two classes."""
    _spoken: dict[str, set[int]] = field(default_factory=dict)
    _standing: dict[str, dict[int, object]] = field(default_factory=dict)
    """By annotator and position, what stands once those taken so far are stored."""
    _lie: dict[tuple[str, int], object] = field(default_factory=dict)
    """By annotator and position, the class of the folder that an image lies in."""

    def __post_init__(self) -> None:
        self._order = {name: place for place, name in enumerate(self.state.project.classes)}
        self._sets: dict[object, tuple[str, ...] | str] = {}
        self._before = Before(self.services.database, self.state.project.name, self.state.labels.last)

    def decide(self, entry: Entry, position: int) -> SaidLabel | Fault | Literal["present", "exported"]:
        """Return the label to store, why it cannot be, that it is there, or that it only says again what we wrote."""
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
        standing, says = self._stands(who, position), content(row)
        if self.exclusive and self._lie.setdefault((who, position), says) != says:
            return entry.fault(f"the same image lies in the folder {_words(self._lie[who, position])} too")
        told = self._before.told(row) if entry.standing else None
        if told is None and entry.exported:
            return "exported"
        if entry.standing:
            # what a source says for the first time is stored though it stands: it is then known to have said it,
            # and will not undo what is corrected here afterwards
            present = says == (told if told is not None or who != DATASET else standing)
        else:
            # what the data set says here comes from the data set, wherever the file comes from
            settled = standing is not None and standing == says and (who == DATASET or not timed)
            present = self._before.has(row, timed=timed) or settled
        if present:
            return "present"
        reason = self._refusal(entry, row, standing, timed=timed)
        if reason is not None:
            return entry.fault(reason)
        self._standing.setdefault(who, {})[position] = says
        if entry.standing:
            self._before.note(row)
        return row

    def _refusal(self, entry: Entry, row: SaidLabel, standing: object, *, timed: bool) -> str | None:
        who = row.annotator
        if who == DATASET and not timed:
            return f"the annotator {DATASET!r} is the data set itself; choose another name"
        if row.kind == "retract" and standing is None:
            return f"there is no label by {who!r} on item {entry.item!r} to retract"
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
            self._spoken[who] = self.state.labels.positions_labelled_by(who)
        if position not in self._spoken[who]:
            return None
        label = self.state.labels.current_labels(position)[who]
        if label.skip:
            return "skip"
        return label.value if label.candidates is None else label.candidates


def _words(says: object) -> str:
    return " or ".join(map(str, says)) if isinstance(says, tuple) else str(says)


def _unsound(name: str, what: str) -> str | None:
    if len(name) > _LONGEST:
        return f"{what} has at most {_LONGEST} characters, not {len(name)}"
    if not storable(name):
        return f"{what} holds characters that cannot be stored: {shortly(name)}"
    return None
