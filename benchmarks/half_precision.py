"""Label efficiency with embeddings in half precision, as they are stored, against single precision.

python benchmarks/half_precision.py               20 pairs of runs per strategy and data set; minutes on one core
python benchmarks/half_precision.py --keep        also stores each run
python benchmarks/half_precision.py --show        prints the table of docs/half-precision.md again
python benchmarks/half_precision.py --check       takes seconds: two short pairs on the digits

A run starts with a few random labels and adds those that a strategy chooses, round by round, with a
linear head on the embeddings. The two runs of a pair differ only in the precision of the embeddings.
A run's figure is its mean test accuracy over the rounds, the area under the learning curve.
`--keep` stores the figures in benchmarks/results/half_precision.csv, and plays only the pairs that are not there
yet, so that `--keep --seeds 40` adds to the first 20. Data sets are read from NEXTLABEL_DATA.
"""

from __future__ import annotations

import csv
import os
import pickle
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before numpy is imported

import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402
from linear_head import LinearHead  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from scipy.stats import t as student  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402
from sklearn.decomposition import PCA  # noqa: E402
from torchvision.datasets import MNIST  # noqa: E402

from nextlabel.contracts import NoParameters, Pool  # noqa: E402
from nextlabel.engine.images.image_items import FileItems, PixelItems  # noqa: E402
from nextlabel.engine.plugins.parameters import build  # noqa: E402
from nextlabel.engine.plugins.registry import load  # noqa: E402

sys.path.append(str(Path(__file__).parents[1] / "tests"))
RESULTS = Path(__file__).parent / "results" / "half_precision.csv"
BOUND = 0.5
"""Largest difference in points that is no disadvantage."""

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Data:
    """Embeddings in single precision with classes, of a pool and of test items."""

    name: str
    pool: Floats
    pool_classes: NDArray[np.int64]
    test: Floats
    test_classes: NDArray[np.int64]
    start: int = 10
    size: int = 10
    projection: Floats | None = None
    """Applied to the embeddings, in either precision, to save time."""


@dataclass(frozen=True)
class Pair:
    """The figures of two runs that differ only in the precision."""

    data: str
    strategy: str
    seed: int
    single: float
    half: float
    same: float
    """Share of the chosen items that both runs chose."""


# ------------------------------------------------------------------------------- data sets


def digits(_: Path) -> Data:
    """Standardized pixels: those of 0 to 16 would be the same in half precision."""
    source = load_digits()
    return split("digits, pixels", standardized(source.data), source.target.astype(np.int64), 500)


def mnist(root: Path) -> Data:
    """3,000 images, reduced to their 50 principal components."""
    source = MNIST(root, train=True)
    pixels, classes = source.data[:3000].numpy().reshape(3000, -1) / 255, source.targets[:3000].numpy()
    return split("MNIST, 50 components", PCA(50, random_state=0).fit_transform(pixels), classes, 1000)


def cifar10(root: Path) -> Data:
    """3,000 images, embedded by EfficientNet-Lite0; then their 128 principal components."""
    batch = pickle.loads((root / "cifar-10-batches-py" / "data_batch_1").read_bytes(), encoding="latin1")
    images = batch["data"][:3000].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    embeddings = embed(PixelItems(images))
    data = split("CIFAR-10, EfficientNet-Lite0", embeddings, np.array(batch["labels"][:3000]), 1000)
    components = PCA(128, random_state=0).fit(embeddings).components_.T
    return replace(data, projection=components.astype(np.float32))


def photographs(root: Path) -> Data:
    """397 photographs of ants and bees, embedded by EfficientNet-Lite0."""
    parts = []
    for part in ("train", "val"):
        paths = sorted((root / "photos_ants_bees" / part).glob("*/*.jpg"))
        parts += [embed(FileItems(paths)), np.array([int(path.parent.name == "bees") for path in paths])]
    return Data("ants and bees, EfficientNet-Lite0", parts[0], parts[1], parts[2], parts[3], start=4, size=4)


DATA = (digits, mnist, cifar10, photographs)


