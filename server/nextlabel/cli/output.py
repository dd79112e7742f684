"""The output of commands: one JSON document, or text for the user. Progress goes to standard error."""

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

_UNLIMITED_WIDTH = 10_000

Advance = Callable[[float, str], None]
"""Takes the share done, 0..1, and a short text."""


class ProgressBar:
    """A progress bar on standard error, or none if it is hidden; call it to advance it."""

    def __init__(self, bar: Progress, title: str, *, hidden: bool, silent: bool) -> None:
        self._bar = bar
        self._silent = silent
        self._task = bar.add_task(title, total=1.0, text="")
        self._out = None if not hidden and sys.stdout.isatty() else sys.stdout

    def __call__(self, share: float, text: str) -> None:
        """Show the share done, 0..1, and a short text."""
        self._bar.update(self._task, completed=share, text=text)

    def print(self, line: str) -> None:
        """Print a line to standard output, unless the command prints JSON; in a terminal it appears above the bar."""
        if self._silent:
            return
        if self._out is None:
            self._bar.console.print(line, highlight=False, markup=False, emoji=False, soft_wrap=True)
        else:
            click.echo(line, self._out)


@dataclass(frozen=True)
class Screen:
    """Prints the result of a command."""

    as_json: bool

    def answer(self, reply: BaseModel | dict[str, Any], show: str | Callable[[Console], None]) -> None:
        """Print `reply` as JSON, in the same form as over HTTP, or `show` as text; `show` may write to a console."""
        if not self.as_json and isinstance(show, str):
            click.echo(show)
        elif not self.as_json and callable(show):
            # a file or a pipe has no width at which a table must be folded
            width = None if sys.stdout.isatty() else _UNLIMITED_WIDTH
            show(Console(width=width, highlight=False, markup=False, emoji=False))
        elif isinstance(reply, BaseModel):
            click.echo(reply.model_dump_json(exclude_unset=True))
        else:
            click.echo(to_json(reply, inf_nan_mode="null"))

    @contextmanager
    def progress(self, title: str) -> Iterator[ProgressBar]:
        """Show a progress bar while the block runs; what the block itself writes to standard output is dropped."""
        console = Console(stderr=True)
        text = TextColumn("{task.fields[text]}")
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"), text)
        hidden = self.as_json or not console.is_terminal
        bar = Progress(*columns, TimeElapsedColumn(), console=console, disable=hidden)
        shown = ProgressBar(bar, title, hidden=hidden, silent=self.as_json)
        with open(os.devnull, "w") as sink, bar, redirect_stdout(sink):  # noqa: PTH123 - no file, a sink
            yield shown


def table(headings: Sequence[str], title: str | None = None) -> Table:
    """Return a table that folds long text: a truncated id would be useless."""
    return Table(*(Column(name, overflow="fold") for name in headings), title=title, title_justify="left")


def metrics_line(metrics: dict[str, float] | Any) -> str:
    """Return metrics as text: accuracies in percent, others as numbers."""
    known = {name: value for name, value in metrics.items() if value is not None}
    return ", ".join(f"{name} {value:{'.1%' if name.endswith('accuracy') else '.4g'}}" for name, value in known.items())
