"""The device and the precision of a training."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn


def training_device() -> torch.device:
    """Return a GPU if torch finds one through CUDA, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def native_bfloat16() -> bool:
    """Return whether this CPU multiplies bfloat16 natively; emulated, it is slower than float32."""
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def training_precision(device: torch.device) -> AbstractContextManager[None]:
    """Return a context for the forward passes of a training: bfloat16 if the device supports it natively."""
    return torch.autocast(device.type, torch.bfloat16, enabled=_uses_bfloat16(device))


def forward(network: nn.Module, images: Tensor) -> Tensor:
    """Return what a network makes of images (b, c, h, w), as float32, in the precision of a training."""
    with training_precision(images.device):
        outputs: Tensor = network(images.float().contiguous(memory_format=torch.channels_last))
    return outputs.float()


def reported_precision(device: torch.device) -> dict[str, float]:
    """Return what a training reports as its precision: the `bits` of a number in its forward passes."""
    return {"bits": 16.0 if _uses_bfloat16(device) else 32.0}


def _uses_bfloat16(device: torch.device) -> bool:
    return native_bfloat16() if device.type == "cpu" else torch.cuda.is_bf16_supported(including_emulation=False)


def preserve_rng_state(device: torch.device) -> AbstractContextManager[None]:
    """Return a context that restores the state of torch's generators on exit."""
    return torch.random.fork_rng(devices=[] if device.type == "cpu" else list(range(torch.cuda.device_count())))
