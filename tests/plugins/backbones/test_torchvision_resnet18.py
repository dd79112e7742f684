"""ResNet-18 of torchvision: the graph, through the engine's extraction, against torchvision's own network."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import models, transforms

from nextlabel.contracts.errors import DatasetMissing
from nextlabel.engine.features.sources import Sources
from nextlabel.engine.images.decoding import prepare_whole
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import FeaturesChoice
from nextlabel.store.database import Database
from nextlabel.store.home import Home
from nextlabel.testing import check_backbone
from nextlabel_plugins.backbones.torchvision_resnet18 import TorchvisionResNet18
from nextlabel_plugins.backbones.torchvision_weights import TorchvisionParameters

NAME = "torchvision:resnet18"
FILE = "resnet18-f37072fd.pth"
SIZES = ((300, 224), (224, 300), (500, 375), (90, 60), (224, 224), (231, 640))
"""Width and height of the test's images."""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where torchvision stores weights: empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def network(cache: Path) -> nn.Module:
    """torchvision's network with random weights, which are stored as if they had been downloaded."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = models.resnet18().eval()
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):  # as after a training, so that folding it changes every number
                layer.weight.data.uniform_(0.5, 1.5)
                layer.bias.data.normal_(0, 0.2)
                layer.running_mean.normal_(0, 0.2)
                layer.running_var.uniform_(0.5, 1.5)
    torch.save(network.state_dict(), cache / FILE)
    return network


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Images of several shapes, some smaller and some larger than the network's input."""
    rng, paths = np.random.default_rng(0), []
    for number, (width, height) in enumerate(SIZES):
        small = Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8))
        noise = rng.integers(-20, 21, (height, width, 3))
        smooth = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), np.int64)
        paths.append(tmp_path / f"{number}.{'png' if number % 2 else 'jpg'}")
        Image.fromarray((smooth + noise).clip(0, 255).astype(np.uint8)).save(paths[-1])
    return paths


def by_torch(network: nn.Module, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings and probabilities of an image, as a plain script computes them."""
    scale = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]
    )
    with torch.no_grad():
        features = nn.Sequential(*list(network.children())[:-1])(scale(pixels.copy())[None]).flatten(1)
        return features.numpy()[0], network.fc(features).softmax(dim=1).numpy()[0]


@pytest.mark.slow
def test_the_extraction_computes_what_a_plain_script_does(
    network: nn.Module, photos: list[Path], registry: Registry, tmp_path: Path
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'unused.db'}")
    sources = Sources(database, Home(tmp_path / "home"), registry)
    card = sources.current(FeaturesChoice(plugin=NAME))
    database.dispose()
    assert (card["dimensions"], card["classes"], card["crop"]) == (512, 1000, False)
    assert card["key"].startswith("torchvision_resnet18-")
    embedder = sources.embedder(card)
    contents = [embedder.decode(path, 50_000_000) for path in photos]
    outputs = embedder.embed(contents)
    for row, (width, height) in enumerate(SIZES):
        shorter = min(width, height)
        assert contents[row].shape == (round(224 * height / shorter), round(224 * width / shorter), 3)
        embedding, probabilities = by_torch(network, contents[row])
        assert outputs.embeddings is not None
        assert outputs.probabilities is not None
        np.testing.assert_allclose(outputs.embeddings[row], embedding, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(outputs.probabilities[row], probabilities, rtol=1e-4)
    assert outputs.embeddings.std(axis=0).max() > 0.01  # the images differ


def test_images_are_resized_as_torchvision_does(tmp_path: Path) -> None:
    """The longer side may differ by a pixel: torchvision rounds it down."""
    rng = np.random.default_rng(0)
    for width, height in ((500, 375), (60, 90), (224, 300), (231, 640)):
        image = Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))
        image.save(tmp_path / "image.png")
        ours = prepare_whole(tmp_path / "image.png", 224, 3)
        theirs = np.asarray(transforms.Resize(224, antialias=True)(image))
        rounded = round(224 * max(width, height) / min(width, height))
        assert max(ours.shape) == rounded
        assert rounded - max(theirs.shape) in {0, 1}
        if ours.shape == theirs.shape:
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_the_plugin_passes_its_checks(network: nn.Module, registry: Registry) -> None:
    check_backbone(registry.backbone(NAME))


def test_probabilities_are_optional(network: nn.Module, tmp_path: Path) -> None:
    import onnxruntime

    TorchvisionResNet18(TorchvisionParameters(probabilities=False)).write_onnx(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["embeddings"]


def backbone() -> TorchvisionResNet18:
    return TorchvisionResNet18(TorchvisionParameters())


def test_missing_weights_are_named(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetMissing) as error:
        backbone().write_onnx(tmp_path / "model.onnx")
    assert str(error.value) == (
        f"the weights of torchvision:resnet18 are missing: {cache / FILE}; `nextlabel download PROJECT` downloads them"
    )
    assert not list(cache.iterdir())


@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\3\4 cut off"])
def test_damaged_weights_are_named(cache: Path, tmp_path: Path, content: bytes) -> None:
    (cache / FILE).write_bytes(content)
    with pytest.raises(DatasetMissing, match="cannot be read from") as error:
        backbone().write_onnx(tmp_path / "model.onnx")
    assert str(cache / FILE) in str(error.value)
    assert "\n" not in str(error.value)


def test_weights_of_another_network_are_named(cache: Path, tmp_path: Path) -> None:
    torch.save({"features.0.weight": torch.zeros(3)}, cache / FILE)
    with pytest.raises(DatasetMissing, match=rf"cannot be read from {cache / FILE}: it has no 'conv1.weight'; delete"):
        backbone().write_onnx(tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_a_download_has_a_timeout(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timeouts = []
    record = models.ResNet18_Weights.IMAGENET1K_V1
    monkeypatch.setattr(type(record), "get_state_dict", lambda *_, **__: timeouts.append(socket.getdefaulttimeout()))
    backbone().download()
    assert timeouts == [30.0]


def test_weights_that_are_code_are_not_run(cache: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.mkdir, (tmp_path / "run",)

    torch.save({"conv1.weight": Trap()}, cache / FILE)
    with pytest.raises(DatasetMissing, match="cannot be read from"):
        backbone().write_onnx(tmp_path / "model.onnx")
    assert not (tmp_path / "run").exists()


def served(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """Let torchvision download the weights from a file."""
    record = models.ResNet18_Weights.IMAGENET1K_V1
    monkeypatch.setattr(record, "_value_", type(record.value)(file.as_uri(), record.transforms, record.meta))


def test_weights_are_downloaded_once(
    network: nn.Module, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256((cache / FILE).read_bytes()).hexdigest()
    source = tmp_path / f"resnet18-{digest[:8]}.pth"
    (cache / FILE).rename(source)
    served(monkeypatch, source)
    backbone().download()
    assert [path.name for path in cache.iterdir()] == [source.name]
    source.unlink()
    backbone().download()
    backbone().write_onnx(tmp_path / "model.onnx")


@pytest.mark.parametrize("name", ["nowhere/resnet18-f37072fd.pth", FILE])
def test_a_failed_download_leaves_no_file(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / FILE).write_bytes(b"of another network")
    served(monkeypatch, tmp_path / name)
    with pytest.raises(DatasetMissing, match="cannot be downloaded to") as error:
        backbone().download()
    assert "\n" not in str(error.value)
    assert not list(cache.iterdir())
