"""What pages say in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from nextlabel.engine.predict.preview import Look
from nextlabel.engine.predict.uncertainty import Doubt
from nextlabel.engine.records import ItemDetail, ItemSummary
from nextlabel.store.labels import Label

FAR_FROM_SQUARE = 0.65
"""A page tells of what is cut off once the model sees less than this share: of an image longer than 3 to 2."""


def either(names: Sequence[str]) -> str:
    """Return `cat`, `cat or dog`, `cat, dog or frog`."""
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else ""


def unsure(doubt: Doubt | None) -> str:
    """Return between what a model wavers; nothing where it is sure."""
    if doubt is None:
        return ""
    return "Not sure: " + either([*doubt.classes, "something else"] if doubt.others else doubt.classes)


def cut_off(look: Look) -> str:
    """Return what of an image far from the model's shape is seen; nothing where most of it is."""
    if look.share >= FAR_FROM_SQUARE:
        return ""
    return f"Only the middle is seen: {max(1, round(100 * look.share))} % of the image"


def number(value: float) -> str:
    """Return a value as somebody would write it: 1234567 stays what it is, 0.1 + 0.2 is 0.3."""
    return f"{value:.12g}"


def meaning(detail: ItemDetail) -> str:
    """Return what an item is taken for: its class, the classes it could be, its value, or that it is open."""
    item = detail.item
    if item.value is not None:
        return number(item.value)
    if item.candidates is not None:
        return either(item.candidates)
    if detail.agreed is not None:
        return "open: any class"
    return "open: no label"


def taken_for(item: ItemSummary) -> str:
    """Return what an item is taken for in a list of them: nothing where nobody said anything of it."""
    if item.value is not None:
        return number(item.value)
    return either(item.candidates) if item.candidates is not None else ""


def resolution(detail: ItemDetail) -> str:
    """Return how an item's set or value came to be."""
    spoken = {name: label for name, label in detail.current_labels.items() if not label.skip}
    if not spoken:
        return "Nobody has given it a label" + (" that still stands." if detail.history else ".")
    if len(spoken) == 1:
        return f"This is what {next(iter(spoken))} says."
    if detail.agreed is None:
        return f"The mean of the values of {len(spoken)} annotators."
    if len({label.candidates for label in spoken.values()}) == 1:
        return f"All {len(spoken)} annotators say the same."
    if detail.agreed:
        return f"What the sets of {len(spoken)} annotators have in common: their intersection."
    return f"{len(spoken)} annotators disagree and have no class in common: it could be any they named, the union."


def said(row: Label) -> str:
    """Return what somebody said once."""
    if row.candidates is not None:
        return either(row.candidates)
    if row.value is not None:
        return number(row.value)
    return "skipped it" if row.skip else "took the label back"


def moment(seconds: float) -> str:
    """Return a time since the epoch as `2031-05-09 14:03:07 UTC`; in seconds where no calendar has it."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):  # imported, in milliseconds for one
        return f"{seconds:g} s after 1970"
