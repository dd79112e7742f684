"""Feature extraction from JPEG files, compared with a bare loop that decodes the same files and runs the same network.

python benchmarks/extraction.py [--check] [--files 480] [--rounds 5]

The bare loop has a thread per core, each of which decodes some files and runs ONNX Runtime on one thread; a second one
decodes file by file and lets ONNX Runtime use all cores. The faster of the two counts. The extraction also hashes
the files, writes embeddings in half precision and waits for the disk. The start-up of both is not measured. The files
are the photographs of `photos_ants_bees` in NEXTLABEL_DATA, about 500 x 356 pixels, or else synthetic images of that
size.
"""

from __future__ import annotations

import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from onnxruntime import InferenceSession, SessionOptions
from PIL import Image, ImageFilter

from nextlabel.engine.features.embedder import Embedder
from nextlabel.engine.features.extraction import extract
from nextlabel.engine.features.sources import Sources
from nextlabel.engine.images.decoding import MAX_PIXELS, prepare
from nextlabel.engine.images.image_items import FileItems
from nextlabel.engine.plugins.registry import load
from nextlabel.engine.project_files import FeaturesChoice
from nextlabel.engine.settings import Settings
from nextlabel.store.database import Database
from nextlabel.store.feature_files import FeatureFiles, network_path
from nextlabel.store.home import Home

GOAL = 0.9
SIZE = (224, 224)


def photographs(number: int) -> list[bytes]:
    """Return at most `number` JPEG files, photographs if they are on this machine."""
    root = Path(os.environ.get("NEXTLABEL_DATA") or "/nowhere") / "photos_ants_bees"
    files = sorted(root.rglob("*.jpg"))
    if files:
        return [path.read_bytes() for path in files[:number]]
    images = []
    for seed in range(min(number, 20)):
        noise = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (356, 500, 3), np.uint8))
        out = BytesIO()
        noise.filter(ImageFilter.GaussianBlur(2)).save(out, "JPEG", quality=90)
        images.append(out.getvalue())
    return images


def write_files(folder: Path, number: int) -> list[Path]:
    """Write distinct JPEG files: copies differ in the bytes behind the image."""
    contents = photographs(number)
    paths = []
    for index in range(number):
        paths.append(folder / f"{index}.jpg")
        paths[-1].write_bytes(contents[index % len(contents)] + index.to_bytes(4))
    return paths


def session(network: Path, threads: int) -> InferenceSession:
    """Return a session that uses so many threads per call."""
    options = SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return InferenceSession(network, options, providers=["CPUExecutionProvider"])


def bare_threads(paths: Sequence[Path], network: InferenceSession, cores: int, batch: int) -> None:
    """Decode and run in as many threads as cores, `batch` files at a time."""

    def run(start: int) -> None:
        images = np.stack([prepare(path, SIZE, 3) for path in paths[start : start + batch]])
        network.run(["embeddings"], {"input": images})

    with ThreadPoolExecutor(cores) as executor:
        list(executor.map(run, range(0, len(paths), batch)))


def bare_loop(paths: Sequence[Path], network: InferenceSession) -> None:
    """Decode and run one file after the other; ONNX Runtime uses all cores."""
    for path in paths:
        network.run(["embeddings"], {"input": prepare(path, SIZE, 3)[None]})


def timed(function: Callable[[], object]) -> tuple[float, float]:
    """Return the wall time and the CPU time of a call, in seconds."""
    began, cpu = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - began, time.process_time() - cpu


def extraction(embedder: Embedder, home: Home, items: FileItems, threads: int, number: int) -> None:
    """Extract the features of all files into empty feature files."""
    files = FeatureFiles(home.root / f"empty{number}", embedder.card["dimensions"], 0)
    files.create()
    computed = extract(files, "pool", items, embedder, max_pixels=MAX_PIXELS, threads=threads)
    assert computed == len(items), f"{computed} of {len(items)} files were embedded"


def main() -> None:
    """Measure in turn, and exit with status 1 if the extraction is slower than 90 % of the bare loop."""
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="few files and one round, only to see that it works")
    parser.add_argument("--files", type=int, default=480)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    number, rounds = (24, 1) if arguments.check else (arguments.files, arguments.rounds)
    cores = Settings().cores
    with TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        home.root.mkdir()
        sources = Sources(Database(f"sqlite:///{home.root / 'unused.db'}"), home, load())
        card = sources.current(FeaturesChoice(plugin="efficientnet-lite0"))
        embedder = sources.embedder(card)
        embedder.load()
        network = network_path(home.features(card["key"]))
        paths = write_files(Path(folder), number)
        items, runs = FileItems(paths), count()
        one, every = session(network, 1), session(network, cores)
        ways: dict[str, Callable[[], object]] = {
            "a thread per core": partial(bare_threads, paths, one, cores, embedder.batch),
            "file by file": partial(bare_loop, paths, every),
            "extraction": lambda: extraction(embedder, home, items, cores, next(runs)),
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                times[name].append(timed(way))
    for name, measured in times.items():
        wall, cpu = (median(values) for values in zip(*measured, strict=True))
        print(f"{name:<18} {number / wall:7.1f} files/s  {1000 * cpu / number:6.1f} ms of CPU per file")
    bare = [min(pair) for pair in zip(*([wall for wall, _ in times[name]] for name in list(ways)[:2]), strict=True)]
    ratio = median(floor / wall for floor, (wall, _) in zip(bare, times["extraction"], strict=True))
    print(f"speed compared with the faster bare loop: {ratio:.1%} (goal: {GOAL:.0%}; {cores} cores)")
    if not arguments.check and ratio < GOAL:
        sys.exit(1)


if __name__ == "__main__":
    main()
