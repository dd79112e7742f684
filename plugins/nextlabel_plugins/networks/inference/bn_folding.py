"""Batch-norm folding: a network for prediction has fewer layers and the same outputs."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from nextlabel_plugins.networks.architectures.network import ImageNetwork
from nextlabel_plugins.networks.architectures.residual import Residual


def fold_network(network: ImageNetwork) -> ImageNetwork:
    """Return a copy of `network` for prediction, with each batch norm folded into the layer before it."""
    copied = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
    copied.trunk = fold_layers(copied.trunk)
    return copied.to(memory_format=torch.channels_last)


def fold_layers(layers: nn.Sequential) -> nn.Sequential:
    """Return `layers`, in evaluation mode, without batch norm and dropout.

    A batch norm after max pooling is folded into the convolution before the pooling. This is
    exact only if no gain is negative. Raises ValueError for a negative gain and TypeError for a
    batch norm after another kind of layer.
    """
    folded: list[nn.Module] = []
    for layer in layers:
        if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm1d):
            index = len(folded) - 1
            while isinstance(folded[index], nn.MaxPool2d):
                if layer.weight is not None and bool((layer.weight < 0).any()):
                    raise ValueError("a batch norm with a negative gain cannot be folded through max pooling")
                index -= 1
            previous = folded[index]
            if isinstance(previous, nn.Conv2d) and isinstance(layer, nn.BatchNorm2d):
                folded[index] = fuse_conv_bn_eval(previous, layer)
            elif isinstance(previous, nn.Linear) and isinstance(layer, nn.BatchNorm1d):
                folded[index] = fuse_linear_bn_eval(previous, layer)
            else:
                raise TypeError(f"a batch norm after {type(previous).__name__} cannot be folded")
        elif isinstance(layer, Residual):
            folded.append(Residual(fold_layers(layer.body), fold_layers(layer.shortcut)))
        elif not isinstance(layer, nn.Dropout | nn.Dropout2d):
            folded.append(layer)
    return nn.Sequential(*folded)
