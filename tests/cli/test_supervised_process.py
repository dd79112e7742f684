"""SupervisedProcess: how often it restarts a process, and how it ends one."""

from __future__ import annotations

import subprocess
import sys
import time
from itertools import pairwise

import pytest

from nextlabel.cli.supervised_process import SupervisedProcess

ENDS = "import sys; sys.exit(3)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"


def supervised(code, starts, log, **options):
    def start():
        starts.append(time.monotonic())
        return subprocess.Popen([sys.executable, "-c", code], **options)

    return SupervisedProcess("thing", start, log)


@pytest.mark.slow
def test_restarts_pause_longer_each_time():
    starts, lines = [], []
    process = supervised(ENDS, starts, lines.append)
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        process.check()
        time.sleep(0.05)
    process.terminate()
    process.wait()
    assert 3 <= len(starts) <= 5
    pauses = [after - before for before, after in pairwise(starts)]
    assert pauses == sorted(pauses)
    assert lines[0] == "the thing ended with status 3; it is started again in 0.2 s"
    assert lines[1] == "the thing ended with status 3; it is started again in 0.5 s"


def test_a_terminated_process_is_not_restarted():
    starts, lines = [], []
    process = supervised("import time; time.sleep(60)", starts, lines.append)
    process.check()
    process.terminate()
    process.wait()
    process.check()
    assert (len(starts), lines, process.process.returncode) == (1, [], -15)


def test_a_process_that_does_not_end_is_killed(monkeypatch):
    monkeypatch.setattr("nextlabel.cli.supervised_process.GRACE", 0.3)
    process = supervised(STUBBORN, [], print, stdout=subprocess.PIPE)
    process.check()
    assert process.process.stdout.readline()
    process.terminate()
    process.wait()
    assert process.process.returncode == -9
    process.process.stdout.close()
