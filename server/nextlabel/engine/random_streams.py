"""Independent random streams, derived from a project's seed."""

from __future__ import annotations

from hashlib import sha256

import numpy as np


def derive(seed: int, *purpose: object) -> int:
    """Return a 63-bit seed for `purpose`, the same on every machine."""
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *purpose: object) -> np.random.Generator:
    """Return a random generator for `purpose`."""
    return np.random.default_rng(derive(seed, *purpose))


def share_hash(seed: int, purpose: str, identity: str) -> float:
    """Return a number in [0, 1) that depends on the id alone, so it does not change as a pool grows."""
    return derive(seed, purpose, identity) / 2.0**63
