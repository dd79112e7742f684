"""The items asked in each round of a run as an SVG document: their content, predicted class and true class."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape

from nextlabel.engine.simulation.queried import SHOWN, QueriedItem
from nextlabel.engine.simulation.simulate import Point

_LEFT, _TOP, _MARGIN = 156, 74, 16
"""Width of the column of headings, height of the title, and the margin, in pixels."""
_CELL, _SIDE, _ROW = 84, 64, 122
"""Width of an item, side of its picture, and height of a round, in pixels."""
_MIN_WIDTH = 560
_MAX_TEXT = 12
"""Characters of a class that fit below a picture."""
_MAX_ID = 8
"""Characters of an id that fit in a frame."""
_MAX_VALUES = 4
"""Values of a vector that fit in its frame."""


def draw_queried(title: str, points: Sequence[Point]) -> str:
    """Return the SVG document with a row for each of `points` in which items were asked, the points of one run.

    Shows the first `SHOWN` items of a round. A wrong prediction has a cross and a thick frame.
    """
    rounds = [point for point in points if point.queried]
    most = min(SHOWN, max((len(point.queried) for point in rounds), default=0))
    width = max(_MIN_WIDTH, _LEFT + most * _CELL + _MARGIN)
    height = _TOP + len(rounds) * _ROW + _MARGIN
    attributes = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img"'
    run = f"{points[0].strategy}, seed {points[0].seed}" if points else ""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {attributes} aria-label="{escape(title)}: the items asked">',
        f"<style>{_STYLE}</style>",
        '<rect class="background" width="100%" height="100%"/>',
        _text(f"{title}: asked by {run}", _MARGIN, 28, "heading"),
        _text("Predicted: before the label. A cross marks a wrong prediction.", _MARGIN, 50, "small"),
        *(part for row, point in enumerate(rounds) for part in _round(point, _TOP + row * _ROW)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _round(point: Point, top: int) -> list[str]:
    items = point.queried
    count = f"{min(SHOWN, len(items))} of {len(items):,} shown" if len(items) > SHOWN else f"{len(items)} asked"
    judged = [item for item in items if item.predicted is not None and isinstance(item.true, str)]
    wrong = sum(item.is_wrong for item in judged)
    return [
        f'<g class="round"><path class="grid" d="M{_MARGIN} {top - 8}H{_LEFT + len(items[:SHOWN]) * _CELL}"/>',
        _text(f"round {point.round}", _MARGIN, top + 16, "strong"),
        _text(count, _MARGIN, top + 34, "small"),
        _text(f"{wrong:,} of {len(judged):,} wrong", _MARGIN, top + 50, "small") if judged else "",
        _text("predicted", _MARGIN, top + _SIDE + 18, "small"),
        _text("true", _MARGIN, top + _SIDE + 36, "small"),
        *(_item(item, _LEFT + place * _CELL, top) for place, item in enumerate(items[:SHOWN])),
        "</g>",
    ]


def _item(item: QueriedItem, left: int, top: int) -> str:
    predicted, true = _answer(item.predicted), _answer(item.true)
    hint = f"{item.id}: predicted {predicted}, true {true}"
    middle = left + _SIDE / 2
    frame = f'class="frame" x="{left}" y="{top}" width="{_SIDE}" height="{_SIDE}"'
    cross = "✗ " if item.is_wrong else ""
    parts = [
        f'<g class="{"item wrong" if item.is_wrong else "item"}"><title>{escape(hint)}</title>',
        _content(item, left, top),
        f"<rect {frame}/>",
        _text(cross + _short(predicted), middle, top + _SIDE + 18, "predicted", "middle"),
        _text(_short(true), middle, top + _SIDE + 36, "true", "middle"),
        "</g>",
    ]
    return "".join(parts)


def _content(item: QueriedItem, left: int, top: int) -> str:
    """Return the item's image, or its id and the first values of its vector."""
    if item.image is not None:
        data = b64encode(item.image).decode()
        place = f'x="{left}" y="{top}" width="{_SIDE}" height="{_SIDE}"'
        return f'<image {place} href="data:image/png;base64,{data}"/>'
    values = item.vector or ()
    lines = [_short(item.id, _MAX_ID), *(f"{value:.3g}" for value in values[:_MAX_VALUES])]
    if len(values) > _MAX_VALUES:
        lines[-1] = "…"
    return "".join(_text(line, left + 5, top + 14 + 11.5 * row, "tiny") for row, line in enumerate(lines))


def _answer(value: str | float | None) -> str:
    return "none" if value is None else f"{value:.3g}" if isinstance(value, float) else value


def _short(text: str, most: int = _MAX_TEXT) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _text(text: str, x: float, y: float, css_class: str, anchor: str = "start") -> str:
    return f'<text class="{css_class}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'


_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1d2229}.heading{font-size:16px;font-weight:600}.strong{font-weight:600}"
    ".small{font-size:12px;fill:#4a525c}.tiny{font-size:10.5px}.background{fill:#fff}.grid{stroke:#e2e5e9}"
    "image{image-rendering:pixelated}.frame{fill:none;stroke:#8b95a1}.wrong .frame{stroke:#c22f2f;stroke-width:4}"
    ".wrong .predicted{fill:#b02525;font-weight:600}"
    "@media(prefers-color-scheme:dark){text{fill:#e6e9ed}.small{fill:#aab4c0}.background{fill:#14171b}"
    ".grid{stroke:#2b3138}.wrong .frame{stroke:#ff6b6b}.wrong .predicted{fill:#ff8a8a}}"
)
