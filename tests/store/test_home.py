"""The home folder: paths, uploads and the clean-up."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from nextlabel.contracts.errors import BadRequest
from nextlabel.store import temp_dirs
from nextlabel.store.atomic import new_folder
from nextlabel.store.home import Home

FILL = """
    import sys
    from pathlib import Path
    from nextlabel.store.atomic import new_folder
    from nextlabel.store.home import Home

    home = Home(Path(sys.argv[1]))
    with new_folder(home.checkpoint("p", "c")) as folder:
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


def test_paths_lie_below_the_root(tmp_path, monkeypatch):
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


def test_an_upload_is_stored_once_under_its_sum(home):
    sha256 = home.save_upload(b"image")
    assert sha256 == hashlib.sha256(b"image").hexdigest()
    path = home.upload_path(sha256)
    before = path.stat()
    assert home.save_upload(b"image") == sha256
    assert path.stat() == before
    assert path.read_bytes() == b"image"
    assert leftovers(home) == []


@pytest.mark.slow
def test_uploads_survive_rivals_and_a_kill(home, start):
    children = [start(UPLOAD, home.root) for _ in range(3)]
    for child in children:
        child.line()
        child.say()
    sums = [children[0].line() for _ in range(10)] + children[0].kill()
    sums += [line for child in children[1:] for line in child.end()]
    for sha256 in sums:
        assert hashlib.sha256(home.upload_path(sha256).read_bytes()).hexdigest() == sha256
    home.sweep(keep=())
    assert leftovers(home) == []
    assert len([path for path in home.root.rglob("*") if path.is_file()]) == 30


@pytest.mark.slow
def test_a_killed_process_leaves_nothing_visible(home, start):
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


def test_a_sweep_spares_unfinished_work_of_live_processes(home, start):
    child = start(FILL, home.root)
    assert child.line() == "half"
    assert home.sweep(keep=()) == []
    child.say()
    assert child.line() == "done"
    child.end()
    assert (home.checkpoint("p", "c") / "card").exists()


def test_a_sweep_removes_unreferenced_folders(home):
    live, lost, young = (home.checkpoint("p", name) for name in ("live", "lost", "young"))
    scores, pool = home.scores("p", "lost"), home.pool("p")
    for target in (live, lost, young, scores, pool):
        with new_folder(target) as folder:
            (folder / "file").write_text("x")
    old = time.time() - 100
    for target in (live, lost, scores, pool):
        os.utime(target, (old, old))
    home.save_upload(b"x")
    assert home.sweep({live}, grace=50) == [lost, scores]
    assert live.exists()
    assert young.exists()
    assert pool.exists()
    assert home.sweep({live}) == [young]
    assert home.upload_path(hashlib.sha256(b"x").hexdigest()).exists()


def test_a_removal_of_features_that_was_interrupted_leaves_no_folder_of_that_name(home, monkeypatch):
    folder = home.features("a")
    folder.mkdir(parents=True)
    (folder / "contents.sha256").write_bytes(b"x")

    def interrupted(path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("nextlabel.store.home.shutil.rmtree", interrupted)
        with pytest.raises(KeyboardInterrupt):
            home.remove_features("a")
    assert not folder.exists()
    home.sweep(keep=())
    assert list(folder.parent.iterdir()) == []


def test_a_sweep_of_an_empty_home_does_nothing(home):
    assert home.sweep(keep=()) == []
    assert not home.root.exists()


def test_a_folder_swept_before_its_lock_is_created_again(home, monkeypatch):
    home.root.mkdir()
    mkdir = Path.mkdir
    removed: list[Path] = []

    def interrupted_by_a_sweep(self, *args, **kwargs):
        mkdir(self, *args, **kwargs)
        if not removed:
            removed.append(self)
            assert temp_dirs.remove_abandoned(self)

    monkeypatch.setattr(Path, "mkdir", interrupted_by_a_sweep)
    with temp_dirs.partial(home.root) as folder:
        assert folder != removed[0]
        assert folder.is_dir()


def test_names_stay_valid_when_the_home_moves(tmp_path):
    inside, outside = Home(tmp_path).checkpoint("p", "r1"), tmp_path.parent / "shipped"
    assert Home(tmp_path / "moved").at(Home(tmp_path).name(inside)) == tmp_path / "moved/checkpoints/p/r1"
    assert Home(tmp_path / "moved").at(Home(tmp_path).name(outside)) == outside


def test_bundled_checkpoints_are_found_after_a_move(tmp_path):
    here, there = (Home(tmp_path / "home", tmp_path / folder / "trained") for folder in ("here", "there"))
    name = here.name(here.trained / "photos" / "fast")
    assert str(tmp_path) not in name
    assert there.at(name) == tmp_path / "there" / "trained" / "photos" / "fast"
    assert here.at(here.name(here.checkpoint("p", "r1"))) == here.checkpoint("p", "r1")
