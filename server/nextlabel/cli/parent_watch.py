"""Ends a child process together with its parent, even if the parent was killed with kill -9."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1
_CHECK_EVERY = 0.5


def end_with_parent(parent: int) -> None:
    """End this process as soon as `parent`, the process that started it, has ended.

    On Linux the kernel does it, at once and without a thread, which would make forking unsafe.
    Elsewhere a thread checks twice a second.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the kernel knew
            os._exit(1)
    else:
        threading.Thread(target=_watch, args=(parent,), name="parent-watch", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_CHECK_EVERY)
    os._exit(1)
