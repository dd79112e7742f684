"""Files and folders that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextlabel.contracts.errors import Conflict
from nextlabel.store import atomic, temp_dirs
from nextlabel.store.atomic import new_file, new_folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "home" / "checkpoints" / "p" / "c"


def leftovers(folder: Path) -> list[Path]:
    return list(folder.rglob(f"{temp_dirs.PREFIX}*"))


def fill(path: Path, text: str, **options: object) -> None:
    with new_folder(path, **options) as folder:
        (folder / "file").write_text(text)


def test_a_new_folder_appears_whole(target, tmp_path):
    with new_folder(target) as folder:
        assert folder.parent == target.parent
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text("x")
        assert not target.exists()
    assert (target / "deep" / "file").read_text() == "x"
    assert leftovers(tmp_path) == []


def test_a_block_that_raises_creates_no_folder(target, tmp_path):
    with pytest.raises(ZeroDivisionError), new_folder(target) as folder:
        (folder / "file").write_text(str(1 / 0))
    assert not target.exists()
    assert leftovers(tmp_path) == []


def test_an_existing_folder_is_refused(target, tmp_path):
    fill(target, "first")
    with pytest.raises(Conflict, match="exists"):
        fill(target, "second")

    other = target.with_name("d")

    def race() -> None:
        with new_folder(other) as slow:
            (slow / "file").write_text("slow")
            fill(other, "fast")

    with pytest.raises(Conflict, match="exists"):
        race()
    assert (target / "file").read_text() == "first"
    assert (other / "file").read_text() == "fast"
    assert leftovers(tmp_path) == []


def test_a_folder_that_appears_at_the_last_moment_is_refused(target, tmp_path, monkeypatch):
    check = atomic._check_folder
    monkeypatch.setattr(atomic, "_check_folder", lambda *options: (check(*options), fill_behind(target)))
    monkeypatch.setattr(Path, "exists", lambda path: False if path == target else path.is_dir())
    with pytest.raises(Conflict, match="exists"):
        fill(target, "slow")
    assert (target / "file").read_text() == "fast"
    assert leftovers(tmp_path) == []


def fill_behind(target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    (target / "file").write_text("fast")


def test_only_an_earlier_export_is_replaced(target, tmp_path):
    def ours(folder: Path) -> bool:
        return (folder / "file").exists()

    target.mkdir(parents=True)
    fill(target, "first", ours=ours)
    with pytest.raises(Conflict, match="holds an earlier export; --force replaces it"):
        fill(target, "second", ours=ours)
    fill(target, "second", replace=True, ours=ours)
    assert (target / "file").read_text() == "second"
    (target / "file").rename(target / "another")
    with pytest.raises(Conflict, match="is not empty and not an earlier export"):
        fill(target, "third", replace=True, ours=ours)
    with pytest.raises(Conflict, match="is a file; name a folder"):
        fill(target / "another", "third", replace=True, ours=ours)
    assert leftovers(tmp_path) == []


def test_every_file_is_on_disk_before_the_name(target, monkeypatch):
    done: list[str] = []
    sync, rename = atomic.sync, Path.rename
    monkeypatch.setattr(atomic, "sync", lambda path: (done.append(path.name), sync(path)))
    monkeypatch.setattr(Path, "rename", lambda self, other: (done.append("rename"), rename(self, other))[1])
    with new_folder(target) as folder:
        done.clear()
        (folder / "a").write_text("x")
        (folder / "b").write_text("x")
    assert set(done[:2]) == {"a", "b"}
    assert done[2].startswith(temp_dirs.PREFIX)
    assert done[3:] == ["rename", "p"]


def test_a_new_file_appears_whole_and_replaces_only_if_it_may(target, tmp_path):
    with new_file(target, replace=False) as part:
        part.write_text("first")
        assert not target.exists()
    with pytest.raises(Conflict, match="exists already; --force"), new_file(target, replace=False):
        pass
    with new_file(target, replace=True) as part:
        part.write_text("second")
        assert target.read_text() == "first"
    with pytest.raises(ZeroDivisionError), new_file(target, replace=True) as part:
        part.write_text(str(1 / 0))
    assert target.read_text() == "second"
    with pytest.raises(Conflict, match="is a folder; name a file"), new_file(target.parent, replace=True):
        pass
    assert leftovers(tmp_path) == []
