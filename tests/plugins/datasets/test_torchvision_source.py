"""Published data sets that are missing, damaged or downloaded."""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from support.published import FOLDERS

from nextlabel.contracts import Contents
from nextlabel.contracts.errors import DatasetMissing

Create = Callable[[str, Path], Path]
Read = Callable[..., Contents]
Download = Callable[[str, Path], None]


def error_message(action: Callable[[str, Path], Any], name: str, root: Path) -> str:
    with pytest.raises(DatasetMissing) as error:
        action(name, root)
    assert "\n" not in str(error.value)
    return str(error.value)


def files_below(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_missing_files(read: Read, publish: Callable[[str], None], name: str, tmp_path: Path) -> None:
    publish(name)  # `read` must not download it
    root = tmp_path / "data"
    message = error_message(read, name, root)
    assert f"{root / FOLDERS[name]} is missing; download it with `nextlabel download PROJECT`, or set" in message
    assert message.endswith(f"NEXTLABEL_DATA to the folder that holds {FOLDERS[name].split('/')[0]}")
    assert files_below(root) == []


def test_no_network(download: Download, offline: None, name: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    message = error_message(download, name, root)
    assert f" cannot be downloaded to {root / FOLDERS[name]}: " in message
    assert "refused" in message
    if name.startswith("cifar"):
        assert "or get it from http://127.0.0.1:" in message
        assert message.endswith(f".tar.gz and unpack it as {root / FOLDERS[name]}")
    else:
        assert "train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz" in message
        assert " from http://127.0.0.1:" in message
        assert message.endswith(f"/ and unpack them into {root / FOLDERS[name] / 'raw'}")
    assert files_below(root) == []
    assert socket.getdefaulttimeout() is None


@pytest.mark.parametrize("damage", ["truncated", "empty", "missing", "fewer labels"])
def test_damaged_files_of_mnist(read: Read, create: Create, tmp_path: Path, damage: str) -> None:
    raw = create("kmnist", tmp_path) / "raw"
    images, labels = raw / "train-images-idx3-ubyte", raw / "train-labels-idx1-ubyte"
    if damage == "missing":
        images.unlink()
    elif damage == "fewer labels":
        labels.write_bytes((raw / "t10k-labels-idx1-ubyte").read_bytes())
    else:
        images.write_bytes(images.read_bytes()[: 5000 if damage == "truncated" else 0])
    before = files_below(tmp_path)
    assert f"{tmp_path / 'KMNIST'} is incomplete or damaged (" in error_message(read, "kmnist", tmp_path)
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("file", ["data_batch_2", "test_batch", "batches.meta"])
def test_only_pickles_with_the_published_md5_are_loaded(read: Read, create: Create, tmp_path: Path, file: str) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "loaded"),)

    folder = create("cifar10", tmp_path)
    (folder / file).write_bytes(pickle.dumps(Trap()))
    assert "incomplete or damaged" in error_message(read, "cifar10", tmp_path)
    assert not (tmp_path / "loaded").exists()
    with (folder / file).open("rb") as trap:
        pickle.load(trap)
    assert (tmp_path / "loaded").exists()


def test_files_without_read_permission_are_not_replaced(
    read: Read,
    download: Download,
    create: Create,
    tmp_path: Path,
    torchvision_datasets: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def deny(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", "train-images")

    create("mnist", tmp_path)
    monkeypatch.setattr(torchvision_datasets.MNIST, "_load_data", deny)
    message = error_message(read, "mnist", tmp_path)
    assert error_message(download, "mnist", tmp_path) == message
    assert message == f"MNIST cannot be read from {tmp_path / 'MNIST'}: [Errno 13] Permission denied: 'train-images'"


def test_a_data_set_is_downloaded_once(
    read: Read, download: Download, publish: Callable[[str], None], server_folder: Path, name: str, tmp_path: Path
) -> None:
    publish(name)
    root = tmp_path / "new" / "data"
    download(name, root)
    assert [path.name for path in root.iterdir()] == [FOLDERS[name]]
    for file in server_folder.iterdir():
        file.unlink()
    download(name, root)
    downloaded, original = read(name, root), read(name, tmp_path / "original")
    np.testing.assert_array_equal(downloaded.content.array, original.content.array)
    np.testing.assert_array_equal(downloaded.test.truth, original.test.truth)
    assert socket.getdefaulttimeout() is None


@pytest.mark.parametrize("damage", ["truncated", "missing", "other"])
def test_a_failed_download_leaves_no_files(
    download: Download, publish: Callable[[str], None], server_folder: Path, name: str, tmp_path: Path, damage: str
) -> None:
    publish(name)
    last = max(server_folder.iterdir())  # with four files, three are downloaded completely
    if damage == "missing":
        last.unlink()
    else:
        last.write_bytes(last.read_bytes()[:-20] if damage == "truncated" else b"<html>try again later</html>")
    root = tmp_path / "data"
    message = error_message(download, name, root)
    assert ("HTTP Error 404" if damage == "missing" else "corrupted") in message
    assert files_below(root) == []


def test_two_downloads_at_a_time_do_not_interfere(
    read: Read, download: Download, publish: Callable[[str], None], tmp_path: Path
) -> None:
    publish("cifar10")
    root = tmp_path / "data"
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: download("cifar10", root), range(2)))
    assert [path.name for path in root.iterdir()] == [FOLDERS["cifar10"]]
    assert len(read("cifar10", root).ids) == 40


def test_a_download_replaces_damaged_files_only(
    read: Read, download: Download, publish: Callable[[str], None], tmp_path: Path
) -> None:
    publish("mnist")
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte").write_bytes(b"truncated")
    (raw / "notes.txt").write_text("my notes")
    assert "download it with" in error_message(read, "mnist", tmp_path / "data")
    download("mnist", tmp_path / "data")
    assert len(read("mnist", tmp_path / "data").ids) == 40
    assert (raw / "notes.txt").read_text() == "my notes"


def test_a_download_into_a_file_is_refused(download: Download, publish: Callable[[str], None], tmp_path: Path) -> None:
    publish("mnist")
    (tmp_path / "data").write_text("a file instead of the folder")
    message = error_message(download, "mnist", tmp_path / "data")
    assert "cannot be downloaded to " in message
    assert (tmp_path / "data").read_text() == "a file instead of the folder"
