"""The multilayer perceptron of PRODEN (Lv et al., ICML 2020)."""

from __future__ import annotations

from torch import nn

from nextlabel_plugins.networks.architectures.network import ImageNetwork, Shape


class MLP(ImageNetwork):
    """Five linear layers with h, h+1, h+2 and h+3 hidden units; h = `shape.filters` (300 in the paper).

    Each hidden layer has batch norm instead of a bias, and a ReLU.
    """

    def __init__(self, shape: Shape) -> None:
        layers: list[nn.Module] = [nn.Flatten()]
        inputs = shape.height * shape.width * shape.channels
        for width in range(shape.filters, shape.filters + 4):
            linear = nn.Linear(inputs, width, bias=False)
            nn.init.xavier_uniform_(linear.weight)
            layers += [linear, nn.BatchNorm1d(width), nn.ReLU()]
            inputs = width
        super().__init__(shape, nn.Sequential(*layers), inputs)
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.bias)
