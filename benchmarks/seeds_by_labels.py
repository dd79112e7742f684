"""Projects trained with several numbers of labels and several seeds, by `nextlabel train --seeds`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log10
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from nextlabel.charts import Axis, DataPoint, Frame, Series, draw, round_ticks

ROOT = Path(__file__).parents[1]
BUILT_IN = ROOT / "plugins" / "nextlabel_plugins" / "projects"
EXAMPLES = ROOT / "docs" / "examples"
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1d2229}.heading{font-size:16px;font-weight:600}.background{fill:#fff}"
    ".grid{stroke:#e2e5e9}.axis-line{stroke:#6b7480;fill:none}.series polyline{stroke:currentColor;stroke-width:2;"
    "fill:none}.band{fill:currentColor;opacity:.16}.c0{color:#1f6fb4}.c1{color:#c8501e}.c2{color:#2b8a4b}"
)


@dataclass(frozen=True)
class Cell:
    """A project with a number of labels, and parameters of its learner that replace those of its file."""

    project: str
    labels: int
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tables(self) -> dict[str, dict[str, Any]]:
        """The tables of the project file that a training depends on."""
        name = f"{self.project}.toml"
        file = BUILT_IN / name if (BUILT_IN / name).exists() else EXAMPLES / name
        found = tomllib.loads(file.read_text())
        changes = {"dataset": {}, "learner": self.changes, "labels": {"initial": self.labels}}
        return {table: found[table] | values for table, values in changes.items()}

    def made(self, result: dict[str, Any]) -> bool:
        """Return whether a stored result is one of this project, labels and parameters."""
        return result["project"] == self.project and all(
            values.items() <= result["parameters"][table].items() for table, values in self.tables.items()
        )


def train(cell: Cell, file: Path, seeds: int, environment: dict[str, str] | None = None) -> None:
    """Train the project with several seeds; `nextlabel train` adds those to `file` that it does not have."""
    lines = []
    for table, values in cell.tables.items():
        lines += [f"[{table}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    with TemporaryDirectory() as folder:
        project = Path(folder, f"{cell.project}.toml")
        project.write_text("\n".join(lines))
        command = [sys.executable, "-m", "nextlabel", "train", str(project), "--seeds", str(seeds)]
        subprocess.run([*command, "--results", str(file)], check=True, env={**os.environ, **(environment or {})})


def load(file: Path) -> list[dict[str, Any]]:
    """Return the stored results."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def commit() -> str:
    """Return the short name of the commit that is checked out, with `-dirty` if a file differs from it."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout.strip()


def accuracies(results: Iterable[dict[str, Any]], cell: Cell) -> list[float]:
    """Return the accuracy of each seed on the test split, in percent."""
    return [100 * result["metrics"]["test_accuracy"] for result in results if cell.made(result)]


def text(values: list[float]) -> str:
    """Return mean and standard deviation."""
    return f"{mean(values):.2f} ± {stdev(values):.2f} %" if len(values) > 1 else "".join(f"{v:.2f} %" for v in values)


def table(results: list[dict[str, Any]], titles: dict[str, str], counts: Iterable[int]) -> str:
    """Return a table of the documentation: a row per project, a column per number of labels; none without a result."""
    cells = {count: [text(accuracies(results, Cell(project, count))) for project in titles] for count in counts}
    columns = [["labels", "---", *titles.values()]]
    columns += [[f"{count:,}", "---", *column] for count, column in cells.items() if any(column)]
    rows = [row for row in zip(*columns, strict=True) if any(row[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def chart(results: list[dict[str, Any]], titles: dict[str, str], counts: Iterable[int], heading: str) -> str:
    """Return the curves as SVG, with a band of one standard deviation, over the logarithm of the number of labels."""
    series: list[Series] = []
    edges: list[float] = []
    counts = list(counts)
    for number, (project, title) in enumerate(titles.items()):
        runs = [(log10(count), accuracies(results, Cell(project, count))) for count in counts]
        band = [(x, mean(v) - stdev(v), mean(v) + stdev(v)) for x, v in runs if len(v) > 1]
        if not band:
            continue
        line = [DataPoint(x, mean(v)) for x, v in runs if len(v) > 1]
        series.append(Series(f"c{number}", [line], band=band, label=title.replace("`", "")))
        edges += [edge for _, *low_high in band for edge in low_high]
    ticks = round_ticks(min(edges), max(edges), 8, cover=True)
    positions = [log10(count) for count in counts]
    x = Axis(positions[0], positions[-1], positions, lambda tick: f"{10**tick:,.0f}", "labels")
    y = Axis(ticks[0], ticks[-1], ticks, "{:g} %".format, "accuracy on the test split")
    return draw(series, x, y, Frame(760, 460, 70, 30, 46, 56), heading, heading=heading, style=STYLE)


def check(projects: Iterable[str], write: Callable[[Path], None]) -> None:
    """Train each project with 20 labels on the small data set that `write` makes."""
    with TemporaryDirectory() as folder:
        write(Path(folder))
        results = Path(folder, "results.jsonl")
        for project in projects:
            cell = Cell(project, 20, {"min_steps": 3})
            train(cell, results, 1, {"NEXTLABEL_DATA": folder, "NEXTLABEL_HOME": str(Path(folder, "home"))})
            assert len(accuracies(load(results), cell)) == 1


def run(
    description: str | None,
    results: Path,
    titles: dict[str, str],
    counts: Sequence[int],
    write: Callable[[Path], None],
    draw_pictures: Callable[[], None],
) -> None:
    """Run what the arguments of a benchmark name, and print its table."""
    parser = ArgumentParser(description=description)
    for name in ("--check", "--draw", "--show"):
        parser.add_argument(name, action="store_true")
    parser.add_argument("--only", choices=titles)
    parser.add_argument("--labels", type=int, choices=counts)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.check:
        check(titles, write)
        return
    if arguments.draw:
        draw_pictures()
    elif not arguments.show:
        for project in [arguments.only] if arguments.only else titles:
            for count in [arguments.labels] if arguments.labels else counts:
                train(Cell(project, count), results, arguments.seeds)
    print(table(load(results), titles, counts))


def png(rows: list[np.ndarray], path: Path) -> None:
    """Write rows (k, h, w) of grey images, 0 to 255, as one picture, each pixel doubled."""
    from PIL import Image  # noqa: PLC0415 - for this picture only

    grid = np.concatenate([np.concatenate(list(row), axis=1) for row in rows])
    Image.fromarray(np.kron(grid, np.ones((2, 2))).astype(np.uint8)).save(path)
