"""A trained network as the model the engine keeps, scores the pool with and serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nextlabel.contracts import FloatArray, ImageInput, ImageItems, Items, Model, Need, Outputs
from nextlabel.contracts.errors import Unprocessable
from nextlabel_plugins.networks.averaging import Averaging, views
from nextlabel_plugins.networks.kinds import make
from nextlabel_plugins.networks.network import ImageNetwork, Shape
from nextlabel_plugins.networks.onnx_graph import write_onnx

CELLS = 1 << 21
"""Numbers of a batch of images: what bounds the memory a prediction takes."""


class ImageModel(Model):
    """Predicts images with a network; `draws` posterior samples by dropout of the embedding.

    The draws come from `seed` and not from the generator given with each piece of the pool:
    a draw is one network, and has to be the same one for every item for a strategy to see
    how their answers hang together. Embeddings are averaged over the views `averaging` names,
    which averages the logits too: they are linear in the embedding. `learnt` counts the items it
    was trained on.
    """

    def __init__(
        self, network: ImageNetwork, draws: int, seed: int, averaging: Averaging = "none", learnt: int = 0
    ) -> None:
        self.network = network
        self.draws = draws
        self.seed = seed
        self.averaging = averaging
        self.learnt = learnt
        self.input = ImageInput(network.shape.height, network.shape.width, network.shape.channels)
        self._folded = network.folded()

    def predict(self, items: Items, needs: frozenset[Need], rng: np.random.Generator) -> Outputs:  # noqa: ARG002 - above
        """Return probabilities, embeddings and samples, float32, as asked."""
        if not isinstance(items, ImageItems):
            raise Unprocessable("this model answers images only")
        shape, count = self.network.shape, len(items)
        out: dict[str, FloatArray] = {"probabilities": np.empty((count, shape.classes), np.float32)}
        if "embeddings" in needs:
            out["embeddings"] = np.empty((count, self.network.embedding), np.float32)
        if "samples" in needs:
            out["samples"] = np.empty((self.draws, count, shape.classes), np.float32)
        masks = self._masks()
        with torch.inference_mode():
            for rows, images in self._batches(items):
                embeddings = self._embed(images)
                out["probabilities"][rows] = self._folded.head(embeddings).softmax(dim=1).numpy()
                if "embeddings" in out:
                    out["embeddings"][rows] = embeddings.numpy()
                if "samples" in out:
                    for draw, mask in enumerate(masks):
                        out["samples"][draw, rows] = self._folded.head(embeddings * mask).softmax(dim=1).numpy()
        return Outputs(**out)

    def tensors(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return weights and statistics, float32."""
        return {
            name: np.ascontiguousarray(tensor.numpy())
            for name, tensor in self.network.state_dict().items()
            if tensor.is_floating_point()
        }

    def description(self) -> Mapping[str, Any]:
        """Return what `rebuild` needs beside the weights."""
        return {
            "network": self.network.shape.to_json(),
            "draws": self.draws,
            "seed": self.seed,
            "averaging": self.averaging,
            "learnt": self.learnt,
        }

    @classmethod
    def rebuild(cls, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> ImageModel:
        """Return the model that gave these."""
        network = make(Shape.from_json(description["network"]))
        weights = {name: torch.from_numpy(np.array(array)) for name, array in tensors.items()}
        network.load_state_dict(network.state_dict() | weights)
        rest = (description[name] for name in ("draws", "seed", "averaging", "learnt"))
        return cls(network.eval(), *rest)

    def write_onnx(self, path: Path) -> bool:
        """Write the network, its views and what averages them, batch normalisation folded away."""
        write_onnx(self._folded, views(self.averaging), path)
        return True

    def _embed(self, images: Tensor) -> Tensor:
        chosen = views(self.averaging)
        embeddings = self._folded.embed(chosen[0](images)) * chosen[0].weight
        for view in chosen[1:]:
            embeddings += self._folded.embed(view(images)) * view.weight
        return embeddings

    def _batches(self, items: ImageItems) -> Iterator[tuple[slice, Tensor]]:
        shape = self.network.shape
        step = max(1, min(4096, CELLS // (shape.height * shape.width * shape.filters)))
        for start in range(0, len(items), step):
            rows = slice(start, min(start + step, len(items)))
            some = items.take(np.arange(rows.start, rows.stop))
            pixels = torch.from_numpy(some.pixels((shape.height, shape.width), shape.channels))
            yield rows, pixels.permute(0, 3, 1, 2).float()

    def _masks(self) -> Tensor:
        """Return what each draw multiplies the embedding with, (draws, D)."""
        keep = 1 - self.network.shape.dropout
        generator = torch.Generator().manual_seed(self.seed)
        return (torch.rand(self.draws, self.network.embedding, generator=generator) < keep) / keep
