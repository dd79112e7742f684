"""Test accuracy of `proden` trained from candidate sets only, beside the published figures.

python benchmarks/partial_labels.py --settings photos-0.1 --seeds 0 1 2     20 minutes a run; 40 without bfloat16
python benchmarks/partial_labels.py --settings mnist-mlp-0.5 --seeds 0 1 2 3 4
python benchmarks/partial_labels.py --settings photos-published-0.5 --gpu   the published length: hours of a GPU
python benchmarks/partial_labels.py --show                                  the table of what was run
python benchmarks/partial_labels.py --check                                 three epochs, that it runs

Needs CIFAR-10 or MNIST under NEXTLABEL_DATA. Each run is one `nextlabel train` on an empty home
folder and one `nextlabel evaluate`, which measures the checkpoint as it is served, on the data
set's own test split; each adds a line to benchmarks/results/partial_labels.jsonl.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory
from typing import Any

from nextlabel_plugins.networks.hardware import native_bfloat16, training_device

RESULTS = Path(__file__).parent / "results" / "partial_labels.jsonl"
PLAIN = 'network = "fast"\nepochs = 24\nflip = true\ngrowth = true\naveraging = "flip-shift"'
STRONGER = PLAIN.replace("epochs = 24", "epochs = 16") + "\nconsistency = true"
LONGER = STRONGER.replace("epochs = 16", "epochs = 26").replace("growth = true\n", "") + "\nbatch = 1000"
PUBLISHED_LENGTH = 'network = "resnet18"\nepochs = 500\nflip = true\naveraging = "flip-shift"\nconsistency = true'
PAPER = 'network = "mlp"\nshift = 0.0'
FILE = """title = "Partial labels"
seed = {seed}
[dataset]
plugin = "{dataset}"
partial_rate = {rate}
[learner]
plugin = "proden"
{learner}
[labels]
holdout = {holdout}
"""
PICO = "PiCO"
PUBLISHED = {
    "photos-0.1": {"PRODEN": 90.24, PICO: 94.39},
    "photos-0.3": {"PRODEN": 89.38, PICO: 94.18},
    "photos-0.5": {"PRODEN": 87.78, PICO: 93.58},
    "mnist-mlp-0.5": {"PRODEN": 97.97},
}
"""Test accuracy in per cent. PRODEN and PiCO on CIFAR-10 with ResNet-18: Wang et al., ICLR 2022, table 1;
PRODEN on MNIST with a multilayer perceptron, at the same rate: Xu et al., NeurIPS 2021, table 2."""


def recipe(setting: str) -> str:
    """Return the learner's parameters in `photos-RATE`, or `photos-stronger-`, `photos-published-`, `mnist-mlp-`."""
    kind, _, rate = setting.rpartition("-")
    return {
        "photos": PLAIN,
        "photos-stronger": LONGER if rate == "0.5" else STRONGER,
        "photos-published": PUBLISHED_LENGTH,
        "mnist-mlp": PAPER,
    }[kind]


def project(setting: str, seed: int, learner: str) -> str:
    """Return the project file of a setting with these parameters of the learner."""
    dataset, holdout = ("mnist", 0.0) if setting.startswith("mnist") else ("cifar10", 0.02)
    rate = float(setting.rpartition("-")[2])
    return FILE.format(seed=seed, dataset=dataset, rate=rate, learner=learner, holdout=holdout)


def run(setting: str, seed: int, learner: str, *, gpu: bool = False) -> dict[str, Any]:
    """Train and evaluate once."""
    with TemporaryDirectory() as folder:
        Path(folder, "partial.toml").write_text(project(setting, seed, learner))
        home = str(Path(folder, "home"))
        environment = os.environ | {"NEXTLABEL_HOME": home, "NEXTLABEL_PROJECTS": folder}
        if not gpu:
            environment["CUDA_VISIBLE_DEVICES"] = ""
        began = time.monotonic()
        told("train", environment)
        seconds = time.monotonic() - began
        measured = told("evaluate", environment)
    if measured["split"] != "test":
        raise RuntimeError(f"evaluated on {measured['split']}, not on the test split")
    result = {
        "setting": setting,
        "seed": seed,
        "accuracy": measured["metrics"]["accuracy"],
        "items": measured["items"],
        "seconds": round(seconds),
        "threads": int(os.environ.get("NEXTLABEL_TRAIN_THREADS", "0")) or len(os.sched_getaffinity(0)),
        "precision": "on a GPU" if gpu else "bfloat16" if native_bfloat16() else "float32",
        "learner": learner.split("\n"),
    }
    print(json.dumps(result), flush=True)
    return result


def told(command: str, environment: dict[str, str]) -> Any:
    """Run a command of nextlabel on the project and return its JSON."""
    words = [sys.executable, "-m", "nextlabel", command, "partial", "--json"]
    done = subprocess.run(words, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def rows(results: list[dict[str, Any]]) -> list[str]:
    """Return the table of docs/learners.md: mean and deviation over seeds, and the quickest run's time.

    Of each seed its last run counts, among those with the parameters the setting has now.
    """
    results = [result for result in results if result["learner"] == recipe(result["setting"]).split("\n")]
    lines = ["| setting | seeds | accuracy % | minutes | threads | precision | published |", f"|{' --- |' * 7}"]
    for setting in sorted({result["setting"] for result in results}):
        runs = {result["seed"]: result for result in results if result["setting"] == setting}.values()
        scores = [100 * result["accuracy"] for result in runs]
        spread = f" ± {stdev(scores):.2f}" if len(scores) > 1 else ""
        quickest = min(runs, key=lambda result: result["seconds"])
        how = f"{quickest['seconds'] / 60:.1f} | {quickest['threads']} | {quickest.get('precision', 'not noted')}"
        published = PUBLISHED.get(re.sub("-(stronger|published)", "", setting), {})
        beside = ", ".join(f"{name} {figure} ({mean(scores) - figure:+.2f})" for name, figure in published.items())
        lines.append(f"| `{setting}` | {len(scores)} | {mean(scores):.2f}{spread} | {how} | {beside} |")
    return [*lines, "", *told_recipes(sorted({result["setting"] for result in results}))]


def told_recipes(settings: list[str]) -> list[str]:
    """Return a line for each set of parameters: the settings that have it, and what it says."""
    by_recipe: dict[str, list[str]] = {}
    for setting in settings:
        by_recipe.setdefault(recipe(setting), []).append(f"`{setting}`")
    return [f"- {', '.join(names)}: `{learner.replace(chr(10), '`, `')}`" for learner, names in by_recipe.items()]


def main() -> None:
    """Run what is asked for."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--settings", nargs="+", default=[])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--gpu", action="store_true", help="let torch find one")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    if given.check:
        if "NEXTLABEL_DATA" not in os.environ:
            print("skipped: NEXTLABEL_DATA names no folder with MNIST")
            return
        result = run("mnist-mlp-0.5", 0, PAPER + "\nepochs = 3")
        if not result["accuracy"] > 0.8:
            raise SystemExit("three epochs over partial labels learnt next to nothing")
        return
    if given.gpu and training_device().type == "cpu":
        raise SystemExit("torch finds no GPU")
    for setting in given.settings:
        for seed in given.seeds:
            result = run(setting, seed, recipe(setting), gpu=given.gpu)
            RESULTS.parent.mkdir(exist_ok=True)
            with RESULTS.open("a") as file:
                file.write(json.dumps(result) + "\n")
    if RESULTS.exists():
        print("\n".join(rows([json.loads(line) for line in RESULTS.read_text().splitlines()])))


if __name__ == "__main__":
    main()
