"""Monte Carlo dropout: posterior samples of a network's predictions.

Gal and Ghahramani, "Dropout as a Bayesian approximation", ICML 2016.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from nextlabel_plugins.networks.architectures.network import ImageNetwork
from nextlabel_plugins.networks.inference.bn_folding import fold_layers
from nextlabel_plugins.networks.inference.tta import View


class MonteCarloDropout:
    """Draws samples of `folded`, the form for prediction of `network`; their masks depend on `seed` only.

    So each sample is one network for all items, however they are split into batches. The dropout of
    the embedding is sampled, and that of the trunk which `network.sampled_dropout` names.
    """

    def __init__(self, network: ImageNetwork, folded: ImageNetwork, samples: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.samples = samples
        self._head = folded.head
        self._folded = folded
        self._masks = _masks(samples, network.embedding, network.shape.dropout, generator)
        self._maps: nn.Sequential | None = None
        if network.sampled_dropout is not None:
            before = network.trunk[: network.sampled_dropout]
            convolution = next(layer for layer in reversed(before) if isinstance(layer, nn.Conv2d))
            dropout = network.trunk[network.sampled_dropout]
            assert isinstance(dropout, nn.Dropout2d)
            depth = len(fold_layers(before))
            self._maps, self._rest = folded.trunk[:depth], folded.trunk[depth:]
            self._map_masks = _masks(samples, convolution.out_channels, dropout.p, generator)[:, :, None, None]

    def probabilities(self, images: Tensor, embeddings: Tensor, views: Sequence[View]) -> Iterator[Tensor]:
        """Yield the probabilities (b, C) of `images` (b, c, h, w) for each sample.

        `embeddings` (b, D) are without dropout, and averaged over the `views`.
        """
        maps = None if self._maps is None else [self._maps(self._folded.scale(view(images))) for view in views]
        for sample in range(self.samples):
            if maps is not None:
                mask = self._map_masks[sample]
                embeddings = sum(
                    (self._rest(map_ * mask) * view.weight for map_, view in zip(maps, views, strict=True)),
                    torch.zeros(()),
                )
            yield self._head(embeddings * self._masks[sample]).softmax(dim=1)


def _masks(samples: int, size: int, dropout: float, generator: torch.Generator) -> Tensor:
    """Return the factors (samples, size) that each sample multiplies with."""
    remaining = 1 - dropout
    return (torch.rand(samples, size, generator=generator) < remaining) / remaining
