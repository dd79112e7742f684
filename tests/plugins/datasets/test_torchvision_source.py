"""What is not there, is damaged, or has to be downloaded first."""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from support.published import FOLDERS

from nextlabel.contracts import Contents
from nextlabel.contracts.errors import DatasetMissing

Lay = Callable[[str, Path], Path]
Read = Callable[..., Contents]


def refused(read: Read, name: str, root: Path | None) -> str:
    with pytest.raises(DatasetMissing) as missing:
        read(name, root)
    assert "\n" not in str(missing.value)
    return str(missing.value)


def left(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_without_a_folder_of_data_sets(read: Read, name: str) -> None:
    said = refused(read, name, None)
    assert "NEXTLABEL_DATA names no folder" in said
    assert FOLDERS[name] in said


def test_neither_there_nor_a_network(read: Read, offline: None, name: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    said = refused(read, name, root)
    assert f"{root / FOLDERS[name]} is not there, and it cannot be downloaded: " in said
    assert "refused" in said
    if name.startswith("cifar"):
        assert "or get it from http://127.0.0.1:" in said
        assert said.endswith(f".tar.gz and unpack it as {root / FOLDERS[name]}")
    else:
        assert "train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz" in said
        assert " from http://127.0.0.1:" in said
        assert said.endswith(f"/ and unpack them into {root / FOLDERS[name] / 'raw'}")
    assert left(root) == []
    assert socket.getdefaulttimeout() is None


@pytest.mark.parametrize("spoil", ["cut", "empty", "gone", "fewer labels"])
def test_damaged_files_of_the_mnist_kind(read: Read, lay: Lay, tmp_path: Path, spoil: str) -> None:
    raw = lay("kmnist", tmp_path) / "raw"
    images, labels = raw / "train-images-idx3-ubyte", raw / "train-labels-idx1-ubyte"
    if spoil == "gone":
        images.unlink()
    elif spoil == "fewer labels":
        labels.write_bytes((raw / "t10k-labels-idx1-ubyte").read_bytes())
    else:
        images.write_bytes(images.read_bytes()[: 5000 if spoil == "cut" else 0])
    before = left(tmp_path)
    assert f"{tmp_path / 'KMNIST'} is incomplete or damaged (" in refused(read, "kmnist", tmp_path)
    assert left(tmp_path) == before


@pytest.mark.parametrize("file", ["data_batch_2", "test_batch", "batches.meta"])
def test_what_is_not_as_published_is_never_unpickled(read: Read, lay: Lay, tmp_path: Path, file: str) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    folder = lay("cifar10", tmp_path)
    (folder / file).write_bytes(pickle.dumps(Trap()))
    assert "incomplete or damaged" in refused(read, "cifar10", tmp_path)
    assert not (tmp_path / "sprung").exists()
    with (folder / file).open("rb") as trap:
        pickle.load(trap)
    assert (tmp_path / "sprung").exists()


def test_files_that_cannot_be_opened_are_not_replaced(
    read: Read, lay: Lay, tmp_path: Path, torchvision_datasets: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", "train-images")

    lay("mnist", tmp_path)
    monkeypatch.setattr(torchvision_datasets.MNIST, "_load_data", locked)
    said = refused(read, "mnist", tmp_path)
    assert said == f"MNIST cannot be read from {tmp_path / 'MNIST'}: [Errno 13] Permission denied: 'train-images'"


def test_it_is_downloaded_once(
    read: Read, publish: Callable[[str], None], shelf: Path, name: str, tmp_path: Path
) -> None:
    publish(name)
    root = tmp_path / "new" / "data"
    fresh = read(name, root)
    assert [path.name for path in root.iterdir()] == [FOLDERS[name]]
    for file in shelf.iterdir():
        file.unlink()
    again, original = read(name, root), read(name, tmp_path / "original")
    for other in (again, original):
        np.testing.assert_array_equal(fresh.content.array, other.content.array)
        np.testing.assert_array_equal(fresh.test.truth, other.test.truth)
    assert socket.getdefaulttimeout() is None


@pytest.mark.parametrize("spoil", ["cut", "gone", "other"])
def test_a_broken_download_leaves_nothing(
    read: Read, publish: Callable[[str], None], shelf: Path, name: str, tmp_path: Path, spoil: str
) -> None:
    publish(name)
    last = max(shelf.iterdir())  # of four files three come whole
    if spoil == "gone":
        last.unlink()
    else:
        last.write_bytes(last.read_bytes()[:-20] if spoil == "cut" else b"<html>come back tomorrow</html>")
    root = tmp_path / "data"
    said = refused(read, name, root)
    assert ("HTTP Error 404" if spoil == "gone" else "corrupted") in said
    assert left(root) == []


def test_a_download_completes_what_is_there(read: Read, publish: Callable[[str], None], tmp_path: Path) -> None:
    publish("mnist")
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte").write_bytes(b"half a download")
    (raw / "notes.txt").write_text("mine")
    assert len(read("mnist", tmp_path / "data").ids) == 40
    assert (raw / "notes.txt").read_text() == "mine"
    assert len(read("mnist", tmp_path / "data").ids) == 40


def test_where_nothing_can_be_written(read: Read, publish: Callable[[str], None], tmp_path: Path) -> None:
    publish("mnist")
    (tmp_path / "data").write_text("a file in the place of the folder")
    said = refused(read, "mnist", tmp_path / "data")
    assert "it cannot be downloaded: " in said
    assert (tmp_path / "data").read_text() == "a file in the place of the folder"
