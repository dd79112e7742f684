"""FlexMatch on CIFAR-10 with 4,000 labels: the recipe for two cores, the same without unlabelled items, as published.

python benchmarks/flexmatch.py --settings small --seeds 0 1    an hour of two cores a seed
python benchmarks/flexmatch.py --settings supervised           an hour; supervised-strong too
python benchmarks/flexmatch.py --settings published-5min published-10min published-20min
python benchmarks/flexmatch.py --show                          the tables of all results
python benchmarks/flexmatch.py --check                         a check on random images, and what a step's views cost

Needs CIFAR-10 in NEXTLABEL_DATA. Each run is one `nextlabel train --seeds 1` in a fresh home folder, which measures the
checkpoint on the data set's test split and adds a line to benchmarks/results/flexmatch.jsonl. Give a command again
after an interruption: the training goes on where it was, and finished seeds are not trained again.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import time
import tomllib
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from nextlabel.contracts import Targets, Training
from nextlabel.engine.evaluation.seed_results import trained_with
from nextlabel.engine.images.image_items import PixelItems
from nextlabel.engine.plugins.registry import load
from nextlabel.engine.project_files import load_projects
from nextlabel_plugins.learners.flexmatch import FlexMatch, FlexMatchParameters

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "flexmatch.jsonl"
PROJECTS = ROOT / "plugins" / "nextlabel_plugins" / "projects"
SUPERVISED = {"unlabelled_weight": 0.0, "burn_in_steps": 0, "batch_size": 500, "learning_rate": 0.24, "steps": 8000}
SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "small": ("cifar10-flexmatch-small", {}),
    "supervised": ("cifar10-flexmatch-small", SUPERVISED),
    "supervised-strong": ("cifar10-flexmatch-small", SUPERVISED | {"augment_labelled": True}),
    "published-5min": ("cifar10-flexmatch", {"steps": 100, "epoch_steps": 20}),
    "published-10min": ("cifar10-flexmatch", {"steps": 200, "epoch_steps": 20}),
    "published-20min": ("cifar10-flexmatch", {"steps": 400, "epoch_steps": 20}),
}
"""Each setting's project, and the parameters of the learner that differ."""


def project_file(setting: str, seed: int) -> str:
    """Return the project file of a setting."""
    project, changes = SETTINGS[setting]
    tables = tomllib.loads((PROJECTS / f"{project}.toml").read_text("utf-8"))
    tables["learner"] |= changes
    lines = [f'title = "{tables["title"]}"', f"seed = {seed}"]
    for name in ("dataset", "learner", "labels"):
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in tables[name].items())]
    return "\n".join(lines) + "\n"


def run(setting: str, seed: int) -> None:
    """Train and measure once; `nextlabel train` adds the line to the results file."""
    with TemporaryDirectory() as folder:
        file = Path(folder, f"{setting}.toml")
        file.write_text(project_file(setting, seed), "utf-8")
        command = [sys.executable, "-m", "nextlabel", "train", str(file), "--seeds", "1", "--results", str(RESULTS)]
        subprocess.run(command, check=True)


def current_parameters(setting: str) -> dict[str, Any]:
    """Return the tables that the training of a setting depends on, with all defaults filled in."""
    registry = load()
    with TemporaryDirectory() as folder:
        file = Path(folder, f"{setting}.toml")
        file.write_text(project_file(setting, 0), "utf-8")
        return trained_with(load_projects(registry, None, file).get(setting), registry)


def rows(results: list[dict[str, Any]]) -> list[str]:
    """Return a table of the runs of the current settings, of each seed the last one."""
    lines = ["| setting | seeds | accuracy % | updates | minutes | threads | precision |", f"|{' --- |' * 7}"]
    for setting in SETTINGS:
        current = current_parameters(setting)
        runs = {
            result["seed"]: result
            for result in results
            if (result["project"], result["parameters"]) == (setting, current)
        }
        if not runs:
            continue
        scores = [100 * result["metrics"]["test_accuracy"] for result in runs.values()]
        spread = f" ± {stdev(scores):.2f}" if len(scores) > 1 else ""
        last = list(runs.values())[-1]
        minutes = mean(result["seconds"] for result in runs.values()) / 60
        conditions = f"{last['steps']} | {minutes:.0f} | {last['threads']} | {last['precision']}"
        lines.append(f"| `{setting}` | {len(scores)} | {mean(scores):.2f}{spread} | {conditions} |")
    return lines


