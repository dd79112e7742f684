"""Label spreading on MNIST: accuracy, time and peak memory of `label-spreading`, beside scikit-learn's.

python benchmarks/spreading.py [--check]       writes benchmarks/results/spreading.csv; about 20 minutes on two cores
python benchmarks/spreading.py --gammas        accuracy by gamma on the unlabelled items of a pool of 5,000
python benchmarks/spreading.py --curves DIR    digits-spreading by most and by least entropy; needs no MNIST

NEXTLABEL_DATA must be the folder that holds MNIST/raw. The pool are the first N training images in an order drawn by
seed 0, of which the first 1,000 are labelled; the 10,000 test images are new items. Each row is measured in a process
of its own, which reads the files itself. The last row is `nextlabel train` and `nextlabel evaluate` with
docs/examples/mnist-spreading.toml.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
import time
import warnings
from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

LABELLED = 1000
GAMMA = 0.2
"""With pixels from 0 to 1; chosen by `--gammas`."""
ROWS = (
    ("scikit-learn rbf", 5_000),
    ("rbf", 5_000),
    ("knn", 5_000),
    ("scikit-learn rbf", 15_000),
    ("rbf", 15_000),
    ("knn", 15_000),
    ("knn", 60_000),
)
CHECKED = (("scikit-learn rbf", 600), ("rbf", 600), ("scikit-learn knn", 600), ("knn", 600))
COLUMNS = (
    "method",
    "images",
    "labelled",
    "pool_accuracy",
    "test_accuracy",
    "fit_s",
    "predict_s",
    "cpu_s",
    "wall_s",
    "peak_mb",
)
RESULTS = Path(__file__).parent / "results" / "spreading.csv"
EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
_IMAGES, _LABELS = 16, 8
"""Bytes of the headers of MNIST's files."""