def split(name: str, embeddings: Floats, classes: NDArray[np.int64], test: int) -> Data:
    order = np.random.default_rng(0).permutation(len(embeddings))
    embeddings, classes = embeddings[order].astype(np.float32), classes[order].astype(np.int64)
    return Data(name, embeddings[test:], classes[test:], embeddings[:test], classes[:test])


def standardized(rows: Floats) -> Floats:
    return (rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-6)


def embed(items: Any) -> Floats:
    """Return the embeddings of images by EfficientNet-Lite0."""
    backbone: Any = build(load().backbone("efficientnet-lite0"), {}, "efficientnet-lite0")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    with TemporaryDirectory() as folder:
        backbone.write_onnx(Path(folder) / "backbone.onnx")
        session = onnxruntime.InferenceSession(str(Path(folder) / "backbone.onnx"), options)
    side, parts = backbone.preprocessing.size, []
    for start in range(0, len(items), 32):
        pixels = items.take(np.arange(start, min(start + 32, len(items)))).pixels((side, side), 3)
        scaled = (pixels - np.float32(backbone.preprocessing.mean)) / np.float32(backbone.preprocessing.std)
        parts.append(session.run(["embeddings"], {"input": scaled.transpose(0, 3, 1, 2).astype(np.float32)})[0])
    return np.concatenate(parts)


# -------------------------------------------------------------------------------- strategies


def plain(module: str, name: str) -> Callable[[Data], Any]:
    return lambda _: getattr(import_module(module), name)(NoParameters())


def core_set(_: Data) -> Any:
    return build(load().strategy("core-set"), {}, "core-set")


def typiclust(data: Data) -> Any:
    module = import_module("tiny_plugins.clusters")
    return module.TypiClust(module.TypiClustParameters(batch=data.size))


def probcover(data: Data) -> Any:
    module, vectors = import_module("tiny_plugins.probcover"), import_module("tiny_plugins.vectors")
    points = data.pool if data.projection is None else data.pool @ data.projection
    radius = float(np.median(np.sort(np.sqrt(vectors.squared_distances(points[:300], points)), axis=1)[:, 20]))
    return module.ProbCover(module.ProbCoverParameters(delta=radius))


STRATEGIES: Mapping[str, Callable[[Data], Any]] = {
    "core-set": core_set,
    "badge": plain("tiny_plugins.badge", "Badge"),
    "typiclust": typiclust,
    "dbal": plain("half_precision_strategies", "Dbal"),
    "k-means": plain("half_precision_strategies", "KMeans"),
    "probcover": probcover,
}
ONCE = ("badge", "probcover")
"""Strategies whose prepared arrays depend on the embeddings alone."""


# -------------------------------------------------------------------------------------- runs


