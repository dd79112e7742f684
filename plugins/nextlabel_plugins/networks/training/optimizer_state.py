"""The state of an Adam optimizer as arrays by name, so that a later training goes on with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

OptimizerState = Mapping[str, Tensor]
"""Two running means for each weight, as in `exp_avg.head.weight`, and the number of updates, `step`."""
_MEANS = ("exp_avg", "exp_avg_sq")


def optimizer_state(optimizer: torch.optim.Optimizer, network: nn.Module) -> dict[str, Tensor]:
    """Return the state of an `optimizer` of `network`, on the CPU. It has made at least one update."""
    state = {
        f"{mean}.{name}": optimizer.state[weight][mean].cpu().contiguous()
        for name, weight in network.named_parameters()
        for mean in _MEANS
    }
    step = next(iter(optimizer.state.values()))["step"]
    return {**state, "step": step.cpu()}


def from_arrays(arrays: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, Tensor]:
    """Return the state that was stored as `arrays`."""
    return {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}


def fits(state: OptimizerState, network: nn.Module) -> bool:
    """Return whether `state` has means of the right shape for each weight of `network`."""
    expected = {f"{mean}.{name}": weight.shape for name, weight in network.named_parameters() for mean in _MEANS}
    return {name: array.shape for name, array in state.items()} == {**expected, "step": torch.Size()}


def load_optimizer_state(optimizer: torch.optim.Optimizer, network: nn.Module, state: OptimizerState) -> None:
    """Let a new `optimizer` of `network` go on with `state`, which `fits` it."""
    fused = optimizer.defaults["fused"]  # a fused one counts on the device of the weights
    for name, weight in network.named_parameters():
        means = {mean: torch.empty_like(weight).copy_(state[f"{mean}.{name}"]) for mean in _MEANS}
        step = state["step"].to(weight.device if fused else "cpu", copy=True)
        optimizer.state[weight] = {"step": step, **means}
