"""Runs of `nextlabel simulate` without a query, stored one per line as JSON, so that they can be spread over days."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
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
    """A project with a number of labels at the start, and values that replace those of its file."""

    project: str
    labels: int
    changes: tuple[tuple[str, str], ...] = ()
    """Keys of the file and their values, in TOML."""

    @property
    def name(self) -> str:
        """Name in the results."""
        return ", ".join([self.project, *(f"{key} = {value}" for key, value in self.changes)])

    def text(self, seed: int) -> str:
        """Return the project file for a seed."""
        text = project_file(self.project).read_text()
        for key, value in (("seed", str(seed)), *self.changes):
            text, count = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
            assert count == 1, f"{key} occurs {count} times in the file of {self.project}"
        return text


def project_file(name: str) -> Path:
    """Return the file of a built-in project, or of an example in docs/examples."""
    file = BUILT_IN / f"{name}.toml"
    return file if file.exists() else EXAMPLES / f"{name}.toml"


def run(cell: Cell, seed: int, environment: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the result of one seed: what `nextlabel simulate FILE --start LABELS --rounds 0 --seeds N` does for it."""
    with TemporaryDirectory() as folder:
        file = Path(folder, f"{cell.project}.toml")
        file.write_text(cell.text(seed))
        command = [sys.executable, "-m", "nextlabel", "simulate", str(file), "--start", str(cell.labels), "--json"]
        done = subprocess.run(
            [*command, "--rounds", "0", "--strategy", "random"],
            check=True, env={**os.environ, **(environment or {})}, stdout=subprocess.PIPE,
        )  # fmt: skip
    (point,) = json.loads(done.stdout)["points"]
    return {
        "project": cell.name,
        "labels": point["labels"],
        "seed": point["seed"],
        **{name: value for name, value in point["metrics"].items() if name.endswith("accuracy")},
        "epochs": len(point["epochs"]),
        "loss": point["epochs"][-1],
        "seconds": point["metrics"]["seconds"],
        "commit": commit(),
    }


def commit() -> str:
    """Return the short name of the commit that is checked out."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout.strip()


def load(file: Path) -> list[dict[str, Any]]:
    """Return the stored results."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def measure(file: Path, cells: Iterable[Cell], seeds: int) -> None:
    """Run each seed of each cell that has no result yet, and store it at once."""
    for seed in range(seeds):
        for cell in cells:
            if not any((r["project"], r["labels"], r["seed"]) == (cell.name, cell.labels, seed) for r in load(file)):
                result = run(cell, seed)
                print(result, flush=True)
                with file.open("a") as stored:
                    stored.write(json.dumps(result) + "\n")


def accuracies(results: Iterable[dict[str, Any]], cell: Cell, metric: str = "test_accuracy") -> list[float]:
    """Return the accuracy of each seed, in percent."""
    return [
        100 * r[metric]
        for r in sorted(results, key=lambda r: r["seed"])
        if (r["project"], r["labels"]) == (cell.name, cell.labels)
    ]


def text(values: list[float]) -> str:
    """Return mean and standard deviation."""
    return f"{mean(values):.2f} ± {stdev(values):.2f} %" if len(values) > 1 else "".join(f"{v:.2f} %" for v in values)


def table(results: list[dict[str, Any]], titles: dict[str, str], counts: Iterable[int]) -> str:
    """Return a table of the documentation: a row per project, a column per number of labels."""
    counts = list(counts)
    rows = [["labels", *(f"{count:,}" for count in counts)], ["---"] * (1 + len(counts))]
    for project, title in titles.items():
        rows.append([title, *(text(accuracies(results, Cell(project, count))) for count in counts)])
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
    """Run each project with 20 labels on the small data set that `write` makes."""
    with TemporaryDirectory() as folder:
        write(Path(folder))
        for project in projects:
            result = run(Cell(project, 20), 0, {"NEXTLABEL_DATA": folder})
            assert 0 <= result["test_accuracy"] <= 1
            print(f"{project} runs: {result}")


def png(rows: list[np.ndarray], path: Path) -> None:
    """Write rows (k, h, w) of grey images, 0 to 255, as one picture, each pixel doubled."""
    from PIL import Image  # noqa: PLC0415 - for this picture only

    grid = np.concatenate([np.concatenate(list(row), axis=1) for row in rows])
    Image.fromarray(np.kron(grid, np.ones((2, 2))).astype(np.uint8)).save(path)
