"""`ImageModel`: probabilities, embeddings and samples, batches, and rebuilding."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nextlabel.contracts import VectorItems
from nextlabel.contracts.errors import Unprocessable
from nextlabel.engine.images.image_items import PixelItems
from nextlabel_plugins.networks.architectures.convnet import ConvNet
from nextlabel_plugins.networks.architectures.mnist_net import MnistNet
from nextlabel_plugins.networks.architectures.network import Shape
from nextlabel_plugins.networks.inference import image_model
from nextlabel_plugins.networks.inference.image_model import ImageModel

EVERYTHING = frozenset({"probabilities", "embeddings", "samples"})


@pytest.fixture
def items() -> PixelItems:
    return PixelItems(np.random.default_rng(0).integers(0, 256, (50, 8, 8), np.uint8))


def model(dropout: float = 0.5, mc_samples: int = 6) -> ImageModel:
    torch.manual_seed(0)
    return ImageModel(ConvNet(Shape(8, 8, 1, 3, 4, dropout)).eval(), mc_samples, seed=5)


def test_samples_do_not_depend_on_the_chunk_of_the_pool(items: PixelItems) -> None:
    whole = model().predict(items, EVERYTHING, np.random.default_rng(0)).samples
    chunk = model().predict(items.take(np.arange(20, 30)), EVERYTHING, np.random.default_rng(9)).samples
    assert whole is not None
    assert whole.shape == (6, 50, 3)
    np.testing.assert_allclose(chunk, whole[:, 20:30], atol=1e-6)
    assert np.ptp(whole, axis=0).max() > 0.01


def test_samples_drop_the_maps_of_the_trunk_too(items: PixelItems) -> None:
    torch.manual_seed(0)
    network = MnistNet(Shape(8, 8, 1, 3, 4, 0.0, "mnist-net")).eval()
    network.scale_inputs_symmetrically()
    few = items.take(np.arange(4))
    images = torch.from_numpy(items.array[:4])[:, None].float()
    outputs = ImageModel(network, 3000, seed=5).predict(few, EVERYTHING, np.random.default_rng(0))
    with torch.no_grad():
        expected = network(images).softmax(dim=1)
        network.trunk[5].train()
        dropped = network(images.repeat_interleave(3000, dim=0)).softmax(dim=1).view(4, 3000, 3)
    np.testing.assert_allclose(outputs.probabilities, expected, atol=1e-5)  # without dropout
    np.testing.assert_allclose(outputs.samples.mean(axis=0), dropped.mean(dim=1), atol=0.0015)
    np.testing.assert_allclose(outputs.samples.std(axis=0), dropped.std(dim=1), atol=0.001)
    assert dropped.std(dim=1).min() > 0.003
    one = ImageModel(network, 3000, seed=5).predict(items.take(np.arange(2, 3)), EVERYTHING, np.random.default_rng(1))
    np.testing.assert_allclose(one.samples, outputs.samples[:, 2:3], atol=1e-6)


def test_without_dropout_all_samples_are_equal(items: PixelItems) -> None:
    outputs = model(dropout=0).predict(items, EVERYTHING, np.random.default_rng(0))
    np.testing.assert_allclose(outputs.samples, np.stack([outputs.probabilities] * 6), atol=1e-6)


def test_only_requested_outputs_are_computed(items: PixelItems) -> None:
    outputs = model().predict(items, frozenset({"embeddings"}), np.random.default_rng(0))
    assert outputs.samples is None
    assert outputs.embeddings is not None
    head = model().network.head
    logits = outputs.embeddings @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    np.testing.assert_allclose(torch.from_numpy(logits).softmax(1), outputs.probabilities, atol=1e-5)


def test_a_large_pool_is_predicted_in_batches(items: PixelItems, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = model().predict(items, EVERYTHING, np.random.default_rng(0))
    monkeypatch.setattr(image_model, "MAX_BATCH_NUMBERS", 8 * 8 * 4 * 7)
    sizes = [rows.stop - rows.start for rows, _ in model()._batches(items)]
    assert sizes == [7] * 7 + [1]
    parts = model().predict(items, EVERYTHING, np.random.default_rng(0))
    np.testing.assert_allclose(parts.probabilities, whole.probabilities, atol=1e-6)
    np.testing.assert_allclose(parts.samples, whole.samples, atol=1e-6)


def test_vectors_are_refused() -> None:
    with pytest.raises(Unprocessable, match="images only"):
        model().predict(VectorItems(np.zeros((2, 3), np.float32)), frozenset(), np.random.default_rng(0))


def test_a_rebuilt_model_is_equal_to_the_bit(items: PixelItems) -> None:
    first = model()
    second = ImageModel.rebuild(first.description(), first.tensors())
    expected, actual = (m.predict(items, EVERYTHING, np.random.default_rng(0)) for m in (first, second))
    for name in EVERYTHING:
        np.testing.assert_array_equal(getattr(actual, name), getattr(expected, name))