def mnist(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the images (n, 28, 28) and classes (n,) of "train" or "t10k"."""
    folder = Path(os.environ["NEXTLABEL_DATA"], "MNIST", "raw")

    def read(name: str, header: int) -> np.ndarray:
        file = folder / name
        data = file.read_bytes() if file.exists() else gzip.decompress(Path(f"{file}.gz").read_bytes())
        return np.frombuffer(data, np.uint8, offset=header)

    images = read(f"{part}-images-idx3-ubyte", _IMAGES).reshape(-1, 28, 28)
    return images, read(f"{part}-labels-idx1-ubyte", _LABELS).astype(np.int64)


def images(size: int, data: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the images and classes of the pool, then those of the new items."""
    if data == "digits":
        from sklearn.datasets import load_digits  # noqa: PLC0415 - not in the memory of the other rows

        ink, truth = load_digits(return_X_y=True)
        pixels = np.rint(ink.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
        return pixels[:size], truth[:size], pixels[size:], truth[size:]
    pixels, truth = mnist("train")
    chosen = np.random.default_rng(0).permutation(len(pixels))[:size]
    return pixels[chosen], truth[chosen], *mnist("t10k")


def measure(method: str, size: int, labelled: int, gamma: float, data: str) -> dict[str, float]:
    """Fit, predict the new items, and return accuracies and seconds."""
    pool, truth, new, new_truth = images(size, data)
    kernel = method.rsplit(maxsplit=1)[-1]
    began = time.perf_counter()
    if method.startswith("scikit-learn"):
        fitted, predict = by_scikit_learn(kernel, gamma, pool, truth, labelled)
    else:
        fitted, predict = by_nextlabel(kernel, gamma, pool, truth, labelled)
    fit_seconds, began = time.perf_counter() - began, time.perf_counter()
    predicted = predict(new)
    return {
        "pool_accuracy": float((fitted[labelled:] == truth[labelled:]).mean()),
        "test_accuracy": float((predicted == new_truth).mean()),
        "fit_s": fit_seconds,
        "predict_s": time.perf_counter() - began,
    }


def by_scikit_learn(kernel: str, gamma: float, pool: np.ndarray, truth: np.ndarray, labelled: int) -> tuple[Any, Any]:
    """Return the classes of the pool, and a function that predicts new images."""
    from sklearn.semi_supervised import LabelSpreading  # noqa: PLC0415 - not in the memory of the other rows

    def scaled(array: np.ndarray) -> np.ndarray:
        return array.reshape(len(array), -1) / 255

    model = LabelSpreading(kernel=kernel, gamma=gamma)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(scaled(pool), np.where(np.arange(len(truth)) < labelled, truth, -1))
    return model.transduction_, lambda new: model.predict_proba(scaled(new)).argmax(axis=1)


def by_nextlabel(kernel: str, gamma: float, pool: np.ndarray, truth: np.ndarray, labelled: int) -> tuple[Any, Any]:
    """Return the classes of the pool, and a function that predicts new images."""
    from nextlabel.contracts import Targets, Training  # noqa: PLC0415 - not in the memory of the other rows
    from nextlabel.engine.images.image_items import PixelItems  # noqa: PLC0415 - as above
    from nextlabel_plugins.learners.label_spreading import (  # noqa: PLC0415 - as above
        LabelSpreading,
        LabelSpreadingParameters,
    )

    candidates = np.ones((len(truth), 10), np.bool_)
    candidates[:labelled] = np.eye(10, dtype=np.bool_)[truth[:labelled]]
    learner = LabelSpreading(LabelSpreadingParameters(kernel=kernel, gamma=gamma))  # type: ignore[arg-type]
    model = learner.fit(PixelItems(pool), Targets(candidates=candidates), Training(0))
    nothing, rng = frozenset[Any](), np.random.default_rng(0)

    def classes(outputs: Any) -> np.ndarray:
        return np.asarray(outputs.probabilities.argmax(axis=1))

    return classes(model.predict_fitted(nothing, rng)), lambda new: classes(
        model.predict(PixelItems(new), nothing, rng)
    )


def run(command: list[str], **environment: str) -> tuple[str, dict[str, float]]:
    """Run a process, and return what it prints, and its seconds and peak memory.

    These include its children's: all of their CPU time, and the largest memory of any.
    """
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
    assert process.stdout is not None
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return text, {
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "wall_s": time.perf_counter() - began,
        "peak_mb": usage.ru_maxrss * 1024 / 1e6,
    }


def measured(method: str, size: int, labelled: int, gamma: float, data: str) -> dict[str, Any]:
    """Measure a row in a process of its own."""
    command = [sys.executable, __file__, "--measure", method, str(size), str(labelled), str(gamma), data]
    text, used = run(command)
    row = {"method": method, "images": size, "labelled": labelled, **json.loads(text), **used}
    print(row, flush=True)
    return row


def commands() -> dict[str, Any]:
    """Measure `nextlabel train` and `nextlabel evaluate`."""
    with TemporaryDirectory() as home:
        settings = {"NEXTLABEL_HOME": home, "NEXTLABEL_PROJECTS": str(EXAMPLES)}
        nextlabel = [sys.executable, "-m", "nextlabel"]
        _, training = run([*nextlabel, "train", "mnist-spreading", "--json"], **settings)
        tested, test = run([*nextlabel, "evaluate", "mnist-spreading", "--json"], **settings)
    print("train", training, "evaluate", test)
    row = {
        "method": "knn, nextlabel train and evaluate",
        "images": 60_000,
        "labelled": LABELLED,
        "test_accuracy": json.loads(tested)["metrics"]["accuracy"],
        "fit_s": training["wall_s"],
        "predict_s": test["wall_s"],
        "cpu_s": training["cpu_s"] + test["cpu_s"],
        "wall_s": training["wall_s"] + test["wall_s"],
        "peak_mb": max(training["peak_mb"], test["peak_mb"]),
    }
    print(row, flush=True)
    return row


def by_script(*, most: bool) -> list[float]:
    """Return the accuracy of each round of a plain script with scikit-learn, which asks by most or least entropy."""
    from scipy.stats import entropy  # noqa: PLC0415 - not in the memory of the other rows
    from sklearn.datasets import load_digits  # noqa: PLC0415 - as above
    from sklearn.semi_supervised import LabelSpreading  # noqa: PLC0415 - as above

    ink, truth = load_digits(return_X_y=True)
    chosen = np.arange(len(ink))
    np.random.RandomState(0).shuffle(chosen)
    ink, truth = ink[chosen[:330]], truth[chosen[:330]]
    open_items = np.arange(10, len(ink))
    accuracies = []
    for _ in range(5):
        labels = truth.copy()
        labels[open_items] = -1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = LabelSpreading(gamma=0.25, max_iter=5).fit(ink, labels)
        accuracies.append(float((model.transduction_ == truth)[open_items].mean()))
        order = np.argsort(entropy(model.label_distributions_[open_items].T))
        queried = open_items[order[::-1][:5] if most else order[:5]]
        open_items = np.setdiff1d(open_items, queried)
    return accuracies


def curves(folder: Path) -> None:
    """Play `digits-spreading` by most and by least entropy, write the curves to `folder`, and print a script's."""
    here = Path(__file__).parent
    with TemporaryDirectory() as plugins:
        about = Path(plugins) / "spreading-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: spreading\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text("[nextlabel]\nspreading = spreading_plugins\n")
        paths = os.pathsep.join([plugins, str(here), os.environ.get("PYTHONPATH", "")])
        command = [sys.executable, "-m", "nextlabel", "simulate", "digits-spreading"]
        command += ["--strategy", "entropy,least-entropy", "--out", str(folder)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": paths})
    for name, most in (("most", True), ("least", False)):
        print(f"scikit-learn, {name} entropy:", " ".join(f"{accuracy:.1%}" for accuracy in by_script(most=most)))


def check() -> None:
    """Compare ours with scikit-learn's on the digits that need no download."""
    rows = {method: measured(method, size, 100, 1.0, "digits") for method, size in CHECKED}
    for kernel in ("rbf", "knn"):
        for name in ("pool_accuracy", "test_accuracy"):
            ours, theirs = rows[kernel][name], rows[f"scikit-learn {kernel}"][name]
            assert ours == theirs > 0.8, (kernel, name, ours, theirs)
    with TemporaryDirectory() as folder:
        curves(Path(folder))
        points = json.loads(Path(folder, "curve.json").read_text())["points"]
        final = {point["strategy"]: point["metrics"]["unlabelled_accuracy"] for point in points}
        assert final["entropy"] > final["least-entropy"] + 0.2, final


def main() -> None:
    """Measure all rows and write them."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--gammas", action="store_true")
    parser.add_argument("--curves", type=Path)
    parser.add_argument("--measure", nargs=5)
    arguments = parser.parse_args()
    if arguments.measure:
        method, size, labelled, gamma, data = arguments.measure
        print(json.dumps(measure(method, int(size), int(labelled), float(gamma), data)))
    elif arguments.check:
        check()
    elif arguments.curves:
        curves(arguments.curves)
    elif arguments.gammas:
        for gamma in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0):
            print(gamma, measured("rbf", 5_000, LABELLED, gamma, "mnist")["pool_accuracy"], flush=True)
    else:
        rows = [*(measured(method, size, LABELLED, GAMMA, "mnist") for method, size in ROWS), commands()]
        with RESULTS.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(
                {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}
                for row in rows
            )


if __name__ == "__main__":
    main()
