"""The projects `cora` and `cora-paper` on the public split, and active learning on Cora from 20 labels.

python benchmarks/cora.py            100 seeds of each project, by one `nextlabel simulate` each
python benchmarks/cora.py --curves   20 seeds of docs/examples/cora-active.toml, with each strategy;
                                     --keep FOLDER also copies the picture there, as cora.svg
python benchmarks/cora.py --check    a small random graph: checks that all of them run, stores nothing
python benchmarks/cora.py --show     prints the tables of docs/cora.md from the stored results

NEXTLABEL_DATA must name the folder with Cora. Results are stored in benchmarks/results/cora.json.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from argparse import ArgumentParser
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory
from typing import Any

from seeds_by_labels import BUILT_IN, commit

from nextlabel_plugins.learners.gcn_parameters import GCNParameters

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "cora.json"
PROJECTS = {"cora": "`cora`", "cora-paper": "`cora-paper`"}
PUBLISHED = {"cora": "", "cora-paper": "81.5"}
"""Accuracy in percent; the introductory example of PyTorch Geometric prints that of one run."""
STRATEGIES = ("entropy", "margin", "random")
ACTIVE = HERE.parent / "docs" / "examples" / "cora-active.toml"
SMALL_GRAPH = """
import numpy as np
from nextlabel.contracts import Contents, Dataset, DatasetPlugin, GraphItems, hookimpl
from nextlabel_plugins.datasets.cora import CoraParameters

class SmallGraph(Dataset):
    def read(self, root, seed):
        rng, truth = np.random.default_rng(0), np.arange(60) % 3
        edges = rng.integers(0, 60, (2, 200))
        return Contents(
            ids=[str(node) for node in range(60)], classes=("a", "b", "c"), truth=truth, holdout=np.arange(40, 60),
            content=GraphItems(np.eye(3, dtype=np.float32)[truth], np.concatenate([edges, edges[::-1]], axis=1)),
            initial=np.arange(6) if self.parameters.public_labels else None)

@hookimpl
def nextlabel_datasets():
    yield DatasetPlugin("small-graph", "a small random graph", SmallGraph, CoraParameters)
"""


def simulate(out: Path, project: str, *options: str, environment: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """Return the points of `nextlabel simulate`."""
    command = [sys.executable, "-m", "nextlabel", "simulate", project, "--out", str(out), *options]
    subprocess.run(command, check=True, env=environment, stdout=sys.stderr)
    points: list[dict[str, Any]] = json.loads((out / "curve.json").read_text())["points"]
    return points


def check(folder: Path) -> None:
    """Run the three project files with a small graph in the place of Cora."""
    plugins, projects = folder / "plugins", folder / "projects"
    about = plugins / "small_graph-1.0.dist-info"
    about.mkdir(parents=True)
    projects.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: small-graph\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[nextlabel]\nsmall_graph = small_graph\n")
    (plugins / "small_graph.py").write_text(SMALL_GRAPH)
    paths = [str(plugins), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    for file in (*(BUILT_IN / f"{name}.toml" for name in PROJECTS), ACTIVE):
        small = projects / file.name
        text = file.read_text().replace('plugin = "cora"', 'plugin = "small-graph"')
        small.write_text(text.replace('plugin = "gcn"', 'plugin = "gcn"\nepochs = 2'))
        points = simulate(folder / file.stem, str(small), "--rounds", "1", environment=environment)
        accuracies = [round(point["metrics"]["accuracy"], 2) for point in points]
        assert len(accuracies) == 2
        print(f"{file.stem} runs: {accuracies}")


def epochs(file: Path) -> int:
    """Return the epochs of each training of a project file; an epoch is one update."""
    number: int = tomllib.loads(file.read_text())["learner"].get("epochs", GCNParameters.epochs)
    return number


def seeds(folder: Path, count: int) -> dict[str, Any]:
    """Return the accuracies by project, in the order of the seeds from 0, the commit, and the epochs of a training."""
    points = {name: simulate(folder / name, name, "--rounds", "0", "--seeds", str(count)) for name in PROJECTS}
    return {
        "commit": commit(),
        "epochs": {name: epochs(BUILT_IN / f"{name}.toml") for name in PROJECTS},
        "accuracies": {name: [point["metrics"]["accuracy"] for point in runs] for name, runs in points.items()},
    }


def curves(folder: Path, count: int, keep: Path | None) -> dict[str, Any]:
    """Return the accuracies by strategy, seed from 0 and round, and the comparisons with random choice.

    Also the labels of the rounds, the commit, and the epochs of a training.
    """
    strategies = ",".join(STRATEGIES)
    points = simulate(folder / "active", str(ACTIVE), "--strategy", strategies, "--seeds", str(count))
    if keep:
        shutil.copyfile(folder / "active" / "curve.svg", keep / "cora.svg")
    runs: dict[str, dict[int, list[float]]] = {}
    for point in points:
        runs.setdefault(point["strategy"], {}).setdefault(point["seed"], []).append(point["metrics"]["accuracy"])
    document = json.loads((folder / "active" / "curve.json").read_text())
    return {
        "commit": commit(),
        "epochs": epochs(ACTIVE),
        "labels": sorted({point["labels"] for point in points}),
        "accuracies": {name: list(by_seed.values()) for name, by_seed in runs.items()},
        "comparisons": document["comparisons"],
    }


def spread(values: list[float]) -> str:
    """Return mean and standard deviation in percent."""
    return f"{100 * mean(values):.1f} ± {100 * stdev(values):.1f}"


def tables(results: dict[str, Any]) -> str:
    """Return the tables of the documentation: the public split, active learning, and its gain."""
    lines = []
    if measured := results.get("seeds"):
        lines += [
            "| project | seeds | accuracy %, mean ± standard deviation | lowest to highest | published % |",
            "| --- | --- | --- | --- | --- |",
        ]
        for name, title in PROJECTS.items():
            values = measured["accuracies"][name]
            low, high = 100 * min(values), 100 * max(values)
            lines.append(
                f"| {title} | {len(values)} | {spread(values)} | {low:.1f} to {high:.1f} | {PUBLISHED[name]} |"
            )
    if active := results.get("curves"):
        labels = active["labels"]
        lines += [
            "",
            f"| labels | {' | '.join(map(str, labels))} |",
            "| --- |" + " --- |" * len(labels),
        ]
        for name, runs in active["accuracies"].items():
            cells = [spread(list(values)) for values in zip(*runs, strict=True)]
            lines.append(f"| `{name}` | {' | '.join(cells)} |")
        lines += ["", f"| with {labels[-1]} labels | points above `random` | 95 % interval |", "| --- | --- | --- |"]
        for compared in active["comparisons"]:
            value, low, high = (f"{compared[key]:.2f}" for key in ("value", "low", "high"))
            lines.append(f"| `{compared['strategy']}` | {value} | {low} to {high} |")
    return "\n".join(lines).strip()


def main() -> None:
    """Run what the arguments name."""
    parser = ArgumentParser(description=__doc__)
    for name in ("--check", "--curves", "--show"):
        parser.add_argument(name, action="store_true")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    with TemporaryDirectory() as folder:
        if arguments.check:
            check(Path(folder))
            return
        if arguments.curves:
            results["curves"] = curves(Path(folder), arguments.seeds or 20, arguments.keep)
        elif not arguments.show:
            results["seeds"] = seeds(Path(folder), arguments.seeds or 100)
    if not arguments.show:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(tables(results))


if __name__ == "__main__":
    main()
