"""The published data sets: on small stand-ins in their own layouts, and on themselves where they are."""

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

from nextlabel.app import build_context
from nextlabel.contracts import Contents, Pixels
from nextlabel.contracts.errors import DatasetMissing
from nextlabel.engine.plugins.parameters import build, describe
from nextlabel.engine.plugins.projects import ProjectConfig, Projects
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.pool.importing import import_dataset
from nextlabel.engine.pool.state import PoolState
from nextlabel.engine.settings import Settings
from nextlabel.testing import check_dataset
from nextlabel_plugins.datasets.candidate_sets import PartialParameters
from nextlabel_plugins.datasets.cifar10 import Cifar10
from nextlabel_plugins.datasets.cifar100 import SUPERCLASSES, Cifar100
from nextlabel_plugins.datasets.fashion_mnist import FashionMnist
from nextlabel_plugins.datasets.mnist import Mnist

Lay = Callable[[str, Path], Path]
Read = Callable[..., Contents]

FOLDERS = {
    "mnist": "MNIST",
    "fashion-mnist": "FashionMNIST",
    "kmnist": "KMNIST",
    "cifar10": "cifar-10-batches-py",
    "cifar100": "cifar-100-python",
}
CLASSES = {
    "mnist": ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"),
    "fashion-mnist": (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    "kmnist": ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    "cifar10": ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    "cifar100": tuple(f"thing {number:02}" for number in range(100)),
}


@pytest.fixture
def read(registry: Registry) -> Read:
    def made(name: str, root: Path | None, seed: int = 0, **given: Any) -> Contents:
        contents: Contents = build(registry.dataset(name), given, "[dataset]").read(root, seed)
        return contents

    return made


def refused(read: Read, name: str, root: Path | None) -> str:
    with pytest.raises(DatasetMissing) as missing:
        read(name, root)
    assert "\n" not in str(missing.value)
    return str(missing.value)


def left(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_the_training_split_is_the_pool(read: Read, lay: Lay, name: str, tmp_path: Path) -> None:
    lay(name, tmp_path)
    contents = read(name, tmp_path)
    shape = (32, 32, 3) if name.startswith("cifar") else (28, 28)
    assert isinstance(contents.content, Pixels)
    assert (contents.content.array.shape, contents.content.array.dtype) == ((40, *shape), np.uint8)
    assert contents.content.array.flags.c_contiguous
    assert contents.ids == [str(number) for number in range(40)]
    assert contents.classes == CLASSES[name]
    assert contents.candidates is None
    assert contents.test is not None
    assert contents.test.content.array.shape == (12, *shape)
    assert contents.test.truth.tolist() == [number % len(contents.classes) for number in range(12)]
    if name != "cifar10":  # whose two batches count from the start each
        assert contents.truth.tolist() == [number % len(contents.classes) for number in range(40)]


def test_pixels_are_where_they_were(read: Read, lay: Lay, tmp_path: Path) -> None:
    folder = lay("cifar10", tmp_path)
    with (folder / "data_batch_2").open("rb") as file:
        batch = pickle.load(file)
    contents = read("cifar10", tmp_path)
    assert contents.truth[20:].tolist() == batch["labels"]
    # a row holds all of red, then green, then blue, each line by line
    assert contents.content.array[20 + 3, 5, 7, 2] == batch["data"][3, 2 * 1024 + 5 * 32 + 7]
    folder = lay("mnist", tmp_path)
    raw = (folder / "raw" / "train-images-idx3-ubyte").read_bytes()
    assert read("mnist", tmp_path).content.array[3, 5, 7] == raw[16 + 3 * 784 + 5 * 28 + 7]


def test_they_keep_the_contract(registry: Registry, lay: Lay, name: str, tmp_path: Path) -> None:
    lay(name, tmp_path)
    check_dataset(registry.dataset(name), tmp_path)
    if name != "cifar100":  # the stand-in's classes are not those of its table
        for given in ({"partial": "pair", "partial_rate": 0.5}, {"partial_rate": 0.99, "partial_min": 2}):
            check_dataset(registry.dataset(name), tmp_path, given, seed=2**53)


def test_sets_hide_the_truth_and_leave_it_beside_them(read: Read, lay: Lay, name: str, tmp_path: Path) -> None:
    lay(name, tmp_path)
    plain, hidden, same, other = (read(name, tmp_path, seed, partial_rate=0.3) for seed in (0, 1, 1, 2))
    np.testing.assert_array_equal(plain.truth, hidden.truth)
    assert hidden.candidates[np.arange(40), hidden.truth].all()
    assert hidden.candidates.sum() > 40
    np.testing.assert_array_equal(hidden.candidates, same.candidates)
    assert (hidden.candidates != other.candidates).any()
    assert read(name, tmp_path, partial_min=2).candidates.sum(axis=1).tolist() == [2] * 40


def test_pair_joins_a_cat_with_a_dog(read: Read, lay: Lay, tmp_path: Path) -> None:
    lay("cifar10", tmp_path)
    contents = read("cifar10", tmp_path, partial="pair", partial_min=2)
    names = np.array(contents.classes)
    sets = {names[truth]: set(names[row]) for truth, row in zip(contents.truth, contents.candidates, strict=True)}
    assert sets["cat"] == sets["dog"] == {"cat", "dog"}
    assert sets["truck"] == sets["automobile"] == {"truck", "automobile"}
    assert sets["ship"] == {"ship", "airplane"}


@pytest.mark.parametrize(
    ("kind", "classes"),
    [
        (Cifar10, CLASSES["cifar10"]),
        (Mnist, CLASSES["mnist"]),
        (FashionMnist, CLASSES["fashion-mnist"]),
        (Cifar100, sum(SUPERCLASSES, ())),
    ],
    ids=lambda kind: getattr(kind, "__name__", ""),
)
def test_look_alikes(kind: type[Cifar10], classes: tuple[str, ...]) -> None:
    assert set(kind.look_alikes) == set(classes)
    assert set(kind.look_alikes.values()) <= set(classes)
    assert all(name != other for name, other in kind.look_alikes.items())


def test_the_groups_of_cifar100_are_a_hundred_classes() -> None:
    names = sum(SUPERCLASSES, ())
    assert len(names) == len(set(names)) == 100
    assert {len(group) for group in SUPERCLASSES} == {5}
    assert Cifar100.look_alikes["wolf"] == "bear"
    assert Cifar100.look_alikes["man"] == "woman"


def test_without_a_folder_of_data_sets(read: Read, name: str) -> None:
    said = refused(read, name, None)
    assert "NEXTLABEL_DATA names no folder" in said
    assert FOLDERS[name] in said


def test_neither_there_nor_a_network(read: Read, offline: None, name: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    said = refused(read, name, root)
    assert f"{root / FOLDERS[name]} is not there, and it cannot be downloaded: " in said
    assert "refused" in said
    assert "get it from http://127.0.0.1:" in said
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


@pytest.mark.parametrize("given", [{"partial_rate": 0.4}, {"partial": "pair", "partial_rate": 0.5, "partial_min": 2}])
def test_the_sets_that_training_sees_are_these(
    registry: Registry, read: Read, lay: Lay, tmp_path: Path, given: dict[str, Any]
) -> None:
    lay("fashion-mnist", tmp_path)
    contents = read("fashion-mnist", tmp_path, 7, **given)
    config = ProjectConfig.model_validate(
        {
            "name": "clothes",
            "title": "Clothes",
            "seed": 7,
            "labels": {"holdout": 0.25},
            "dataset": {"plugin": "fashion-mnist", **given},
            "learner": {"plugin": "cnn"},
        }
    )
    settings = Settings(home=tmp_path / "home", data=tmp_path)
    context = build_context(settings, registry, Projects({"clothes": config}, {}))
    try:
        context.database.migrate()
        import_dataset(config, registry, settings, context.database, context.home)
        state = PoolState(context.row("clothes"))
        with context.database.read() as connection:
            state.catch_up(connection)
        held, truth = state.holdout_truth(context.pool("clothes").truth)
    finally:
        context.database.dispose()
    assert state.holdout.sum() == len(held) == 10
    np.testing.assert_array_equal(truth, contents.truth[held])
    sets = state.training_targets().candidates
    np.testing.assert_array_equal(sets[~state.holdout], contents.candidates[~state.holdout])
    assert sets[state.holdout].all()


def test_the_page_of_data_sets_is_true(registry: Registry) -> None:
    page = (Path(__file__).parents[3] / "docs" / "datasets.md").read_text("utf-8")
    for name, about in describe(PartialParameters)["properties"].items():
        assert f"| `{name}` | {about['default']} | {about['description']} |\n" in page
    for name, folder in FOLDERS.items():
        assert registry.dataset(name).parameters is PartialParameters
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` |") and folder in line]
        assert ("50,000" if name.startswith("cifar") else "60,000") in row
    for kind, name in ((Cifar10, "cifar10"), (Mnist, "mnist"), (FashionMnist, "fashion-mnist")):
        row = page.partition("| look-alikes |")[2].partition(f"| `{name}` | ")[2].partition(" |\n")[0]
        assert told(row) == dict(kind.look_alikes)


def told(row: str) -> dict[str, str]:
    """Read "a and b, c and d, each for the other; e for f" back into a table."""
    table: dict[str, str] = {}
    for part in row.split("; "):
        if part.endswith(", each for the other"):
            for pair in part.removesuffix(", each for the other").split(", "):
                one, other = pair.split(" and ")
                table |= {one: other, other: one}
        else:
            alike, _, name = part.partition(" for ")
            table[name.removeprefix("a ").removeprefix("an ")] = alike
    return table


@pytest.fixture
def data() -> Path:
    root = os.environ.get("NEXTLABEL_DATA")
    if not root:
        pytest.skip("NEXTLABEL_DATA names no folder of data sets")
    return Path(root)


@pytest.mark.parametrize(
    ("name", "sizes", "mean"), [("mnist", (60_000, 10_000), 33.318), ("cifar10", (50_000, 10_000), 120.708)]
)
def test_the_real_ones(read: Read, data: Path, name: str, sizes: tuple[int, int], mean: float) -> None:
    if not (data / FOLDERS[name]).is_dir():
        pytest.skip(f"{FOLDERS[name]} is not in NEXTLABEL_DATA")
    contents = read(name, data, partial_rate=0.1)
    assert (len(contents.ids), len(contents.test.truth)) == sizes
    assert contents.classes == CLASSES[name]
    assert contents.content.array.mean() == pytest.approx(mean, abs=0.001)
    assert np.bincount(contents.test.truth).sum() == 10_000
    joined = contents.candidates.sum() - sizes[0]
    trials = 9 * sizes[0]
    assert abs(joined - 0.1 * trials) < 5 * (trials * 0.09) ** 0.5
