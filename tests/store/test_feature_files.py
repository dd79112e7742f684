"""Feature files: rows by content, and what a process that dies leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nextlabel.contracts.errors import Gone
from nextlabel.store.feature_files import UNREADABLE, FeatureFiles

ONE, TWO, THREE = (bytes([number]) * 32 for number in (1, 2, 3))


@pytest.fixture
def files(tmp_path: Path) -> FeatureFiles:
    files = FeatureFiles(tmp_path / "source", 2, 4)
    files.create()
    return files


def add(files: FeatureFiles, pool: str, *contents: bytes | None, first: int = 0) -> int:
    """Store the contents of a pool's items, with the first byte of each as its embedding; return how many were new."""
    with files.writer(pool) as writer:
        new = [content for number, content in enumerate(contents) if writer.assign(first + number, content)]
        rows = np.array([[content[0]] * 2 for content in new if content], np.float32).reshape(-1, 2)
        writer.append(rows, np.repeat(rows, 2, axis=1))
    return len(new)


def test_a_content_has_one_row_for_all_pools(files: FeatureFiles) -> None:
    assert add(files, "a", ONE, TWO, ONE) == 2
    assert add(files, "b", TWO, THREE) == 1
    assert files.count() == 3
    a, b = files.read("a"), files.read("b")
    assert a.embeddings.dtype == np.float16
    assert a.embeddings[a.rows].tolist() == [[1, 1], [2, 2], [1, 1]]
    assert b.embeddings[b.rows].tolist() == [[2, 2], [3, 3]]
    assert b.probabilities is not None
    assert b.probabilities[b.rows].tolist() == [[2] * 4, [3] * 4]


def test_an_unreadable_item_is_zeros_until_it_can_be_read(files: FeatureFiles) -> None:
    add(files, "a", ONE, None, TWO)
    stored = files.read("a")
    assert stored.rows[1] == UNREADABLE
    assert stored.embeddings[stored.rows[1]].tolist() == [0, 0]
    assert stored.probabilities is not None
    assert stored.probabilities[stored.rows[1]].tolist() == [0.25] * 4
    add(files, "a", THREE, first=1)
    stored = files.read("a")
    assert stored.embeddings[stored.rows].tolist() == [[1, 1], [3, 3], [2, 2]]


def test_a_later_writer_changes_nothing_that_was_read(files: FeatureFiles) -> None:
    add(files, "a", ONE, None)
    before = files.read("a")
    add(files, "a", TWO, THREE, first=1)
    assert before.embeddings[before.rows].tolist() == [[1, 1], [0, 0]]


def test_a_writer_that_commits_during_a_read_adds_no_item_without_its_row(
    files: FeatureFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(files, "a", ONE)
    read_map = FeatureFiles._map

    def map_then_write(files: FeatureFiles, name: str, width: int) -> np.ndarray:
        mapped = read_map(files, name, width)
        add(files, "a", TWO, first=1)
        return mapped

    monkeypatch.setattr(FeatureFiles, "_map", map_then_write)
    stored = files.read("a")
    assert stored.embeddings[stored.rows].tolist() == [[1, 1]]


@pytest.mark.parametrize("name", ["embeddings.f16", "probabilities.f32", "contents.sha256"])
@pytest.mark.parametrize("torn", [b"\1", b"\1" * 11])
def test_torn_rows_are_cut_off(files: FeatureFiles, name: str, torn: bytes) -> None:
    add(files, "a", ONE)
    with (files.folder / name).open("ab") as file:
        file.write(torn)
    assert add(files, "a", TWO, THREE, first=1) == 2
    stored = files.read("a")
    assert stored.embeddings[stored.rows].tolist() == [[1, 1], [2, 2], [3, 3]]
    assert stored.probabilities is not None
    assert stored.probabilities[stored.rows][:, 3].tolist() == [1, 2, 3]


def test_an_interrupted_writer_keeps_what_is_complete(files: FeatureFiles) -> None:
    writer = files.writer("a")
    assert writer.assign(0, ONE)
    assert writer.assign(1, TWO)
    assert not writer.assign(2, ONE)
    writer.append(np.ones((1, 2), np.float32), np.ones((1, 4), np.float32))
    with pytest.raises(ZeroDivisionError), writer:
        raise ZeroDivisionError
    assert files.count() == 1
    stored = files.read("a")
    assert stored.embeddings[stored.rows].tolist() == [[1, 1], [0, 0], [1, 1]]
    assert add(files, "a", TWO, first=1) == 1
    stored = files.read("a")
    assert stored.embeddings[stored.rows].tolist() == [[1, 1], [2, 2], [1, 1]]


def test_a_row_without_its_hash_is_computed_again(files: FeatureFiles) -> None:
    """As a process leaves it that is killed between the two writes."""
    with (files.folder / "embeddings.f16").open("ab") as file:
        file.write(np.full(2, 9, np.float16).tobytes())
    assert add(files, "a", ONE) == 1
    stored = files.read("a")
    assert stored.embeddings[stored.rows].tolist() == [[1, 1]]
    assert len(stored.embeddings) == 2


def test_reading_does_not_see_torn_rows(files: FeatureFiles) -> None:
    add(files, "a", ONE)
    for name in ("embeddings.f16", "probabilities.f32", "positions/a"):
        with (files.folder / name).open("ab") as file:
            file.write(b"\1")
    stored = files.read("a")
    assert stored.embeddings[stored.rows].tolist() == [[1, 1]]


def test_probabilities_are_in_single_precision(files: FeatureFiles) -> None:
    close = np.array([[0.50001, 0.49999, 0, 0], [0.50002, 0.49998, 0, 0]], np.float32)
    with files.writer("a") as writer:
        assert [writer.assign(number, digest) for number, digest in enumerate((ONE, TWO))] == [True, True]
        writer.append(np.ones((2, 2), np.float32), close)
    stored = files.read("a")
    assert stored.probabilities is not None
    assert stored.probabilities.dtype == np.float32
    np.testing.assert_array_equal(stored.probabilities[stored.rows], close)


def test_files_with_probabilities_in_half_precision_are_replaced(files: FeatureFiles) -> None:
    add(files, "a", ONE, TWO)
    before = files.read("a")
    (files.folder / "probabilities.f32").rename(files.folder / "probabilities.f16")
    with pytest.raises(Gone, match="are missing"):
        files.read("a")
    files.create()
    assert files.count() == 0
    assert len(files.read("a").rows) == 0
    assert not (files.folder / "probabilities.f16").exists()
    assert add(files, "a", TWO) == 1
    assert before.embeddings[before.rows].tolist() == [[1, 1], [2, 2]]  # what a process has mapped does not change


def test_creating_again_changes_nothing(files: FeatureFiles) -> None:
    add(files, "a", ONE)
    files.create()
    assert files.count() == 1


def test_a_pool_without_features_has_no_rows(files: FeatureFiles, tmp_path: Path) -> None:
    assert len(files.read("another").rows) == 0
    with pytest.raises(Gone, match="are missing"):
        FeatureFiles(tmp_path / "nowhere", 2, 0).read("a")
