"""Who holds what alone, and who ends with whom."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
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
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", '''
import time
from nextlabel.engine.process import die_with_parent
die_with_parent()
time.sleep(60)
'''])
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_a_second_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    lock = tmp_path / "deep" / "lock"
    with file_lock(lock, "taken"), pytest.raises(Conflict, match="taken"), file_lock(lock, "taken"):
        pass
    with file_lock(lock, "taken"):
        pass


def test_without_a_refusal_one_waits(tmp_path: Path) -> None:
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


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True)
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Conflict), file_lock(tmp_path / "lock", "taken"):
            pass
        holder.kill()
    with file_lock(tmp_path / "lock", "taken"):
        pass


def test_nothing_outlives_a_killed_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        time.sleep(1.0)  # until it watches
        parent.kill()
    until = time.monotonic() + 10
    while _runs(child):
        assert time.monotonic() < until
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:  # a zombie that nobody has waited for has ended
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