def check() -> None:
    """Train for a few steps on random images, and print the share of a step that the views take."""
    generator = np.random.default_rng(0)
    images = PixelItems(generator.integers(0, 256, (1000, 32, 32, 3), np.uint8))
    candidates = np.eye(10, dtype=np.bool_)[np.arange(1000) % 10]
    candidates[200:] = True
    for setting, (project, changes) in SETTINGS.items():
        options = tomllib.loads((PROJECTS / f"{project}.toml").read_text("utf-8"))["learner"] | changes
        del options["plugin"]
        quick = {"steps": 3, "burn_in_steps": 2 if options.get("burn_in_steps") else 0, "filters": 4}
        started = time.process_time()
        model = FlexMatch(FlexMatchParameters(**(options | quick))).fit(
            images, Targets(candidates=candidates), Training(0)
        )
        if not all(np.isfinite(tensor).all() for tensor in model.tensors().values()):
            raise SystemExit(f"{setting}: the weights are not finite")
        print(f"{setting}: {time.process_time() - started:.1f} s")
    for augment, fraction in view_shares().items():
        print(f"{augment}: the views take {100 * fraction:.0f} % of a step's time")


def view_shares() -> dict[str, float]:
    """Return which share of a step of `cifar10-flexmatch` making its views takes, for each augmentation."""
    import torch  # noqa: PLC0415 - not needed for the tables

    from nextlabel_plugins.networks.architectures.factory import build_network  # noqa: PLC0415 - as above
    from nextlabel_plugins.networks.architectures.network import Shape  # noqa: PLC0415
    from nextlabel_plugins.networks.training.hardware import training_precision  # noqa: PLC0415
    from nextlabel_plugins.networks.training.in_memory import InMemoryImages  # noqa: PLC0415
    from nextlabel_plugins.networks.training.train_flexmatch import AUGMENTATIONS  # noqa: PLC0415

    torch.manual_seed(0)
    batch = 128
    network = build_network(Shape(32, 32, 3, 10, 16, 0.0, "wideresnet")).to(memory_format=torch.channels_last)
    images = InMemoryImages(torch.randint(0, 256, (1000, 32, 32, 3), dtype=torch.uint8), 4, flip=True)

    def seconds(task: Any) -> float:
        task()
        started = time.process_time()
        task()
        return time.process_time() - started

    def weak() -> Any:
        return images.views(torch.randperm(1000)[:batch], None).float()

    def step() -> None:
        with training_precision(torch.device("cpu")):
            logits = network(weak().contiguous(memory_format=torch.channels_last))
        logits.float().logsumexp(dim=1).mean().backward()  # type: ignore[no-untyped-call]

    step_seconds = seconds(step)
    shares = {}
    for name, kind in AUGMENTATIONS.items():
        augment, weak_seconds = kind(0.5, 0.5, torch.zeros(3, 1, 1)), seconds(weak)
        strong_seconds = seconds(functools.partial(lambda augment: augment(weak()), augment)) - weak_seconds
        # of a step's 64 + 448 + 448 views, 448 are strong
        strong = 448 / 960 * strong_seconds
        shares[name] = (weak_seconds + strong) / (step_seconds + strong)
    return shares


def main() -> None:
    """Parse the arguments and run the benchmark."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    if arguments.check:
        check()
        return
    if not arguments.show:
        for setting in arguments.settings:
            for seed in arguments.seeds:
                run(setting, seed)
    if RESULTS.exists():
        print("\n".join(rows([json.loads(line) for line in RESULTS.read_text("utf-8").splitlines()])))


if __name__ == "__main__":
    main()