class Player:
    """Plays runs of one strategy on one data set, in one precision."""

    def __init__(self, data: Data, strategy: str, dtype: Any) -> None:
        self.data, self.name = data, strategy
        self.strategy = STRATEGIES[strategy](data)
        # stored in this precision, and computed with in single precision
        parts = [part.astype(dtype).astype(np.float32) for part in (data.pool, data.test)]
        self.pool, self.test = (part if data.projection is None else part @ data.projection for part in parts)
        self.prepared: Mapping[str, Any] | None = None

    def play(self, seed: int, rounds: int) -> tuple[float, set[int]]:
        """Return the mean accuracy over the rounds, and the chosen items."""
        covered = np.sort(np.random.default_rng(seed).permutation(len(self.pool))[: self.data.start])
        accuracies = []
        for number in range(rounds + 1):
            model = self.fit(covered)
            predicted = model.predict(self.test).argmax(axis=1)
            accuracies.append(100 * float((predicted == self.data.test_classes).mean()))
            if number < rounds:
                rng = np.random.default_rng([seed, number])
                covered = np.sort(np.concatenate([covered, self.choose(model, covered, rng)]))
        return fmean(accuracies), set(covered.tolist())

    def fit(self, covered: NDArray[np.int64]) -> LinearHead:
        """Return a linear model of the labelled items."""
        classes = self.data.pool_classes
        return LinearHead(self.pool[covered], classes[covered], int(classes.max()) + 1)

    def choose(self, model: LinearHead, covered: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the items that the strategy chooses next, which it prepares as after a training."""
        probabilities = model.predict(self.pool)
        arrays: dict[Any, Any] = {"embeddings": self.pool, "covered_embeddings": self.pool[covered]}
        prepared = self.prepared
        if prepared is None:
            prepared = self.strategy.prepare(Pool(len(self.pool), {**arrays, "probabilities": probabilities}), rng)
        if self.name in ONCE:
            self.prepared = prepared
        rest = np.setdiff1d(np.arange(len(self.pool)), covered)
        pool = Pool(
            len(rest),
            {**arrays, "embeddings": self.pool[rest], "probabilities": probabilities[rest]},
            positions=rest,
            prepared={name: array[rest] for name, array in prepared.items()},
            covered_prepared={name: array[covered] for name, array in prepared.items()},
            new_embeddings=lambda: self.pool[:0],
        )
        return rest[self.strategy.select(pool, self.data.size, rng).positions]


def pairs(data: Data, strategy: str, seeds: Iterable[int], rounds: int) -> Iterator[Pair]:
    single, half = Player(data, strategy, np.float32), Player(data, strategy, np.float16)
    for seed in seeds:
        (one, items), (two, others) = single.play(seed, rounds), half.play(seed, rounds)
        chosen = data.size * rounds
        same = (len(items & others) - data.start) / chosen
        yield Pair(data.name, strategy, seed, one, two, same)


# ------------------------------------------------------------------------------------ tables


def table(results: Sequence[Pair]) -> str:
    """Return the table of docs/half-precision.md."""
    lines = [
        "| embeddings | strategy | pairs | mean accuracy % | float16 - float32, points | 95 % interval | same items |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    # in the order of the first pairs, whichever were added later
    for data, strategy in dict.fromkeys((pair.data, pair.strategy) for pair in results):
        group = [pair for pair in results if (pair.data, pair.strategy) == (data, strategy)]
        differences = [pair.half - pair.single for pair in group]
        mean = fmean(differences)
        width = float(student.ppf(0.975, len(group) - 1)) * stdev(differences) / sqrt(len(group))
        outside = "" if max(abs(mean - width), abs(mean + width)) <= BOUND else " *"
        same = fmean(pair.same for pair in group)
        lines.append(
            f"| {data} | `{strategy}` | {len(group)} | {fmean(pair.single for pair in group):.2f} | {mean:+.3f} "
            f"| {mean - width:+.3f} to {mean + width:+.3f}{outside} | {same:.0%} |"
        )
    return "\n".join(lines)


def read() -> list[Pair]:
    with RESULTS.open(newline="") as file:
        return [
            Pair(
                row["data"], row["strategy"], int(row["seed"]),
                float(row["single"]), float(row["half"]), float(row["same"]),
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip


def write(results: Sequence[Pair]) -> None:
    with RESULTS.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(asdict(results[0])), lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(pair).items()}
            for pair in results
        )


def main() -> None:
    """Play all pairs, or print the table of stored ones."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--strategies", default=",".join(STRATEGIES), help="names, with commas between them")
    arguments = parser.parse_args()
    if arguments.show:
        print(table(read()))
        return
    root = Path(os.environ.get("NEXTLABEL_DATA", "."))
    seeds, rounds = (2, 2) if arguments.check else (arguments.seeds, arguments.rounds)
    results = read() if arguments.keep and RESULTS.exists() else []
    for source in DATA[:1] if arguments.check else DATA:
        try:
            data = source(root)
        except (OSError, RuntimeError) as error:
            print(f"{source.__name__} is left out: {error}", flush=True)
            continue
        for strategy in arguments.strategies.split(","):
            known = {pair.seed for pair in results if (pair.data, pair.strategy) == (data.name, strategy)}
            results += pairs(data, strategy, sorted(set(range(seeds)) - known), rounds)
            print(f"{data.name}, {strategy}: {seeds} pairs", flush=True)
            if arguments.keep:
                write(results)
    if arguments.check:
        assert all(30 < pair.single < 100 and abs(pair.half - pair.single) < 10 for pair in results), results
    print(table(results))


if __name__ == "__main__":
    main()
