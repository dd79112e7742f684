"""The lock on a file: who gets it, who is refused, and what ends it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest

from nextlabel.contracts.errors import Conflict
from nextlabel.store.file_lock import file_lock

HOLDER = """
import sys, time
from pathlib import Path
from nextlabel.store.file_lock import file_lock
with file_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_holder_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    lock = tmp_path / "deep" / "lock"
    with file_lock(lock, "taken"), pytest.raises(Conflict, match="taken"), file_lock(lock, "taken"):
        pass
    with file_lock(lock, "taken"):
        pass


def test_without_a_refusal_the_second_waits(tmp_path: Path) -> None:
    order = []

    def second() -> None:
        with file_lock(tmp_path / "lock"):
            order.append("second")

    with file_lock(tmp_path / "lock"):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.1)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_refusal_can_wait_for_a_while(tmp_path: Path) -> None:
    began = time.monotonic()
    with file_lock(tmp_path / "lock"):
        with pytest.raises(Conflict, match="taken"), file_lock(tmp_path / "lock", "taken", wait=0.3):
            pass
        assert time.monotonic() - began >= 0.3
        release = threading.Event()
    with file_lock(tmp_path / "lock"):

        def second() -> None:
            with file_lock(tmp_path / "lock", "taken", wait=10):
                release.set()

        thread = threading.Thread(target=second)
        thread.start()
        assert not release.wait(0.2)
    assert release.wait(5)
    thread.join()


@pytest.mark.slow
def test_a_lock_is_released_when_its_process_is_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True)
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Conflict), file_lock(tmp_path / "lock", "taken"):
            pass
        holder.kill()
    with file_lock(tmp_path / "lock", "taken"):
        pass


def test_a_forked_child_neither_releases_nor_extends_a_lock(tmp_path: Path) -> None:
    ends, go_on = os.pipe()
    with file_lock(tmp_path / "lock"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # about a fork beside threads
            child = os.fork()
        if child == 0:
            try:
                with file_lock(tmp_path / "another"):
                    os.read(ends, 1)
            finally:
                os._exit(0)
        leaving = _fork_that_leaves(tmp_path / "lock")
        os.waitpid(leaving, 0)
    with file_lock(tmp_path / "lock", "the child still holds it"):
        pass
    os.write(go_on, b"1")
    os.waitpid(child, 0)
    os.close(ends)
    os.close(go_on)


def _fork_that_leaves(path: Path) -> int:
    """Fork inside a lock on a second file, leave that lock in the child, and check that the parent still holds it."""
    held = path.with_name("held")
    with file_lock(held):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child != 0:
            time.sleep(0.3)
            with pytest.raises(Conflict), file_lock(held, "taken"):
                pass
            return child
    os._exit(0)  # the child has left the block
