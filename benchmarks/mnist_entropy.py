"""The project `mnist`: its time beside that of an ordinary torch program, and its curve with dropout off and on.

python benchmarks/mnist_entropy.py            one run of each on two threads, in turn; prints the ratio of their times
python benchmarks/mnist_entropy.py --curves   5 seeds of `nextlabel simulate mnist`, as it is, then with dropout
                                              switched on while it scores and tests; --keep FOLDER also copies the
                                              pictures there, as mnist.svg and mnist-with-dropout.svg
python benchmarks/mnist_entropy.py --check    a few random images: checks that both run, stores nothing
python benchmarks/mnist_entropy.py --show     prints the tables of docs/mnist.md from the stored results

NEXTLABEL_DATA must name the folder with MNIST. Results are stored in benchmarks/results/mnist_entropy.json.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory

import numpy as np

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "mnist_entropy.json"
THREADS = 2
ORIGINAL = (95.22, 96.36, 97.26, 97.46, 97.53, 97.85)
"""Test accuracy of the original program after each round, in percent."""
START, SIZE = 12_000, 1000
PROJECTS = {"mnist": "mnist, dropout off", "with-dropout": "mnist, dropout on"}
"""The project, and the same with dropout switched on while it scores and tests."""
PICTURES = {"mnist": "mnist", "with-dropout": "mnist-with-dropout"}
QUICK = ("--start", "100", "--size", "20", "--rounds", "1")


def prepare(folder: Path) -> dict[str, str]:
    """Write the plugin's metadata and the second project to `folder`; return the environment of the processes."""
    about, projects = folder / "plugins" / "mnist_entropy-1.0.dist-info", folder / "projects"
    about.mkdir(parents=True)
    projects.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: mnist-entropy\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[nextlabel]\nmnist_entropy = mnist_entropy_plugins\n")
    project = (HERE.parent / "plugins" / "nextlabel_plugins" / "projects" / "mnist.toml").read_text()
    (projects / "with-dropout.toml").write_text(project.replace('plugin = "cnn"', 'plugin = "cnn-with-dropout"'))
    paths = [str(folder / "plugins"), str(HERE), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "NEXTLABEL_PROJECTS": str(projects),
        "NEXTLABEL_TRAIN_THREADS": str(THREADS),
    }


def simulate(
    folder: Path, environment: dict[str, str], project: str, seeds: int = 1, options: tuple[str, ...] = ()
) -> tuple[list[list[float]], float]:
    """Return the test accuracy of each round of each seed from `nextlabel simulate`, and its seconds."""
    command = [sys.executable, "-m", "nextlabel", "simulate", project, "--seeds", str(seeds), "--out", str(folder)]
    began = time.perf_counter()
    subprocess.run([*command, *options], check=True, env=environment, stdout=sys.stderr)
    seconds = time.perf_counter() - began
    runs: dict[int, list[float]] = {}
    for point in json.loads((folder / "curve.json").read_text())["points"]:
        runs.setdefault(point["seed"], []).append(point["metrics"]["test_accuracy"])
    return list(runs.values()), seconds


def script(environment: dict[str, str], options: tuple[str, ...] = ()) -> tuple[list[float], float]:
    """Return the test accuracy of each round of the torch program, and its seconds."""
    command = [sys.executable, str(HERE / "mnist_entropy_script.py"), environment["NEXTLABEL_DATA"]]
    began = time.perf_counter()
    done = subprocess.run([*command, *options], check=True, env=environment, stdout=subprocess.PIPE)
    return json.loads(done.stdout), time.perf_counter() - began


