"""Built-in backbones, one file each."""

from __future__ import annotations

from collections.abc import Iterator

from nextlabel.contracts import BackbonePlugin, hookimpl
from nextlabel_plugins.backbones.efficientnet_lite0 import EfficientNetLite0Parameters
from nextlabel_plugins.backbones.torchvision_weights import TorchvisionParameters

PACKAGE = "nextlabel_plugins.backbones"


@hookimpl
def nextlabel_backbones() -> Iterator[BackbonePlugin]:
    """Yield the built-in backbones."""
    yield BackbonePlugin(
        "efficientnet-lite0",
        "EfficientNet-Lite0 trained on ImageNet, for photographs: 1,280 numbers per image",
        f"{PACKAGE}.efficientnet_lite0:EfficientNetLite0",
        EfficientNetLite0Parameters,
    )
    yield BackbonePlugin(
        "torchvision:resnet18",
        "ResNet-18 of torchvision trained on ImageNet, for photographs: 512 numbers per image",
        f"{PACKAGE}.torchvision_resnet18:TorchvisionResNet18",
        TorchvisionParameters,
    )
