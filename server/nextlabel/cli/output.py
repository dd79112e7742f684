"""What commands print: one JSON document, or text for a person; progress goes to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any

import click
from pydantic import BaseModel
from pydantic_core import to_json
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

_WIDE = 10_000

Advance = Callable[[float, str], None]
"""Takes the share done, 0..1, and a few words."""


@dataclass(frozen=True)
class Screen:
    """Where a command's answer goes."""

    as_json: bool

    def answer(self, reply: BaseModel | dict[str, Any], show: str | Callable[[Console], None]) -> None:
        """Print `reply` as JSON, by the very models HTTP answers with; for a person `show`, or what it writes."""
        if not self.as_json and isinstance(show, str):
            click.echo(show)
        elif not self.as_json and callable(show):
            # a file or a pipe has no edge at which a table would have to be folded
            width = None if sys.stdout.isatty() else _WIDE
            show(Console(width=width, highlight=False, markup=False, emoji=False))
        elif isinstance(reply, BaseModel):
            click.echo(reply.model_dump_json(exclude_unset=True))
        else:
            click.echo(to_json(reply, inf_nan_mode="null"))

    @contextmanager
    def progress(self, what: str) -> Iterator[Advance]:
        """Show a bar while the block runs; what the block itself prints is dropped."""
        console = Console(stderr=True)
        said = TextColumn("{task.fields[said]}")
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"), said)
        hidden = self.as_json or not console.is_terminal
        bar = Progress(*columns, TimeElapsedColumn(), console=console, disable=hidden)
        with open(os.devnull, "w") as sink, bar, redirect_stdout(sink):  # noqa: PTH123 - no file, a sink
            task = bar.add_task(what, total=1.0, said="")
            yield lambda share, said: bar.update(task, completed=share, said=said)


def table(headings: Sequence[str], title: str | None = None) -> Table:
    """Return a table that folds what does not fit: an id that is cut off names nothing."""
    return Table(*(Column(name, overflow="fold") for name in headings), title=title, title_justify="left")


def metrics_line(metrics: dict[str, float] | Any) -> str:
    """Return metrics in words: percentages for shares, the rest as numbers."""
    parts = []
    for name, value in metrics.items():
        if value is None:
            continue
        parts.append(f"{name} {value:.1%}" if name == "accuracy" else f"{name} {value:.4g}")
    return ", ".join(parts)
