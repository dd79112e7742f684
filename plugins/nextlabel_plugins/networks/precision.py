"""When the processor's own bfloat16 makes training faster."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch


def native_bfloat16() -> bool:
    """Return whether this processor multiplies bfloat16 itself; emulated, it is slower than float32."""
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "arm_bf16"))


def training_precision() -> AbstractContextManager[None]:
    """Return a scope for forward passes of a training: bfloat16 where it is native."""
    return torch.autocast("cpu", torch.bfloat16, enabled=native_bfloat16())
