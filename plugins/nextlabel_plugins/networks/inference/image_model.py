"""A trained network as the model that the engine stores, scores the pool with and serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nextlabel.contracts import FloatArray, ImageInput, ImageItems, Items, Model, Need, Outputs
from nextlabel.contracts.errors import Unprocessable
from nextlabel_plugins.networks.architectures.factory import build_network
from nextlabel_plugins.networks.architectures.network import ImageNetwork, Shape
from nextlabel_plugins.networks.inference.bn_folding import fold_network
from nextlabel_plugins.networks.inference.mc_dropout import MonteCarloDropout
from nextlabel_plugins.networks.inference.onnx_graph import write_onnx
from nextlabel_plugins.networks.inference.tta import TTA, tta_views

MAX_BATCH_NUMBERS = 1 << 21
"""Largest number of activations per layer in a batch of images; bounds the memory of a prediction."""


class ImageModel(Model):
    """Classifies images with a network; draws `mc_samples` posterior samples by dropout.

    The dropout masks are drawn from `seed`, not from the generator that `predict` gets: the pool is
    predicted in chunks, and each sample must be one network for all items, so that strategies see
    how the predictions depend on each other. Embeddings are averaged over the views of `tta`, and
    logits with them because they are linear in the embedding. `trained_items` is the number of items
    in the training. `optimizer_state` is for a training that goes on from this model.
    """

    def __init__(
        self,
        network: ImageNetwork,
        mc_samples: int,
        seed: int,
        tta: TTA = "none",
        trained_items: int = 0,
        optimizer_state: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.network = network
        self.mc_samples = mc_samples
        self.seed = seed
        self.tta = tta
        self.trained_items = trained_items
        self.input = ImageInput(network.shape.height, network.shape.width, network.shape.channels)
        self._optimizer_state = optimizer_state or {}
        self._folded = fold_network(network)
        self._dropout = MonteCarloDropout(network, self._folded, mc_samples, seed)

    def predict(self, items: Items, needs: frozenset[Need], rng: np.random.Generator) -> Outputs:  # noqa: ARG002 - above
        """Return float32 probabilities, and embeddings and samples if `needs` names them.

        Raises Unprocessable if the items are not images.
        """
        if not isinstance(items, ImageItems):
            raise Unprocessable("this model predicts images only")
        shape, count = self.network.shape, len(items)
        outputs: dict[str, FloatArray] = {"probabilities": np.empty((count, shape.classes), np.float32)}
        if "embeddings" in needs:
            outputs["embeddings"] = np.empty((count, self.network.embedding), np.float32)
        if "samples" in needs:
            outputs["samples"] = np.empty((self.mc_samples, count, shape.classes), np.float32)
        with torch.inference_mode():
            for rows, images in self._batches(items):
                embeddings = self._embed(images)
                outputs["probabilities"][rows] = self._folded.head(embeddings).softmax(dim=1).numpy()
                if "embeddings" in outputs:
                    outputs["embeddings"][rows] = embeddings.numpy()
                if "samples" in outputs:
                    samples = self._dropout.probabilities(images, embeddings, tta_views(self.tta))
                    for number, probabilities in enumerate(samples):
                        outputs["samples"][number, rows] = probabilities.numpy()
        return Outputs(**outputs)

    def tensors(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return weights and batch-norm statistics, float32."""
        return {
            name: np.ascontiguousarray(tensor.numpy())
            for name, tensor in self.network.state_dict().items()
            if tensor.is_floating_point()
        }

    def training_state(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the state of the optimizer, if the learner stores it."""
        return {name: tensor.numpy() for name, tensor in self._optimizer_state.items()}

    def description(self) -> Mapping[str, Any]:
        """Return what `rebuild` needs besides the weights.

        Checkpoint cards store it, so its keys never change, even if attributes are renamed.
        """
        return {
            "network": self.network.shape.to_json(),
            "draws": self.mc_samples,
            "seed": self.seed,
            "averaging": self.tta,
            "learnt": self.trained_items,
        }

    @classmethod
    def rebuild(cls, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> ImageModel:
        """Return the model with this description and these tensors."""
        network = build_network(Shape.from_json(description["network"]))
        weights = {name: torch.from_numpy(np.array(array)) for name, array in tensors.items()}
        network.load_state_dict(network.state_dict() | weights)
        return cls(
            network.eval(),
            mc_samples=description["draws"],
            seed=description["seed"],
            tta=description["averaging"],
            trained_items=description["learnt"],
        )

    def write_onnx(self, path: Path) -> bool:
        """Write the network and its test-time augmentation as ONNX, with batch norm folded."""
        write_onnx(self._folded, tta_views(self.tta), path)
        return True

    def _embed(self, images: Tensor) -> Tensor:
        first, *others = tta_views(self.tta)
        embeddings = self._folded.embed(first(images)) * first.weight
        for view in others:
            embeddings += self._folded.embed(view(images)) * view.weight
        return embeddings

    def _batches(self, items: ImageItems) -> Iterator[tuple[slice, Tensor]]:
        shape = self.network.shape
        size = max(1, min(4096, MAX_BATCH_NUMBERS // (shape.height * shape.width * shape.filters)))
        for start in range(0, len(items), size):
            rows = slice(start, min(start + size, len(items)))
            batch = items.take(np.arange(rows.start, rows.stop))
            pixels = torch.from_numpy(batch.pixels((shape.height, shape.width), shape.channels))
            yield rows, pixels.permute(0, 3, 1, 2).float()