def write_random_mnist(root: Path) -> None:
    """Write 400 random training images and 100 test images in the files of MNIST."""
    raw, rng = root / "MNIST" / "raw", np.random.default_rng(0)
    raw.mkdir(parents=True)
    for name, count in {"train": 400, "t10k": 100}.items():
        images, classes = rng.integers(0, 256, (count, 28, 28), np.uint8), (np.arange(count) % 10).astype(np.uint8)
        for part, array in {"images-idx3": images, "labels-idx1": classes}.items():
            header = np.array([0x0800 + array.ndim, *array.shape], ">i4").tobytes()
            (raw / f"{name}-{part}-ubyte").write_bytes(header + array.tobytes())


def check(folder: Path) -> None:
    """Run both on a few random images."""
    write_random_mnist(folder / "data")
    environment = {**prepare(folder), "NEXTLABEL_DATA": str(folder / "data")}
    for project in PROJECTS:
        ((first, last),), _ = simulate(folder / project, environment, project, options=QUICK)
        assert 0 <= min(first, last) <= max(first, last) <= 1
    accuracies, _ = script(environment, QUICK)
    assert len(accuracies) == 2
    print(f"both run: {accuracies}")


def compare(folder: Path) -> dict[str, object]:
    """Return the times of one run of each, and print them."""
    environment = prepare(folder)
    theirs, their_seconds = script(environment)
    print(f"torch program: {their_seconds:.1f} s, {percent(theirs)}", flush=True)
    (ours,), our_seconds = simulate(folder / "out", environment, "mnist")
    print(f"nextlabel simulate mnist: {our_seconds:.1f} s, {percent(ours)}", flush=True)
    print(f"ratio: {our_seconds / their_seconds:.2f}", flush=True)
    return {"script": theirs, "script_seconds": their_seconds, "mnist": ours, "mnist_seconds": our_seconds}


def percent(accuracies: list[float]) -> str:
    """Return accuracies as text."""
    return " ".join(f"{100 * accuracy:.2f}" for accuracy in accuracies)


def tables(results: dict[str, dict[str, object]]) -> str:
    """Return the tables of the documentation: accuracies by round, then times."""
    labels = [START + SIZE * number for number in range(len(ORIGINAL))]
    lines = [
        f"| labels | {' | '.join(f'{count:,}' for count in labels)} |",
        "| --- |" + " --- |" * len(labels),
        f"| the original | {' | '.join(f'{accuracy:.2f}' for accuracy in ORIGINAL)} |",
    ]
    for project, title in PROJECTS.items():
        runs = results.get("curves", {}).get(project)
        if runs:
            assert isinstance(runs, list)
            rounds = [[100 * accuracy for accuracy in round_] for round_ in zip(*runs, strict=True)]
            cells = [f"{mean(round_):.2f} ± {stdev(round_):.2f}" for round_ in rounds]
            lines.append(f"| {title}, {len(runs)} seeds | {' | '.join(cells)} |")
    times = results.get("times")
    if times:
        ours, theirs = (float(str(times[f"{name}_seconds"])) for name in ("mnist", "script"))
        lines += [
            "",
            "| one run on two threads | seconds | ratio |",
            "| --- | --- | --- |",
            f"| ordinary torch program | {theirs:.0f} | 1 |",
            f"| `nextlabel simulate mnist` | {ours:.0f} | {ours / theirs:.2f} |",
        ]
    return "\n".join(lines)


def main() -> None:
    """Run what the arguments name."""
    parser = ArgumentParser(description=__doc__)
    for name in ("--check", "--curves", "--show"):
        parser.add_argument(name, action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    with TemporaryDirectory() as folder:
        if arguments.check:
            check(Path(folder))
        elif arguments.curves:
            environment, curves = prepare(Path(folder)), results.setdefault("curves", {})
            for project in PROJECTS:
                out = Path(folder, project)
                curves[project], _ = simulate(out, environment, project, arguments.seeds)
                if arguments.keep:
                    shutil.copyfile(out / "curve.svg", arguments.keep / f"{PICTURES[project]}.svg")
                RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        elif not arguments.show:
            results["times"] = compare(Path(folder))
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    if not arguments.check:
        print(tables(results))


if __name__ == "__main__":
    main()
