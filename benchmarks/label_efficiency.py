"""Labels to 95 % on the hold-out of `digits`: margin against random, played over HTTP.

python benchmarks/label_efficiency.py            5 seeds, about 10 minutes on two cores
python benchmarks/label_efficiency.py --check    1 seed, a few rounds: that it runs, and that
                                                 `nextlabel simulate` gives the same curve
"""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory

from person import play
from serving import serving

from nextlabel.engine.simulation.curves import crossing

GOAL = 0.95
SIZE = 10
FILE = """title = "Digits"
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
    """Return (labels, accuracy) of one person on a fresh server, to `until` labels."""
    with TemporaryDirectory() as folder:
        projects = Path(folder, "projects")
        projects.mkdir()
        (projects / "digits.toml").write_text(FILE.format(seed=seed))
        with serving(Path(folder, "home"), NEXTLABEL_PROJECTS=str(projects)) as server:
            played = play(server.client(), strategy, SIZE, until)
            return [(int(metrics["labels"]), metrics["accuracy"]) for metrics in played]


def simulated(seed: int, strategy: str, rounds: int) -> list[tuple[int, float]]:
    """Return the same curve by `nextlabel simulate`."""
    with TemporaryDirectory() as folder:
        Path(folder, "digits.toml").write_text(FILE.format(seed=seed))
        command = [sys.executable, "-m", "nextlabel", "simulate", "digits", "--strategy", strategy, "--start", "10"]
        command += ["--size", str(SIZE), "--rounds", str(rounds), "--seeds", "1", "--out", f"{folder}/out"]
        subprocess.run([*command, "--projects", folder], check=True, stdout=subprocess.DEVNULL)
        rows = json.loads(Path(folder, "out", "curve.json").read_text())["points"]
        return [(row["labels"], row["metrics"]["accuracy"]) for row in rows]


def check() -> None:
    """Compare the two ways of playing on a short run."""
    for strategy in ("margin", "random"):
        over_http = curve(0, strategy, 40)
        direct = simulated(0, strategy, len(over_http) - 1)
        assert over_http == direct, (strategy, over_http, direct)
        print(f"{strategy}: over HTTP and by simulate the same curve, {over_http}")


def main() -> None:
    """Play every seed and print the means."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    if given.check:
        check()
        return
    needed = {}
    for strategy, most in (("margin", 100), ("random", 190)):
        curves = []
        for seed in range(given.seeds):
            curves.append(curve(seed, strategy, most))
            print(f"{strategy} seed {seed}: {shown(crossing(curves[-1], GOAL))} labels  {curves[-1]}", flush=True)
        each = [labels for points in curves if (labels := crossing(points, GOAL)) is not None]
        spread = f" after {mean(each):.1f} (sd {stdev(each):.1f})" if len(each) == given.seeds > 1 else ""
        # of the mean curve: the labels at which the mean of the seeds reaches the goal
        accuracies = [mean(accuracy for _, accuracy in points) for points in zip(*curves, strict=True)]
        whole = [(labels, seen) for (labels, _), seen in zip(curves[0], accuracies, strict=True)]
        needed[strategy] = crossing(whole, GOAL)
        print(
            f"{strategy}: the mean of {given.seeds} seeds reaches {GOAL:.0%} after {shown(needed[strategy])} labels; "
            f"{len(each)} of them do{spread}",
            flush=True,
        )
    if needed["margin"] and needed["random"]:
        print(f"ratio: random needs {needed['random'] / needed['margin']:.2f} times as many")


def shown(labels: float | None) -> str:
    """Return a number of labels, or that the goal was not reached."""
    return "not reached" if labels is None else f"{labels:.1f}"


if __name__ == "__main__":
    main()
