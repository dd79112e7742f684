"""Labels needed for 95 % accuracy on the hold-out of `digits`: margin against random, over HTTP.

python benchmarks/label_efficiency.py            5 seeds, about 10 minutes on two cores
python benchmarks/label_efficiency.py --check    1 seed and few rounds: checks that it runs, and
                                                 that `nextlabel simulate` gives the same curve
"""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory

from http_oracle import label_and_train
from serving import serving

from nextlabel.engine.simulation.curves import crossing

GOAL = 0.95
SIZE = 10
MAX_LABELS = {"margin": 100, "random": 190}
"""Number of labels at which each strategy's run ends."""
PROJECT_FILE = """title = "Digits"
seed = {seed}
[dataset]
plugin = "digits"
[learner]
plugin = "cnn"
[strategy]
plugin = "margin"
also = ["random"]
[labels]
initial = 10
"""


def curve(seed: int, strategy: str, until: int) -> list[tuple[int, float]]:
    """Return (labels, accuracy) of one run over HTTP on a new server, up to `until` labels."""
    with TemporaryDirectory() as folder:
        projects = Path(folder, "projects")
        projects.mkdir()
        (projects / "digits.toml").write_text(PROJECT_FILE.format(seed=seed))
        with serving(Path(folder, "home"), NEXTLABEL_PROJECTS=str(projects)) as server:
            checkpoints = label_and_train(server.client(), strategy, SIZE, until)
            return [(int(metrics["labels"]), metrics["accuracy"]) for metrics in checkpoints]


def simulated_curve(seed: int, strategy: str, rounds: int) -> list[tuple[int, float]]:
    """Return the same curve from `nextlabel simulate`."""
    with TemporaryDirectory() as folder:
        Path(folder, "digits.toml").write_text(PROJECT_FILE.format(seed=seed))
        command = [sys.executable, "-m", "nextlabel", "simulate", "digits", "--strategy", strategy, "--start", "10"]
        command += ["--size", str(SIZE), "--rounds", str(rounds), "--seeds", "1", "--out", f"{folder}/out"]
        subprocess.run([*command, "--projects", folder], check=True, stdout=subprocess.DEVNULL)
        rows = json.loads(Path(folder, "out", "curve.json").read_text())["points"]
        return [(row["labels"], row["metrics"]["accuracy"]) for row in rows]


def check() -> None:
    """Compare the curves over HTTP and from the simulation on a short run."""
    for strategy in MAX_LABELS:
        over_http = curve(0, strategy, 40)
        simulated = simulated_curve(0, strategy, len(over_http) - 1)
        assert over_http == simulated, (strategy, over_http, simulated)
        print(f"{strategy}: the same curve over HTTP and from simulate, {over_http}")


def main() -> None:
    """Run every seed and print the means."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.check:
        check()
        return
    needed = {}
    for strategy, until in MAX_LABELS.items():
        curves = []
        for seed in range(arguments.seeds):
            curves.append(curve(seed, strategy, until))
            print(f"{strategy} seed {seed}: {labels_text(crossing(curves[-1], GOAL))} labels  {curves[-1]}", flush=True)
        reached = [labels for points in curves if (labels := crossing(points, GOAL)) is not None]
        all_reached = len(reached) == arguments.seeds > 1
        spread = f" after {mean(reached):.1f} (sd {stdev(reached):.1f})" if all_reached else ""
        accuracies = [mean(accuracy for _, accuracy in points) for points in zip(*curves, strict=True)]
        mean_curve = [(labels, accuracy) for (labels, _), accuracy in zip(curves[0], accuracies, strict=True)]
        needed[strategy] = crossing(mean_curve, GOAL)
        print(
            f"{strategy}: the mean of {arguments.seeds} seeds reaches {GOAL:.0%} after "
            f"{labels_text(needed[strategy])} labels; {len(reached)} seeds reach it{spread}",
            flush=True,
        )
    if needed["margin"] and needed["random"]:
        print(f"ratio: random needs {needed['random'] / needed['margin']:.2f} times as many")


def labels_text(labels: float | None) -> str:
    """Return a number of labels as text; None means that the goal was not reached."""
    return "not reached" if labels is None else f"{labels:.1f}"


if __name__ == "__main__":
    main()
