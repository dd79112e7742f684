"""Small stand-ins for the published data sets in torchvision's layouts, and a server to download them from."""

from __future__ import annotations

import gc
import gzip
import hashlib
import pickle
import socket
import tarfile
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from nextlabel.contracts import Contents
from nextlabel.engine.plugins.parameters import build
from nextlabel.engine.plugins.registry import Registry

SIZE, TESTS = 40, 12
IDX = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}
BATCHES = {"cifar10": "CIFAR10", "cifar100": "CIFAR100"}
SOURCES = {**IDX, **BATCHES}
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@pytest.fixture
def torchvision_datasets() -> ModuleType:
    from torchvision import datasets

    return datasets


@pytest.fixture
def offline(torchvision_datasets: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every download be refused."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as closed:  # bound but not listening: connections are refused
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        for name in IDX.values():
            monkeypatch.setattr(getattr(torchvision_datasets, name), "mirrors", [f"{address}/{name}/"])
        for name in BATCHES.values():
            monkeypatch.setattr(getattr(torchvision_datasets, name), "url", f"{address}/{name}.tar.gz")
        yield


@pytest.fixture
def create(torchvision_datasets: ModuleType, offline: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a function that writes a small data set, which torchvision accepts as complete, and returns its folder."""

    def write(name: str, root: Path) -> Path:
        source = getattr(torchvision_datasets, SOURCES[name])
        if name in IDX:
            return create_idx(root / IDX[name])
        return create_batches(root / source.base_folder, source, monkeypatch)

    return write


def create_idx(folder: Path) -> Path:
    (folder / "raw").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for split, size in (("train", SIZE), ("t10k", TESTS)):
        write_idx(folder / "raw" / f"{split}-images-idx3-ubyte", rng.integers(0, 256, (size, 28, 28)))
        write_idx(folder / "raw" / f"{split}-labels-idx1-ubyte", np.arange(size) % 10)
    return folder


def write_idx(file: Path, array: np.ndarray[Any, Any]) -> None:
    """Write an array in the authors' format: type and rank, shape, then the bytes."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(length.to_bytes(4, "big") for length in array.shape)
    file.write_bytes(header + array.astype(np.uint8).tobytes())


def create_batches(folder: Path, source: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    is_cifar10 = source.__name__ == "CIFAR10"
    names = list(CIFAR10) if is_cifar10 else [f"thing {number:02}" for number in range(100)]
    key = "labels" if is_cifar10 else "fine_labels"

    def batch(size: int) -> dict[str, Any]:
        return {"data": rng.integers(0, 256, (size, 3072), np.uint8), key: [n % len(names) for n in range(size)]}

    parts = ["data_batch_1", "data_batch_2"] if is_cifar10 else ["train"]
    files = {part: batch(SIZE // len(parts)) for part in parts}
    lists = {
        "train_list": [[part, dump(folder / part, value)] for part, value in files.items()],
        "test_list": [[source.test_list[0][0], dump(folder / source.test_list[0][0], batch(TESTS))]],
        "meta": {**source.meta, "md5": dump(folder / source.meta["filename"], {source.meta["key"]: names})},
    }
    for attribute, value in lists.items():
        monkeypatch.setattr(source, attribute, value)
    return folder


def dump(file: Path, value: object) -> str:
    file.write_bytes(pickle.dumps(value))
    return md5(file)


def md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()


@pytest.fixture
def server_folder(tmp_path: Path) -> Path:
    """Return the folder of the server that data sets are downloaded from."""
    folder = tmp_path / "server"
    folder.mkdir()
    return folder


@pytest.fixture
def server(server_folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(server_folder))) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{served.server_address[1]}"
        served.shutdown()
        thread.join()
    with warnings.catch_warnings():
        # torchvision does not close the connection after an HTTP error
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def publish(
    create: Callable[..., Path],
    torchvision_datasets: ModuleType,
    server_folder: Path,
    server: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Callable[[str], None]:
    """Return a function that offers a small data set for download, packed as its authors pack it."""

    def pack(name: str) -> None:
        source = getattr(torchvision_datasets, SOURCES[name])
        folder = create(name, tmp_path / "original")
        if name in IDX:
            resources = []
            for file in sorted((folder / "raw").iterdir()):
                packed = server_folder / f"{file.name}.gz"
                packed.write_bytes(gzip.compress(file.read_bytes()))
                resources.append((packed.name, md5(packed)))
            monkeypatch.setattr(source, "mirrors", [f"{server}/"])
            monkeypatch.setattr(source, "resources", resources)
        else:
            packed = server_folder / source.filename
            with tarfile.open(packed, "w:gz") as archive:
                archive.add(folder, folder.name)
            monkeypatch.setattr(source, "url", f"{server}/{packed.name}")
            monkeypatch.setattr(source, "tgz_md5", md5(packed))

    return pack


@pytest.fixture
def read(registry: Registry) -> Callable[..., Contents]:
    """Return a function that reads a data set by name with parameters."""

    def read_dataset(name: str, root: Path | None, seed: int = 0, **parameters: Any) -> Contents:
        contents: Contents = build(registry.dataset(name), parameters, "[dataset]").read(root, seed)
        return contents

    return read_dataset


@pytest.fixture
def download(registry: Registry) -> Callable[[str, Path], None]:
    """Return a function that downloads a data set by name."""
    return lambda name, root: build(registry.dataset(name), {}, "[dataset]").download(root)


@pytest.fixture(params=SOURCES)
def name(request: pytest.FixtureRequest) -> str:
    """Return the name of each data set in turn."""
    return str(request.param)
