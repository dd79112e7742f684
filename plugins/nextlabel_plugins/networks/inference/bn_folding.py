"""Batch-norm folding: a network for prediction has fewer layers and the same outputs."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from nextlabel_plugins.networks.architectures.network import ImageNetwork
from nextlabel_plugins.networks.architectures.residual import PreActivation, Residual


class ChannelAffine(nn.Module):
    """Multiplies each channel of (b, channels, h, w) by a factor and adds a number: a batch norm for prediction."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        assert norm.running_var is not None
        assert norm.running_mean is not None
        factor = norm.weight / (norm.running_var + norm.eps).sqrt()
        self.factor = nn.Parameter(factor.view(-1, 1, 1), requires_grad=False)
        self.shift = nn.Parameter((norm.bias - norm.running_mean * factor).view(-1, 1, 1), requires_grad=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Return feature maps (b, channels, h, w)."""
        return maps * self.factor + self.shift


def fold_network(network: ImageNetwork) -> ImageNetwork:
    """Return a copy of `network` for prediction, with each batch norm folded into the layer before it."""
    copied = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
    copied.trunk = fold_layers(copied.trunk)
    return copied.to(memory_format=torch.channels_last)


def fold_layers(layers: nn.Sequential) -> nn.Sequential:
    """Return `layers`, in evaluation mode, without batch norm and dropout.

    A batch norm after max pooling is folded into the convolution before the pooling. This is
    exact only if no gain is negative. One at the start, or after a block that ends with a sum, becomes
    a factor and a number for each channel. Raises ValueError for a negative gain and TypeError for a
    batch norm after another kind of layer.
    """
    folded: list[nn.Module] = []
    for layer in layers:
        if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm1d):
            _fold_norm(layer, folded)
        elif isinstance(layer, Residual):
            folded.append(Residual(fold_layers(layer.body), fold_layers(layer.shortcut)))
        elif isinstance(layer, PreActivation):
            parts = (fold_layers(part) for part in (layer.activation, layer.body, layer.shortcut))
            folded.append(PreActivation(*parts, shared=layer.shared))
        elif not isinstance(layer, nn.Dropout | nn.Dropout2d):
            folded.append(layer)
    return nn.Sequential(*folded)


def _fold_norm(norm: nn.BatchNorm2d | nn.BatchNorm1d, folded: list[nn.Module]) -> None:
    """Fold a batch norm into the last of the `folded` layers before it, in place."""
    if isinstance(norm, nn.BatchNorm2d) and (not folded or isinstance(folded[-1], PreActivation)):
        folded.append(ChannelAffine(norm))
        return
    index = len(folded) - 1
    while isinstance(folded[index], nn.MaxPool2d):
        if norm.weight is not None and bool((norm.weight < 0).any()):
            raise ValueError("a batch norm with a negative gain cannot be folded through max pooling")
        index -= 1
    previous = folded[index]
    if isinstance(previous, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
        folded[index] = fuse_conv_bn_eval(previous, norm)
    elif isinstance(previous, nn.Linear) and isinstance(norm, nn.BatchNorm1d):
        folded[index] = fuse_linear_bn_eval(previous, norm)
    else:
        raise TypeError(f"a batch norm after {type(previous).__name__} cannot be folded")
