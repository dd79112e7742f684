"""A child that never outlives its parent, not even one that was killed -9."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from nextlabel.engine.process import die_with_parent

_PR_SET_PDEATHSIG = 1


def tie_to_parent(parent: int) -> None:
    """End this process as soon as the process `parent`, which started it, is gone.

    On Linux the kernel sees to it: at once, and without a thread, so that forking stays safe.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it went before the kernel was told
            os._exit(1)
    else:
        die_with_parent(parent)
