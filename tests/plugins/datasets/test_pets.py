"""Oxford-IIIT Pet, on a small stand-in: as torchvision reads it, missing, damaged and downloaded."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.pets import CLASSES, create_pets

from nextlabel.contracts import Contents, Files, NoParameters
from nextlabel.contracts.errors import DatasetMissing
from nextlabel.engine.plugins.registry import Registry
from nextlabel.testing import check_dataset
from nextlabel_plugins.datasets.pets import Pets

Read = Callable[..., Contents]


def error_message(read: Read, root: Path | None) -> str:
    with pytest.raises(DatasetMissing) as error:
        read("pets", root)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_it_is_read_as_torchvision_does(read: Read, tmp_path: Path) -> None:
    from torchvision.datasets import OxfordIIITPet

    folder = create_pets(tmp_path)
    contents = read("pets", tmp_path)
    assert contents.test is not None
    assert contents.classes == CLASSES
    assert contents.ids[0] == "Abyssinian_1"
    splits = (("trainval", contents.content, contents.truth), ("test", contents.test.content, contents.test.truth))
    for split, content, truth in splits:
        original = OxfordIIITPet(tmp_path, split)
        assert isinstance(content, Files)
        assert content.channels == 3
        assert [str(path) for path in content.paths] == [str(path) for path in original._images]
        np.testing.assert_array_equal(truth, original._labels)
        assert contents.classes == tuple(original.classes)
    assert folder / "images" / "great_pyrenees_8.jpg" in contents.test.content.paths


def test_it_passes_its_checks(registry: Registry, tmp_path: Path) -> None:
    create_pets(tmp_path)
    check_dataset(registry.dataset("pets"), tmp_path)


def test_what_is_missing_is_named(read: Read, tmp_path: Path) -> None:
    message = error_message(read, tmp_path)
    assert message == (
        f"Oxford-IIIT Pet: {tmp_path}/oxford-iiit-pet/annotations/trainval.txt is missing; download it with "
        "`nextlabel download PROJECT`, or set NEXTLABEL_DATA to the folder that holds oxford-iiit-pet"
    )
    folder = create_pets(tmp_path)
    (folder / "images" / "Bengal_3.jpg").unlink()
    (folder / "images" / "Bengal_8.jpg").unlink()
    assert f"2 of 32 images are missing, the first is {folder}/images/Bengal_3.jpg" in error_message(read, tmp_path)
    (folder / "annotations" / "test.txt").unlink()
    assert f"{folder}/annotations/test.txt is missing" in error_message(read, tmp_path)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "trainval.txt is damaged (it is empty)"),
        ("Abyssinian_1 1 1 1\nAbyssinian_2 1 1", "trainval.txt is damaged (line 2)"),
        ("Abyssinian_1 one 1 1\n", "trainval.txt is damaged (line 1)"),
        ("Abyssinian_1 0 1 1\n", "trainval.txt is damaged (line 1)"),
        ("../secret_1 1 1 1\n", "trainval.txt is damaged (line 1)"),
        ("Abyssinian_1 1 1 1\nAbyssinian_1 1 1 1\n", "trainval.txt is damaged (an image occurs twice)"),
        ("Bengal_1 1 1 1\n", "its class numbers do not match the images' names"),
        ("Ragdoll_1 9 1 1\n", "its class numbers do not match the images' names"),
        ("\udcff\udcfe", "trainval.txt is damaged (not text)"),
    ],
)
def test_damaged_annotations_are_named(read: Read, tmp_path: Path, content: str, fault: str) -> None:
    folder = create_pets(tmp_path)
    (folder / "annotations" / "trainval.txt").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert fault in error_message(read, tmp_path)


@pytest.fixture
def published(tmp_path: Path, server: str, server_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Offer the two archives for download, as the authors do; return their folder."""
    from torchvision.datasets import OxfordIIITPet

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    original = create_pets(tmp_path / "original")
    resources = []
    for part in ("images", "annotations"):
        archive = server_folder / f"{part}.tar.gz"
        with tarfile.open(archive, "w:gz") as packed:
            packed.add(original / part, part)
        digest = hashlib.md5(archive.read_bytes(), usedforsecurity=False).hexdigest()
        resources.append((f"{server}/{archive.name}", digest))
    monkeypatch.setattr(OxfordIIITPet, "_RESOURCES", tuple(resources))
    return server_folder


def test_it_is_downloaded_once(read: Read, published: Path, tmp_path: Path) -> None:
    root = tmp_path / "new" / "data"
    (root / "oxford-iiit-pet" / "images").mkdir(parents=True)  # as an interrupted download leaves it
    Pets(NoParameters()).download(root)
    assert [path.name for path in root.iterdir()] == ["oxford-iiit-pet"]
    assert sorted(path.name for path in (root / "oxford-iiit-pet").iterdir()) == ["annotations", "images"]
    first = read("pets", root)
    assert first.ids == read("pets", tmp_path / "original").ids
    for archive in published.iterdir():
        archive.unlink()
    Pets(NoParameters()).download(root)


def test_a_download_that_lacks_images_leaves_no_files(
    published: Path, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nextlabel_plugins.datasets.pets._COLUMNS", 5)  # as if another file had arrived
    with pytest.raises(DatasetMissing) as error:
        Pets(NoParameters()).download(tmp_path / "data")
    folder = tmp_path / "data" / "oxford-iiit-pet"
    assert str(error.value) == (
        f"Oxford-IIIT Pet cannot be downloaded to {folder}: what arrived is incomplete or damaged; try again, "
        f"or get {server}/images.tar.gz and {server}/annotations.tar.gz and unpack them into {folder}"
    )
    assert not list((tmp_path / "data").iterdir())


def test_a_failed_download_names_the_files(published: Path, server: str, tmp_path: Path) -> None:
    for archive in published.iterdir():
        archive.unlink()
    folder = tmp_path / "data" / "oxford-iiit-pet"
    with pytest.raises(DatasetMissing, match=r"^Oxford-IIIT Pet cannot be downloaded to .*: HTTP Error 404") as error:
        Pets(NoParameters()).download(tmp_path / "data")
    advice = f"; connect to a network, or get {server}/images.tar.gz and {server}/annotations.tar.gz and unpack them"
    assert str(error.value).endswith(f"{advice} into {folder}")


@pytest.mark.parametrize("damage", ["missing", "other"])
def test_a_failed_download_leaves_no_files(published: Path, tmp_path: Path, damage: str) -> None:
    archive = published / "annotations.tar.gz"
    if damage == "missing":
        archive.unlink()
    else:
        archive.write_bytes(b"<html>try again later</html>")
    with pytest.raises(DatasetMissing, match="cannot be downloaded to") as error:
        Pets(NoParameters()).download(tmp_path / "data")
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "data").iterdir())
