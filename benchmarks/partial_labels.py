"""Test accuracy of `proden` trained from candidate sets only, compared with published figures.

python benchmarks/partial_labels.py --settings photos-0.1 --seeds 0 1 2     20 minutes a run; 40 without bfloat16
python benchmarks/partial_labels.py --settings mnist-mlp-0.5 --seeds 0 1 2 3 4
python benchmarks/partial_labels.py --settings photos-published-0.5 --gpu   the published length: hours of a GPU
python benchmarks/partial_labels.py --show                                  the table of all results
python benchmarks/partial_labels.py --check                                 a check with three epochs

Needs CIFAR-10 or MNIST in NEXTLABEL_DATA. Each run is one `nextlabel train` in an empty home
folder and one `nextlabel evaluate`, which measures the served form of the checkpoint on the data
set's own test split. Each run appends a line to benchmarks/results/partial_labels.jsonl.
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

from nextlabel_plugins.networks.training.hardware import native_bfloat16, training_device

RESULTS = Path(__file__).parent / "results" / "partial_labels.jsonl"
PLAIN = 'network = "fast"\nepochs = 24\nflip = true\nprogressive_resize = true\ntta = "flip-shift"'
STRONGER = PLAIN.replace("epochs = 24", "epochs = 16") + "\nconsistency = true"
LONGER = (
    STRONGER.replace("epochs = 16", "epochs = 26").replace("progressive_resize = true\n", "") + "\nbatch_size = 1000"
)
PUBLISHED_LENGTH = 'network = "resnet18"\nepochs = 500\nflip = true\ntta = "flip-shift"\nconsistency = true'
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


def learner_parameters(setting: str) -> str:
    """Return the learner parameters of `photos-RATE`, `photos-stronger-`, `photos-published-` or `mnist-mlp-`."""
    kind, _, rate = setting.rpartition("-")
    return {
        "photos": PLAIN,
        "photos-stronger": LONGER if rate == "0.5" else STRONGER,
        "photos-published": PUBLISHED_LENGTH,
        "mnist-mlp": PAPER,
    }[kind]


def project(setting: str, seed: int, learner: str) -> str:
    """Return the project file of a setting with these learner parameters."""
    dataset, holdout = ("mnist", 0.0) if setting.startswith("mnist") else ("cifar10", 0.02)
    rate = float(setting.rpartition("-")[2])
    return FILE.format(seed=seed, dataset=dataset, rate=rate, learner=learner, holdout=holdout)


def run(setting: str, seed: int, learner: str, *, gpu: bool = False) -> dict[str, Any]:
    """Train and evaluate once; return the line of the results file."""
    with TemporaryDirectory() as folder:
        Path(folder, "partial.toml").write_text(project(setting, seed, learner))
        home = str(Path(folder, "home"))
        environment = os.environ | {"NEXTLABEL_HOME": home, "NEXTLABEL_PROJECTS": folder}
        if not gpu:
            environment["CUDA_VISIBLE_DEVICES"] = ""
        started = time.monotonic()
        run_command("train", environment)
        seconds = time.monotonic() - started
        evaluation = run_command("evaluate", environment)
    if evaluation["split"] != "test":
        raise RuntimeError(f"evaluated on {evaluation['split']}, not on the test split")
    result = {
        "setting": setting,
        "seed": seed,
        "accuracy": evaluation["metrics"]["accuracy"],
        "items": evaluation["items"],
        "seconds": round(seconds),
        "threads": int(os.environ.get("NEXTLABEL_TRAIN_THREADS", "0")) or len(os.sched_getaffinity(0)),
        "precision": "on a GPU" if gpu else "bfloat16" if native_bfloat16() else "float32",
        "learner": learner.split("\n"),
    }
    print(json.dumps(result), flush=True)
    return result


def run_command(command: str, environment: dict[str, str]) -> Any:
    """Run a nextlabel command on the project and return its JSON."""
    arguments = [sys.executable, "-m", "nextlabel", command, "partial", "--json"]
    process = subprocess.run(arguments, env=environment, check=True, capture_output=True, text=True)
    return json.loads(process.stdout)


def rows(results: list[dict[str, Any]]) -> list[str]:
    """Return the table of docs/learners.md: mean and deviation over seeds, and the time of the fastest run.

    Only runs with the current parameters of their setting count, and of each seed only the last one.
    """
    results = [result for result in results if result["learner"] == learner_parameters(result["setting"]).split("\n")]
    lines = ["| setting | seeds | accuracy % | minutes | threads | precision | published |", f"|{' --- |' * 7}"]
    for setting in sorted({result["setting"] for result in results}):
        runs = {result["seed"]: result for result in results if result["setting"] == setting}.values()
        scores = [100 * result["accuracy"] for result in runs]
        spread = f" ± {stdev(scores):.2f}" if len(scores) > 1 else ""
        fastest = min(runs, key=lambda result: result["seconds"])
        conditions = f"{fastest['seconds'] / 60:.1f} | {fastest['threads']} | {fastest.get('precision', 'not noted')}"
        published = PUBLISHED.get(re.sub("-(stronger|published)", "", setting), {})
        comparison = ", ".join(f"{name} {figure} ({mean(scores) - figure:+.2f})" for name, figure in published.items())
        lines.append(f"| `{setting}` | {len(scores)} | {mean(scores):.2f}{spread} | {conditions} | {comparison} |")
    return [*lines, "", *parameter_lines(sorted({result["setting"] for result in results}))]


def parameter_lines(settings: list[str]) -> list[str]:
    """Return one line per set of parameters, with the settings that use it."""
    settings_by_parameters: dict[str, list[str]] = {}
    for setting in settings:
        settings_by_parameters.setdefault(learner_parameters(setting), []).append(f"`{setting}`")
    return [
        f"- {', '.join(names)}: `{learner.replace(chr(10), '`, `')}`"
        for learner, names in settings_by_parameters.items()
    ]


def main() -> None:
    """Parse the arguments and run the benchmark."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--settings", nargs="+", default=[])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--gpu", action="store_true", help="train on the GPU that torch finds")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    if arguments.check:
        if "NEXTLABEL_DATA" not in os.environ:
            print("skipped: NEXTLABEL_DATA is not set, so there is no MNIST")
            return
        result = run("mnist-mlp-0.5", 0, PAPER + "\nepochs = 3")
        if not result["accuracy"] > 0.8:
            raise SystemExit("three epochs on partial labels reached no accuracy above 0.8")
        return
    if arguments.gpu and training_device().type == "cpu":
        raise SystemExit("torch finds no GPU")
    for setting in arguments.settings:
        for seed in arguments.seeds:
            result = run(setting, seed, learner_parameters(setting), gpu=arguments.gpu)
            RESULTS.parent.mkdir(exist_ok=True)
            with RESULTS.open("a") as file:
                file.write(json.dumps(result) + "\n")
    if RESULTS.exists():
        print("\n".join(rows([json.loads(line) for line in RESULTS.read_text().splitlines()])))


if __name__ == "__main__":
    main()
