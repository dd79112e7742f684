"""A child ends with its parent, even if the parent was killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

PARENT = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", '''
import sys, time
sys.platform = sys.argv[2]
from nextlabel.cli.parent_watch import end_with_parent
end_with_parent(int(sys.argv[1]))
print("watching", flush=True)
time.sleep(60)
''', str(os.getpid()), sys.argv[1]], stdout=subprocess.PIPE, text=True)
assert child.stdout.readline() == "watching\\n"
print(child.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("platform", [sys.platform, "another"])
def test_a_child_ends_when_its_parent_is_killed(platform: str) -> None:
    command = [sys.executable, "-c", PARENT, platform]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert _runs(child)
        parent.kill()
    until = time.monotonic() + 10
    while _runs(child):
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize("platform", [sys.platform, "another"])
def test_a_child_whose_parent_has_ended_does_not_start(platform: str) -> None:
    program = (
        "import sys; sys.platform = sys.argv[1]\n"
        "from nextlabel.cli.parent_watch import end_with_parent\n"
        "import time; end_with_parent(1); time.sleep(60)"
    )
    assert subprocess.run([sys.executable, "-c", program, platform], check=False, timeout=30).returncode == 1


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:  # a zombie that was not waited for has ended
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
