"""Backbones that are networks of torchvision, with the weights that torchvision publishes.

The weights are files in the cache folder of torch.hub. Only `nextlabel download` downloads them, with torchvision.
"""

from __future__ import annotations

import pickle
from abc import abstractmethod
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar
from urllib.parse import urlsplit

from nextlabel.contracts import Backbone, Preprocessing
from nextlabel.contracts.errors import DatasetMissing
from nextlabel_plugins.datasets.torchvision_source import socket_timeout

if TYPE_CHECKING:
    from nextlabel_plugins.networks.inference.backbone_graph import Weights
    from nextlabel_plugins.networks.inference.onnx_graph import Graph

EPSILON = 1e-5
"""Of torchvision's batch norms."""
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and deviation of ImageNet's pixels from 0 to 1, by channel."""
_READ_ERRORS = (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError)
"""Exceptions of torch for files that are damaged or are no weights."""


@dataclass(frozen=True)
class TorchvisionParameters:
    """Parameters of the backbones of torchvision."""

    probabilities: Annotated[bool, "also compute the probabilities of the 1,000 ImageNet classes"] = True


class TorchvisionBackbone(Backbone[TorchvisionParameters]):
    """A network of torchvision. A subclass names its weights and adds its layers to a graph."""

    preprocessing = Preprocessing(
        size=224,
        crop=False,
        mean=(255 * _MEAN[0], 255 * _MEAN[1], 255 * _MEAN[2]),
        std=(255 * _STD[0], 255 * _STD[1], 255 * _STD[2]),
    )

    network: ClassVar[str]
    """Its name in torchvision.models."""
    weights: ClassVar[str]
    """The name of its published weights, such as "IMAGENET1K_V1"."""
    dimensions: ClassVar[int]
    """Numbers of an embedding."""
    classifier: ClassVar[str]
    """The linear layer from embeddings to classes, by its name in the weights."""

    @abstractmethod
    def add_network(self, graph: Graph, weights: Weights) -> None:
        """Add all layers from `input` to `embeddings`."""

    def write_onnx(self, path: Path) -> None:
        """Write the network. Raises DatasetMissing if its weights were not downloaded, or are damaged."""
        from nextlabel_plugins.networks.inference.backbone_graph import (  # noqa: PLC0415 - imports torch
            add_classes,
            save_graph,
        )
        from nextlabel_plugins.networks.inference.onnx_graph import Graph  # noqa: PLC0415 - as above

        weights = self._read()
        graph = Graph()
        outputs = {"embeddings": self.dimensions}
        try:
            self.add_network(graph, weights)
            if self.parameters.probabilities:
                add_classes(graph, weights, self.classifier)
                outputs["probabilities"] = len(weights[f"{self.classifier}.bias"])
        except KeyError as error:  # the weights of another network
            raise self._unreadable(f"it has no {error}") from error
        save_graph(graph, self.network, ["height", "width"], outputs, path)

    def download(self) -> None:
        """Download the weights with torchvision. Raises DatasetMissing if that fails."""
        path = self.path()
        if path.exists():
            return
        try:
            with socket_timeout():
                self._published().get_state_dict(progress=True, check_hash=True, weights_only=True)
        except (*_READ_ERRORS, HTTPException) as error:
            raise DatasetMissing(
                f"the weights of torchvision:{self.network} cannot be downloaded to {path}: {_one_line(error)}"
            ) from error

    def path(self) -> Path:
        """Return the file of the weights in the cache folder of torch.hub, where torchvision stores it."""
        from torch import hub  # noqa: PLC0415 - heavy

        return Path(hub.get_dir()) / "checkpoints" / Path(urlsplit(self._published().url).path).name

    def _published(self) -> Any:
        """Return torchvision's record of the weights."""
        from torchvision import models  # noqa: PLC0415 - heavy

        return models.get_model_weights(self.network)[self.weights]

    def _read(self) -> Weights:
        import torch  # noqa: PLC0415 - heavy

        path = self.path()
        if not path.exists():
            raise DatasetMissing(
                f"the weights of torchvision:{self.network} are missing: {path}; "
                "`nextlabel download PROJECT` downloads them"
            )
        try:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
            return {name: tensor.numpy() for name, tensor in tensors.items()}
        except (*_READ_ERRORS, AttributeError) as error:
            raise self._unreadable(_one_line(error)) from error

    def _unreadable(self, reason: str) -> DatasetMissing:
        return DatasetMissing(
            f"the weights of torchvision:{self.network} cannot be read from {self.path()}: {reason}; "
            "delete the file, and `nextlabel download PROJECT` downloads it again"
        )


def _one_line(error: BaseException) -> str:
    """Return the first sentence of a message: torch goes on with advice about its own functions."""
    return " ".join(str(error).split()).partition(". ")[0] or type(error).__name__
