"""Saves the state of a training now and then, so that it resumes after its process was killed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

SAVE_EVERY = 60.0
"""Seconds between two saves: a training that is killed loses no more than this."""


class Stateful(Protocol):
    """A part of a training with a state: a network, an optimizer, the order of the batches, ..."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state: tensors, numbers and strings, also in lists and dicts."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any], /) -> object:
        """Restore the state that `state_dict` returned."""
        ...


class ResumeFile:
    """The state of a training in one file of `Training.folder`.

    `parts` is everything that changes from update to update: networks, optimizers, and so on, and
    tensors, which are restored in place. What a training draws from its seed before the first update
    need not be among them. torch's random state on the CPU always belongs to the state. A training that is killed and
    resumed, with the same number of threads, ends with the weights of an uninterrupted one.

        file = ResumeFile(training.folder, {"network": network, "optimizer": optimizer, "targets": targets})
        for update in range(file.load(), updates):
            ...
            file.save_if_due(update + 1)
    """

    def __init__(
        self,
        folder: Path | None,
        parts: Mapping[str, Stateful | Tensor],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """With no `folder`, nothing is saved or loaded."""
        self._path = None if folder is None else folder / "training.pt"
        self._parts = parts
        self._clock = clock
        self._saved = clock()

    def load(self) -> int:
        """Restore the saved state of all parts; return the number of updates that were made before. 0 if there is none.

        Call this right before the first update.
        """
        if self._path is None or not self._path.exists():
            return 0
        state = torch.load(self._path, map_location="cpu", weights_only=True)
        for name, part in self._parts.items():
            if isinstance(part, Tensor):
                part.copy_(state["parts"][name])
            else:
                part.load_state_dict(state["parts"][name])
        torch.set_rng_state(state["random"])
        print(f"training resumes after {state['updates']} updates", flush=True)  # noqa: T201 - the job's log
        return int(state["updates"])

    def save_if_due(self, updates: int) -> None:
        """Save the state after so many updates, if a minute has passed since the last save."""
        if self._path is not None and self._clock() - self._saved >= SAVE_EVERY:
            self._save(self._path, updates)
            self._saved = self._clock()

    def _save(self, path: Path, updates: int) -> None:
        parts = {name: part if isinstance(part, Tensor) else part.state_dict() for name, part in self._parts.items()}
        partial = path.with_suffix(".partial")  # the process may be killed while it writes
        with partial.open("wb") as file:
            torch.save({"updates": updates, "random": torch.get_rng_state(), "parts": parts}, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
