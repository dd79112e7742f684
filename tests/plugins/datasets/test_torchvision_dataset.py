"""The published data sets: small stand-ins in the same layout, and the real ones if they are available."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.published import CLASSES, FOLDERS

from nextlabel.app import build_services
from nextlabel.contracts import Contents, Pixels
from nextlabel.engine.datasets.import_dataset import import_dataset
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import ProjectConfig, Projects
from nextlabel.engine.settings import Settings
from nextlabel.testing import check_dataset

Create = Callable[[str, Path], Path]
Read = Callable[..., Contents]


def test_the_training_split_is_the_pool(read: Read, create: Create, name: str, tmp_path: Path) -> None:
    create(name, tmp_path)
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
    if name != "cifar10":  # each of its two batches starts at class 0
        assert contents.truth.tolist() == [number % len(contents.classes) for number in range(40)]


def test_pixels_are_in_the_right_position(read: Read, create: Create, tmp_path: Path) -> None:
    folder = create("cifar10", tmp_path)
    with (folder / "data_batch_2").open("rb") as file:
        batch = pickle.load(file)
    contents = read("cifar10", tmp_path)
    assert contents.truth[20:].tolist() == batch["labels"]
    # a row has all red values, then green, then blue, each line by line
    assert contents.content.array[20 + 3, 5, 7, 2] == batch["data"][3, 2 * 1024 + 5 * 32 + 7]
    folder = create("mnist", tmp_path)
    raw = (folder / "raw" / "train-images-idx3-ubyte").read_bytes()
    assert read("mnist", tmp_path).content.array[3, 5, 7] == raw[16 + 3 * 784 + 5 * 28 + 7]


def test_the_data_sets_conform_to_the_contract(registry: Registry, create: Create, name: str, tmp_path: Path) -> None:
    create(name, tmp_path)
    check_dataset(registry.dataset(name), tmp_path)
    if name != "cifar100":  # the classes of the stand-in have no look-alikes
        for parameters in ({"partial": "pair", "partial_rate": 0.5}, {"partial_rate": 0.99, "partial_min": 2}):
            check_dataset(registry.dataset(name), tmp_path, parameters, seed=2**53)


def test_sets_contain_the_truth_and_depend_on_the_seed(read: Read, create: Create, name: str, tmp_path: Path) -> None:
    create(name, tmp_path)
    first, second, same_seed, other_seed = (read(name, tmp_path, seed, partial_rate=0.3) for seed in (0, 1, 1, 2))
    np.testing.assert_array_equal(first.truth, second.truth)
    assert second.candidates[np.arange(40), second.truth].all()
    assert second.candidates.sum() > 40
    np.testing.assert_array_equal(second.candidates, same_seed.candidates)
    assert (second.candidates != other_seed.candidates).any()
    assert read(name, tmp_path, partial_min=2).candidates.sum(axis=1).tolist() == [2] * 40


@pytest.mark.parametrize(
    "parameters", [{"partial_rate": 0.4}, {"partial": "pair", "partial_rate": 0.5, "partial_min": 2}]
)
def test_training_uses_these_sets(
    registry: Registry, read: Read, create: Create, tmp_path: Path, parameters: dict[str, Any]
) -> None:
    create("fashion-mnist", tmp_path)
    contents = read("fashion-mnist", tmp_path, 7, **parameters)
    config = ProjectConfig.model_validate(
        {
            "name": "clothes",
            "title": "Clothes",
            "seed": 7,
            "labels": {"holdout": 0.25},
            "dataset": {"plugin": "fashion-mnist", **parameters},
            "learner": {"plugin": "cnn"},
        }
    )
    settings = Settings(home=tmp_path / "home", data=tmp_path)
    services = build_services(settings, registry, Projects({"clothes": config}, {}))
    try:
        services.database.migrate()
        import_dataset(config, registry, settings, services.database, services.home)
        state = PoolState(services.row("clothes"))
        with services.database.read() as connection:
            state.catch_up(connection)
        held, truth = state.holdout_truth(services.pool("clothes").truth)
    finally:
        services.database.dispose()
    assert state.holdout.sum() == len(held) == 10
    np.testing.assert_array_equal(truth, contents.truth[held])
    sets = state.training_targets().candidates
    np.testing.assert_array_equal(sets[~state.holdout], contents.candidates[~state.holdout])
    assert sets[state.holdout].all()


@pytest.fixture
def data() -> Path:
    root = os.environ.get("NEXTLABEL_DATA")
    if not root:
        pytest.skip("NEXTLABEL_DATA is not set")
    return Path(root)


@pytest.mark.parametrize(
    ("name", "sizes", "mean"), [("mnist", (60_000, 10_000), 33.318), ("cifar10", (50_000, 10_000), 120.708)]
)
def test_the_real_data_sets(read: Read, data: Path, name: str, sizes: tuple[int, int], mean: float) -> None:
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
