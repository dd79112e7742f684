"""Keeps child processes alive: starts them, starts them again when they die, ends them in order."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

LOOK_EVERY = 0.1
GRACE = 8.0
"""Seconds the children have to end after they were asked to, before they are killed."""
SETTLED = 10.0
"""A child that lived so many seconds died of something new: it is started again at once."""
_PAUSES = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


@dataclass
class Child:
    """A process to keep alive, and how often it died at once."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    due: float = 0.0
    deaths: int = 0


@dataclass
class Supervisor:
    """Runs until it is told to stop."""

    children: Sequence[Child]
    say: Callable[[str], None]
    """Takes a line for the person who watches."""
    stopping: bool = field(default=False, init=False)

    def watch_signals(self) -> None:
        """Let SIGTERM, SIGINT and SIGHUP stop it."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)

    def run(self, ready: Callable[[], bool], when_ready: Callable[[], None]) -> None:
        """Keep the children alive until a signal comes; call `when_ready` once `ready` says so."""
        told = False
        try:
            while not self.stopping:
                for child in self.children:
                    self._look(child, time.monotonic())
                if not told and ready():
                    when_ready()
                    told = True
                time.sleep(LOOK_EVERY)
        finally:
            self._end()

    def _look(self, child: Child, now: float) -> None:
        if child.process is None:
            if now >= child.due:
                child.process, child.started = child.start(), now
            return
        code = child.process.poll()
        if code is None:
            return
        child.process = None
        child.deaths = 0 if now - child.started > SETTLED else child.deaths + 1
        pause = _PAUSES[min(child.deaths, len(_PAUSES) - 1)]
        child.due = now + pause
        when = f"in {pause:g} s" if pause else "at once"
        self.say(f"the {child.name} ended with {_said(code)}; it is started again {when}")

    def _end(self) -> None:
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + GRACE
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _stop(self, _signal: int, _frame: object) -> None:
        self.stopping = True


def _said(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"status {code}"
