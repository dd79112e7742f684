"""What a training runs on, and in which numbers."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch


def training_device() -> torch.device:
    """Return a GPU where torch finds one by CUDA, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def native_bfloat16() -> bool:
    """Return whether this processor multiplies bfloat16 itself; emulated, it is slower than float32."""
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def training_precision(device: torch.device) -> AbstractContextManager[None]:
    """Return a scope for forward passes of a training: bfloat16 where it is native."""
    native = native_bfloat16() if device.type == "cpu" else torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, torch.bfloat16, enabled=native)


def own_randomness(device: torch.device) -> AbstractContextManager[None]:
    """Return a scope after which torch's generators are as they were."""
    return torch.random.fork_rng(devices=[] if device.type == "cpu" else list(range(torch.cuda.device_count())))
