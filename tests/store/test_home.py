"""Files: whole or not there."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from nextlabel.contracts.errors import BadRequest, Conflict
from nextlabel.store import home as home_module
from nextlabel.store import temp_dirs
from nextlabel.store.home import Home

FILL = """
    import sys
    from pathlib import Path
    from nextlabel.store.home import Home

    home = Home(Path(sys.argv[1]))
    with home.new_directory(home.checkpoint("p", "c")) as folder:
        (folder / "weights").write_bytes(b"half")
        print("half", flush=True)
        sys.stdin.readline()
        (folder / "card").write_bytes(b"whole")
    print("done", flush=True)
"""
UPLOAD = """
    import sys
    from pathlib import Path
    from nextlabel.store.home import Home

    home = Home(Path(sys.argv[1]))
    print("ready", flush=True)
    sys.stdin.readline()
    for i in range(30):
        print(home.save_upload(b"%d" % i * 10000), flush=True)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def leftovers(home: Home) -> list[Path]:
    return list(home.root.rglob(f"{temp_dirs.PREFIX}*"))


def test_where_things_lie(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home = Home(Path("var"))
    root = tmp_path / "var"
    sha256 = "ab" * 32
    assert home.upload_path(sha256) == root / "uploads" / "ab" / sha256
    assert home.pool("p") == root / "pools" / "p"
    assert home.checkpoint("p", "c") == root / "checkpoints" / "p" / "c"
    assert home.scores("p", "c") == root / "scores" / "p" / "c"
    assert home.job_log(7) == root / "jobs" / "7.log"
    assert not root.exists()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", ".partial-x", "a\0", "a\n"])
def test_a_name_never_leads_out_of_the_home(home, name):
    for path in (lambda: home.pool(name), lambda: home.checkpoint("p", name), lambda: home.scores(name, "c")):
        with pytest.raises(BadRequest):
            path()
    with pytest.raises(BadRequest):
        home.upload_path(name)


def test_an_upload_is_kept_once_under_its_sum(home):
    sha256 = home.save_upload(b"image")
    assert sha256 == hashlib.sha256(b"image").hexdigest()
    path = home.upload_path(sha256)
    before = path.stat()
    assert home.save_upload(b"image") == sha256
    assert path.stat() == before
    assert path.read_bytes() == b"image"
    assert leftovers(home) == []


def test_uploads_of_several_processes_and_one_killed(home, start):
    children = [start(UPLOAD, home.root) for _ in range(3)]
    for child in children:
        child.line()
        child.say()
    told = [children[0].line() for _ in range(10)] + children[0].kill()
    told += [line for child in children[1:] for line in child.end()]
    for sha256 in told:
        assert hashlib.sha256(home.upload_path(sha256).read_bytes()).hexdigest() == sha256
    home.sweep(keep=())
    assert leftovers(home) == []
    assert len([path for path in home.root.rglob("*") if path.is_file()]) == 30


def test_a_new_directory_appears_whole(home):
    target = home.checkpoint("p", "c")
    with home.new_directory(target) as folder:
        assert folder.parent == target.parent
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text("x")
        assert not target.exists()
    assert (target / "deep" / "file").read_text() == "x"
    assert leftovers(home) == []


def test_a_new_directory_that_fails_is_not_there(home):
    target = home.checkpoint("p", "c")
    with pytest.raises(ZeroDivisionError), home.new_directory(target) as folder:
        (folder / "file").write_text(str(1 / 0))
    assert not target.exists()
    assert leftovers(home) == []


def test_an_existing_target_is_refused(home):
    target = home.checkpoint("p", "c")

    def fill(text: str) -> None:
        with home.new_directory(target) as folder:
            (folder / "file").write_text(text)

    fill("first")
    with pytest.raises(Conflict, match="exists"):
        fill("second")

    def race() -> None:
        with home.new_directory(home.checkpoint("p", "d")) as folder:
            (folder / "file").write_text("slow")
            with home.new_directory(home.checkpoint("p", "d")) as other:
                (other / "file").write_text("fast")

    with pytest.raises(Conflict, match="exists"):
        race()
    assert (target / "file").read_text() == "first"
    assert (home.checkpoint("p", "d") / "file").read_text() == "fast"
    assert leftovers(home) == []


def test_every_file_is_on_disk_before_the_name(home, monkeypatch):
    target = home.checkpoint("p", "c")
    done: list[str] = []
    sync, rename = home_module.sync, Path.rename
    monkeypatch.setattr(home_module, "sync", lambda path: (done.append(path.name), sync(path)))
    monkeypatch.setattr(Path, "rename", lambda self, other: (done.append("rename"), rename(self, other))[1])
    with home.new_directory(target) as folder:
        done.clear()
        (folder / "a").write_text("x")
        (folder / "b").write_text("x")
    assert set(done[:2]) == {"a", "b"}
    assert done[2].startswith(temp_dirs.PREFIX)
    assert done[3:] == ["rename", "p"]


def test_a_process_killed_in_the_middle_leaves_nothing_to_be_seen(home, start):
    child = start(FILL, home.root)
    assert child.line() == "half"
    child.kill()
    assert not home.checkpoint("p", "c").exists()
    assert len(leftovers(home)) == 1
    assert len(home.sweep(keep=())) == 1
    assert leftovers(home) == []
    child = start(FILL, home.root)  # the name is free
    assert child.line() == "half"
    child.say()
    assert child.line() == "done"
    assert (home.checkpoint("p", "c") / "card").read_bytes() == b"whole"


def test_sweeping_spares_what_somebody_is_writing(home, start):
    child = start(FILL, home.root)
    assert child.line() == "half"
    assert home.sweep(keep=()) == []
    child.say()
    assert child.line() == "done"
    child.end()
    assert (home.checkpoint("p", "c") / "card").exists()


def test_sweeping_removes_folders_that_nothing_names(home):
    kept, lost, young = (home.checkpoint("p", name) for name in ("kept", "lost", "young"))
    scores, pool = home.scores("p", "lost"), home.pool("p")
    for target in (kept, lost, young, scores, pool):
        with home.new_directory(target) as folder:
            (folder / "file").write_text("x")
    old = time.time() - 100
    for target in (kept, lost, scores, pool):
        os.utime(target, (old, old))
    home.save_upload(b"x")
    assert home.sweep({kept}, grace=50) == [lost, scores]
    assert kept.exists()
    assert young.exists()
    assert pool.exists()
    assert home.sweep({kept}) == [young]
    assert home.upload_path(hashlib.sha256(b"x").hexdigest()).exists()


def test_sweeping_an_empty_home(home):
    assert home.sweep(keep=()) == []
    assert not home.root.exists()


def test_a_folder_taken_for_abandoned_before_it_was_locked_is_made_again(home, monkeypatch):
    home.root.mkdir()
    mkdir = Path.mkdir
    removed: list[Path] = []

    def sweep_comes_between(self, *args, **kwargs):
        mkdir(self, *args, **kwargs)
        if not removed:
            removed.append(self)
            assert temp_dirs.remove_abandoned(self)

    monkeypatch.setattr(Path, "mkdir", sweep_comes_between)
    with temp_dirs.partial(home.root) as folder:
        assert folder != removed[0]
        assert folder.is_dir()


def test_names_move_with_the_home(tmp_path):
    inside, outside = Home(tmp_path).checkpoint("p", "r1"), tmp_path.parent / "shipped"
    assert Home(tmp_path / "moved").at(Home(tmp_path).name(inside)) == tmp_path / "moved/checkpoints/p/r1"
    assert Home(tmp_path / "moved").at(Home(tmp_path).name(outside)) == outside


def test_what_ships_is_found_where_the_product_lies_now(tmp_path):
    here, there = (Home(tmp_path / "home", tmp_path / place / "trained") for place in ("here", "there"))
    name = here.name(here.trained / "photos" / "fast")
    assert str(tmp_path) not in name
    assert there.at(name) == tmp_path / "there" / "trained" / "photos" / "fast"
    assert here.at(here.name(here.checkpoint("p", "r1"))) == here.checkpoint("p", "r1")
