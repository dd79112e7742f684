"""The extraction: computed once, resumed, and the same as a plain loop."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nextlabel.contracts import Items, Outputs, VectorItems
from nextlabel.contracts.errors import PluginError, ProjectError, Unprocessable
from nextlabel.engine.features.embedder import Embedder
from nextlabel.engine.features.extraction import extract
from nextlabel.engine.images.decoding import prepare
from nextlabel.engine.images.image_items import FileItems, JoinedItems, PixelItems
from nextlabel.engine.images.unreadable import UnreadableFiles
from nextlabel.store.feature_files import FeatureFiles
from nextlabel.store.file_lock import file_lock

Opened = Callable[..., tuple[FeatureFiles, Embedder]]


def run(opened: tuple[FeatureFiles, Embedder], items: Items, pool: str = "a", **options: Any) -> int:
    files, embedder = opened
    return extract(files, pool, items, embedder, max_pixels=1_000_000, threads=3, **options)  # type: ignore[arg-type]


def stored(files: FeatureFiles, pool: str = "a") -> np.ndarray:
    features = files.read(pool)
    return features.embeddings[features.rows].astype(np.float64)


@pytest.fixture
def photos(tmp_path: Path) -> FileItems:
    """Twenty images of one colour each, of several shapes; the last two are copies of the first two."""
    rng = np.random.default_rng(0)
    paths = []
    for number in range(20):
        path = tmp_path / f"{number}.png"
        if number < 18:
            colour = tuple(int(level) for level in rng.integers(0, 256, 3))
            Image.new("RGB", (20 + number, 30), colour).save(path)
        else:
            path.write_bytes((tmp_path / f"{number - 18}.png").read_bytes())
        paths.append(path)
    return FileItems(paths, unreadable=UnreadableFiles())


def expected(paths: Sequence[Path]) -> np.ndarray:
    return np.array([(prepare(path, (8, 8), 3).mean(axis=(0, 1)) - 127.5) / 127.5 for path in paths])


def test_each_content_is_computed_once(opened: Opened, photos: FileItems) -> None:
    backbone = opened("toy-colour")
    assert run(backbone, photos) == 18
    np.testing.assert_allclose(stored(backbone[0]), expected(photos.paths), atol=1e-3)
    assert run(backbone, photos) == 0
    assert run(backbone, photos.take(np.arange(5, 15)), "another") == 0
    np.testing.assert_allclose(stored(backbone[0], "another"), expected(photos.paths[5:15]), atol=1e-3)


def test_a_file_and_an_upload_of_the_same_bytes_are_one_content(opened: Opened, photos: FileItems) -> None:
    files, embedder = opened("toy-colour")
    run((files, embedder), photos.take(np.arange(1)))
    digest = hashlib.sha256(photos.paths[0].read_bytes()).digest()
    with files.writer("b") as writer:
        assert writer.known(digest)


def test_items_that_arrive_are_added(opened: Opened, photos: FileItems) -> None:
    backbone = opened("toy-colour")
    assert run(backbone, photos.take(np.arange(7))) == 7
    assert run(backbone, photos) == 11
    np.testing.assert_allclose(stored(backbone[0]), expected(photos.paths), atol=1e-3)


def test_an_interrupted_extraction_continues(opened: Opened, photos: FileItems) -> None:
    backbone = opened("toy-colour")

    def stop(share: float) -> None:
        if share > 0.4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(backbone, photos, report=stop)
    done = backbone[0].count()
    assert 0 < done < 18
    assert run(backbone, photos) == 18 - done
    np.testing.assert_allclose(stored(backbone[0]), expected(photos.paths), atol=1e-3)


def test_progress_is_reported(opened: Opened, photos: FileItems) -> None:
    shares: list[float] = []
    run(opened("toy-colour"), photos, report=shares.append)
    assert shares == [0.2, 0.4, 0.6, 0.8, 1.0]


def test_an_unreadable_file_is_zeros_until_it_is_repaired(
    opened: Opened, photos: FileItems, capsys: pytest.CaptureFixture[str]
) -> None:
    backbone = opened("toy-colour")
    whole = photos.paths[3].read_bytes()
    photos.paths[3].write_bytes(whole[:40])
    photos.paths[4].unlink()
    assert run(backbone, photos) == 16
    assert not stored(backbone[0])[3:5].any()
    assert {line.split()[0] for line in capsys.readouterr().err.splitlines()} == {str(p) for p in photos.paths[3:5]}
    photos.paths[3].write_bytes(whole)
    assert run(backbone, photos) == 1
    np.testing.assert_allclose(stored(backbone[0])[3], expected(photos.paths[3:4])[0], atol=1e-3)
    with pytest.raises(Unprocessable, match=r"4\.png: No such file"):
        run(backbone, FileItems(photos.paths))


def test_a_file_that_stays_unreadable_does_not_load_the_index(
    opened: Opened, photos: FileItems, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = opened("toy-colour")
    whole = photos.paths[3].read_bytes()
    photos.paths[3].write_bytes(whole[:40])
    run(backbone, photos)
    loaded: list[str] = []
    read_bytes = Path.read_bytes

    def read(path: Path) -> bytes:
        loaded.append(path.name)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", read)
    assert run(backbone, photos) == 0
    assert loaded == ["3.png"]
    photos.paths[3].write_bytes(whole)
    assert run(backbone, photos) == 1
    assert loaded == ["3.png", "3.png", "contents.sha256"]


def test_images_in_an_array(opened: Opened, photos: FileItems) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 12, 9, 3), np.uint8)
    pixels[5] = pixels[0]
    grey = np.random.default_rng(1).integers(0, 256, (2, 8, 8), np.uint8)
    backbone = opened("toy-colour")
    items = JoinedItems([PixelItems(pixels), photos.take(np.arange(3)), PixelItems(grey)])
    assert run(backbone, items) == 10
    means = (items.pixels((8, 8), 3).mean(axis=(1, 2)) - 127.5) / 127.5
    np.testing.assert_allclose(stored(backbone[0]), means, atol=1e-3)
    # the same bytes in another shape are another image
    assert run(backbone, PixelItems(pixels.reshape(6, 9, 12, 3)), "b") == 5


def test_uncropped_images_keep_their_shape(opened: Opened, tmp_path: Path) -> None:
    """Half of each image is white; a crop of the centre would show another share."""
    paths = []
    for number, width in enumerate([64, 8, 33]):
        array = np.zeros((16, width, 3), np.uint8)
        array[:, : width // 4] = 255
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(array).save(paths[-1])
    long = tmp_path / "long.png"
    Image.new("RGB", (300, 10)).save(long)
    items = FileItems([*paths, long], unreadable=UnreadableFiles())
    whole = opened("toy-whole-colour")
    assert run(whole, items) == 3
    np.testing.assert_allclose(stored(whole[0])[:3], -0.5, atol=0.05)
    assert not stored(whole[0])[3].any()
    cropped = opened("toy-colour")
    run(cropped, items.take(np.arange(1)))
    np.testing.assert_allclose(stored(cropped[0]), -1, atol=0.01)


def test_vectors(opened: Opened) -> None:
    vectors = np.random.default_rng(0).normal(size=(10_000, 2)).astype(np.float32)
    backbone = opened("toy-scaled", scale=3.0)
    assert run(backbone, VectorItems(vectors)) == 10_000
    np.testing.assert_allclose(stored(backbone[0]), vectors * 3, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("scale", [1e6, float("inf")])
def test_numbers_beyond_half_precision_are_refused(opened: Opened, scale: float) -> None:
    backbone = opened("toy-scaled", scale=1e6)
    with pytest.raises(PluginError, match="beyond 65,504"):
        run(backbone, VectorItems(np.full((3, 2), scale, np.float32)))
    assert backbone[0].count() == 0


def test_other_items_are_refused(opened: Opened, photos: FileItems) -> None:
    with pytest.raises(ProjectError, match="the items are vectors, and 'toy-colour' takes images"):
        run(opened("toy-colour"), VectorItems(np.zeros((3, 2), np.float32)))
    with pytest.raises(ProjectError, match="the items are images, and 'toy-scaled' takes vectors"):
        run(opened("toy-scaled"), photos)


def test_the_backbones_own_probabilities_are_stored(opened: Opened, photos: FileItems) -> None:
    files, embedder = opened("toy-colour", probabilities=True)
    run((files, embedder), photos)
    features = files.read("a")
    assert features.probabilities is not None
    rows = features.probabilities[features.rows].astype(np.float64)
    raised = np.exp(expected(photos.paths))
    np.testing.assert_allclose(rows, raised / raised.sum(axis=1, keepdims=True), atol=1e-6)


@dataclass(frozen=True)
class Slow(Embedder):
    """Waits until two threads compute at the same time."""

    barrier: threading.Barrier = field(default_factory=lambda: threading.Barrier(2, timeout=20))
    concurrent = True
    batch = 10

    def _embed(self, contents: Sequence[Any]) -> Outputs:
        self.barrier.wait()
        return Outputs(embeddings=np.stack(contents).mean(axis=(1, 2)))

    def load(self) -> None: ...


def test_threads_compute_at_the_same_time(opened: Opened, photos: FileItems) -> None:
    files, embedder = opened("toy-colour")
    assert run((files, Slow(embedder.card)), photos) == 18


def test_it_waits_for_another_job_and_can_be_cancelled(opened: Opened, photos: FileItems) -> None:
    files, embedder = opened("toy-colour")

    def stop(share: float) -> None:
        assert share == 0
        raise KeyboardInterrupt

    with file_lock(files.folder / "lock"), pytest.raises(KeyboardInterrupt):
        run((files, embedder), photos, report=stop)
    assert run((files, embedder), photos) == 18


def test_an_empty_pool(opened: Opened) -> None:
    backbone = opened("toy-colour")
    assert run(backbone, FileItems([])) == 0
    assert stored(backbone[0]).shape == (0, 3)
