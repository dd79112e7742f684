"""Keeps a child process running: starts it, restarts it when it ends, and stops it in the end."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from nextlabel.engine.jobs.worker import describe_exit

GRACE = 8.0
"""Seconds that the process has to end after SIGTERM, before it is killed."""
_SETTLED = 10.0
"""A process that ran longer than these seconds is restarted at once."""
_PAUSES = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before a restart, by the number of times in a row that the process ended soon."""


@dataclass
class SupervisedProcess:
    """A child process and how often it ended soon after its start."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    log: Callable[[str], None]
    """Takes a line for the operator of the server."""
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _started: float = field(default=0.0, init=False)
    _restart_at: float = field(default=0.0, init=False)
    _failures: int = field(default=0, init=False)
    _kill_at: float | None = field(default=None, init=False)

    def check(self) -> None:
        """Log it if the process has ended, and start it unless it runs, its pause lasts or it was terminated."""
        if self._kill_at is not None:
            return
        now = time.monotonic()
        code = None if self.process is None else self.process.poll()
        if code is not None:
            self.process = None
            self._failures = 0 if now - self._started > _SETTLED else self._failures + 1
            pause = _PAUSES[min(self._failures, len(_PAUSES) - 1)]
            self._restart_at = now + pause
            when = f"in {pause:g} s" if pause else "at once"
            self.log(f"the {self.name} ended with {describe_exit(code)}; it is started again {when}")
        if self.process is None and now >= self._restart_at:
            self.process, self._started = self.start(), now

    def terminate(self) -> None:
        """Ask the process to end; `check` does not start it again."""
        self._kill_at = time.monotonic() + GRACE
        if self.process is not None:
            self.process.terminate()

    def wait(self) -> None:
        """Wait until a process that `terminate` asked to end has ended; kill it after its grace."""
        if self.process is None or self._kill_at is None:
            return
        try:
            self.process.wait(max(0.0, self._kill_at - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
