"""What keeps the processes alive: how often it tries, and how it ends them."""

from __future__ import annotations

import subprocess
import sys
import time
from itertools import pairwise

from nextlabel.cli.supervisor import Child, Supervisor

ENDS = "import sys; sys.exit(3)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"


def child(code, started, **options):
    def start():
        started.append(time.monotonic())
        return subprocess.Popen([sys.executable, "-c", code], **options)

    return Child("thing", start)


def test_what_dies_at_once_is_tried_less_and_less_often():
    started, said = [], []
    supervisor = Supervisor([child(ENDS, started)], said.append)
    end = time.monotonic() + 2.5

    def ready():
        supervisor.stopping = time.monotonic() > end
        return False

    supervisor.run(ready, lambda: None)
    assert 3 <= len(started) <= 5
    pauses = [after - before for before, after in pairwise(started)]
    assert pauses == sorted(pauses)
    assert said[0] == "the thing ended with status 3; it is started again in 0.2 s"
    assert said[1] == "the thing ended with status 3; it is started again in 0.5 s"


def test_what_does_not_end_is_killed(monkeypatch):
    monkeypatch.setattr("nextlabel.cli.supervisor.GRACE", 0.3)
    stubborn = child(STUBBORN, [], stdout=subprocess.PIPE)
    supervisor = Supervisor([stubborn], print)

    def ready():
        if stubborn.process is not None and stubborn.process.stdout.readline():
            supervisor.stopping = True
        return supervisor.stopping

    told = []
    supervisor.run(ready, lambda: told.append("ready"))
    assert stubborn.process.returncode == -9
    assert told == ["ready"]
    stubborn.process.stdout.close()
