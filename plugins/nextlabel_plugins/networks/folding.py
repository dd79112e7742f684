"""Batch normalisation folded into the layers before it: fewer steps at prediction, the same answers."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from nextlabel_plugins.networks.residual import Residual


def folded(layers: nn.Sequential) -> nn.Sequential:
    """Return `layers`, in evaluation mode, without batch normalisation and dropout.

    A normalisation may also stand behind a maximum pooling of the convolution it is folded
    into, where none of its gains is negative: the largest number stays the largest.
    """
    out: list[nn.Module] = []
    for layer in layers:
        if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm1d):
            place = len(out) - 1
            while isinstance(out[place], nn.MaxPool2d):
                if layer.weight is not None and bool((layer.weight < 0).any()):
                    raise ValueError("a normalisation with a negative gain does not fold through a maximum")
                place -= 1
            before = out[place]
            if isinstance(before, nn.Conv2d) and isinstance(layer, nn.BatchNorm2d):
                out[place] = fuse_conv_bn_eval(before, layer)
            elif isinstance(before, nn.Linear) and isinstance(layer, nn.BatchNorm1d):
                out[place] = fuse_linear_bn_eval(before, layer)
            else:
                raise TypeError(f"a normalisation behind {type(before).__name__} does not fold")
        elif isinstance(layer, Residual):
            out.append(Residual(folded(layer.body), folded(layer.shortcut)))
        elif not isinstance(layer, nn.Dropout | nn.Dropout2d):
            out.append(layer)
    return nn.Sequential(*out)
