"""The pool on disk: memory-mapped, and read without the data set's plugin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nextlabel.contracts import Contents, Files, GraphItems, Pixels, TestSplit, VectorItems
from nextlabel.contracts.errors import PluginError, Unprocessable
from nextlabel.engine.images.image_items import FileItems, JoinedItems, PixelItems
from nextlabel.engine.pool_files import PoolFolder, write_pool
from nextlabel.store.home import Home
from nextlabel.store.items import ItemRow

RNG = np.random.default_rng(0)


def row(position: int, path: Path | None = None) -> ItemRow:
    kind = "array" if path is None else "upload"
    return ItemRow(position, f"i{position}", kind, str(path) if path else None, "image/png", False, 0.0)


def opened(folder: Path, contents: Contents) -> PoolFolder:
    home = Home(folder)
    home.pool("toy").mkdir(parents=True)
    write_pool(home.pool("toy"), contents)
    return PoolFolder.open(home, "toy")


@pytest.mark.parametrize("shape", [(5, 4, 4), (5, 4, 4, 3)])
def test_pixels_followed_by_uploads(tmp_path: Path, shape: tuple[int, ...], image: object) -> None:
    array = RNG.integers(0, 256, shape, np.uint8)
    pool = opened(tmp_path, Contents(ids=list("abcde"), content=Pixels(array), classes=("x", "y")))
    assert (pool.kind, pool.truth, pool.test(100)) == ("image", None, None)
    items = pool.items(5, [], 100)
    assert isinstance(items, PixelItems)
    np.testing.assert_array_equal(items.array, array)
    upload = tmp_path / "upload"
    upload.write_bytes(image(3, 9, 7))  # type: ignore[operator]
    items = pool.items(6, [str(upload)], 100)
    assert isinstance(items, JoinedItems)
    channels = 1 if len(shape) == 3 else 3
    assert (len(items), items.size, items.channels) == (6, (4, 4), channels)
    assert items.pixels((4, 4), channels).shape == (6, 4, 4, channels)
    data, media = pool.image(row(2))
    assert media == "image/png"
    assert data.startswith(b"\x89PNG")
    assert pool.image(row(5, upload)) == (upload.read_bytes(), "image/png")


def test_files(tmp_path: Path) -> None:
    paths = [tmp_path / "1.png", tmp_path / "2.png"]
    for path in paths:
        path.touch()
    content = Files(paths, channels=1)
    test = TestSplit(Files([Path("/t/1.png")], channels=1), np.array([1]))
    pool = opened(tmp_path, Contents(["a", "b"], content, ("x", "y"), truth=np.array([0, -1]), test=test))
    items = pool.items(2, [str(path) for path in paths], 100)
    assert items == FileItems(paths, 1, 100)
    split = pool.test(100)
    assert split is not None
    assert split[0] == FileItems([Path("/t/1.png")], 1, 100)
    np.testing.assert_array_equal(split[1], [1])
    np.testing.assert_array_equal(pool.truth, [0, -1])
    paths[0].unlink()
    assert len(pool.items(2, [str(path) for path in paths], 100)) == 2
    paths[1].unlink()
    with pytest.raises(Unprocessable, match=r"2 of the pool's 2 images can no longer be read, the first is .*1\.png"):
        pool.items(2, [str(path) for path in paths], 100)


def test_vectors(tmp_path: Path) -> None:
    vectors = RNG.normal(size=(4, 3))
    test = TestSplit(VectorItems(np.ones((2, 3), np.float32)), np.array([0.5, 1.5]))
    pool = opened(tmp_path, Contents(list("abcd"), VectorItems(vectors), truth=np.arange(4.0), test=test))
    items = pool.items(4, [], 100)
    assert isinstance(items, VectorItems)
    np.testing.assert_array_equal(items.vectors, vectors.astype(np.float32))
    assert pool.kind == "vector"
    split = pool.test(100)
    assert split is not None
    np.testing.assert_array_equal(split[1], [0.5, 1.5])


@pytest.mark.parametrize("kind", [np.float16, np.float64])
def test_vectors_are_written_a_batch_at_a_time(tmp_path: Path, kind: type) -> None:
    vectors = RNG.normal(size=(20_000, 3)).astype(kind)
    pool = opened(tmp_path, Contents([str(i) for i in range(20_000)], VectorItems(vectors), truth=np.arange(20_000.0)))
    items = pool.items(20_000, [], 100)
    assert isinstance(items, VectorItems)
    assert items.vectors.dtype == np.float32
    np.testing.assert_array_equal(items.vectors, vectors.astype(np.float32))


def test_a_graph(tmp_path: Path) -> None:
    graph = GraphItems(np.eye(3, dtype=np.float32), np.array([[0, 1], [1, 0]]))
    test = TestSplit(graph, np.zeros(3, np.int64))
    pool = opened(tmp_path, Contents(list("abc"), graph, ("x", "y"), test=test))
    items = pool.items(3, [], 100)
    assert isinstance(items, GraphItems)
    np.testing.assert_array_equal(items.edges, graph.edges)
    assert pool.kind == "node"
    with pytest.raises(PluginError, match="part of its pool"):
        pool.test(100)


def test_a_test_split_of_pixels(tmp_path: Path) -> None:
    test = TestSplit(Pixels(np.ones((2, 4, 4), np.uint8)), np.array([0, 1]))
    contents = Contents(["a"], Pixels(np.zeros((1, 4, 4), np.uint8)), ("x", "y"), test=test)
    split = opened(tmp_path, contents).test(100)
    assert split is not None
    assert isinstance(split[0], PixelItems)
    assert len(split[0]) == 2


def test_an_empty_pool_accepts_uploads(tmp_path: Path) -> None:
    pool = opened(tmp_path, Contents([], Files([]), ("x", "y")))
    assert len(pool.items(0, [], 100)) == 0
    (tmp_path / "x.png").touch()
    assert len(pool.items(1, [str(tmp_path / "x.png")], 100)) == 1
