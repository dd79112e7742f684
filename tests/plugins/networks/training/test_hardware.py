"""Training on a GPU: tensors of two devices never meet, checked without a GPU; and on a real one if there is one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from nextlabel_plugins.networks.architectures.factory import build_network
from nextlabel_plugins.networks.architectures.network import Shape
from nextlabel_plugins.networks.training import hardware, train_cnn, train_proden
from nextlabel_plugins.networks.training.augment import RandomAffine
from nextlabel_plugins.networks.training.hardware import (
    native_bfloat16,
    preserve_rng_state,
    training_device,
    training_precision,
)
from nextlabel_plugins.networks.training.train_cnn import CNNConfig
from nextlabel_plugins.networks.training.train_proden import ProdenConfig, TrainingData

GPU = torch.device("cuda")
CONFIG = {
    "epochs": 1,
    "min_steps": 2,
    "batch_size": 32,
    "learning_rate": 0.1,
    "weight_decay": 1e-3,
    "shift": 2,
    "flip": True,
    "target_momentum": 0.3,
}


class DeviceRecorder:
    """Replaces the loss meter, which would read a number: fake tensors hold none."""

    devices: list[str]

    def __init__(self, *_: object) -> None:
        self.total = torch.zeros(())

    def add(self, loss: Tensor) -> None:
        self.total = self.total + loss.detach()
        self.devices.append(self.total.device.type)


class LastWeights:
    """Replaces the averaged weights: fake tensors cannot be copied."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def add(self, network: nn.Module) -> None:
        self.network = network


def move_module(module: nn.Module, move: Callable[[Tensor], Tensor], recurse: object = None) -> nn.Module:
    """Replace `Module._apply`, which cannot swap fake tensors."""
    for child in module.children():
        move_module(child, move)
    for name, weight in module._parameters.items():
        if weight is not None:
            module._parameters[name] = nn.Parameter(move(weight.detach()), weight.requires_grad)
    for name, buffer in module._buffers.items():
        if buffer is not None:
            module._buffers[name] = move(buffer)
    return module


@pytest.fixture
def loss_devices(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Let trainings run on a fake GPU with fake tensors; yield the list of the devices of their losses."""
    networks: list[nn.Module] = []

    def recording(build: Callable[[Shape], nn.Module]) -> Callable[[Shape], nn.Module]:
        return lambda shape: networks.append(build(shape)) or networks[-1]  # type: ignore[func-returns-value]

    def set_zero_gradients(_: Tensor) -> None:
        for weight in networks[-1].parameters():
            if weight.requires_grad:
                weight.grad = torch.zeros_like(weight)

    for module in (train_cnn, train_proden):
        monkeypatch.setattr(module, "training_device", lambda: GPU)
        monkeypatch.setattr(module, "preserve_rng_state", lambda _: nullcontext())
        monkeypatch.setattr(module, "LossMeter", DeviceRecorder)
        monkeypatch.setattr(module, "build_network", recording(build_network))
    monkeypatch.setattr(hardware, "training_precision", lambda _: nullcontext())
    monkeypatch.setattr(DeviceRecorder, "devices", [], raising=False)
    monkeypatch.setattr(train_cnn, "WeightAverage", LastWeights)
    monkeypatch.setattr(nn.Module, "_apply", move_module)
    monkeypatch.setattr(Tensor, "backward", set_zero_gradients)
    with FakeTensorMode(shape_env=ShapeEnv()):
        with pytest.raises(RuntimeError, match="device"):  # the error that a mix of devices raises
            _ = torch.ones(2, device=GPU) + torch.ones(2)
        yield DeviceRecorder.devices


def random_data() -> tuple[Tensor, Tensor]:
    return torch.randint(0, 256, (40, 32, 32, 3), dtype=torch.uint8), torch.rand(40, 10) < 0.3


@pytest.mark.parametrize("consistency", [False, True])
@pytest.mark.parametrize("kind", ["fast", "mlp", "convnet12", "resnet18"])
def test_proden_mixes_no_devices(loss_devices: list[str], kind: str, consistency: bool) -> None:
    config = ProdenConfig(
        **CONFIG,
        progressive_resize=kind != "mlp",
        delayed_targets=False,
        consistency=consistency,  # type: ignore[arg-type]
    )
    shape = Shape(32, 32, 3, 10, 16, 0.1, kind)
    network = train_proden.train_proden(shape, TrainingData(*random_data()), config, 0, lambda *_: None)
    assert loss_devices == ["cuda", "cuda"]
    assert {tensor.device.type for tensor in network.state_dict().values()} == {"cpu"}


@pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")
def test_cnn_mixes_no_devices(loss_devices: list[str]) -> None:
    images, candidates = random_data()
    config = CNNConfig(
        epochs=1,
        min_steps=2,
        batch_size=16,
        learning_rate=0.01,
        weight_decay=0.01,
        label_smoothing=0.1,
        weight_averaging=0.5,
    )
    augment = RandomAffine(0.1, 10, 0.1, 0.1, flip=True)
    arguments: Any = (images.permute(0, 3, 1, 2), candidates, augment, config, 0, lambda *_: None)
    network = train_cnn.train_cnn(Shape(32, 32, 3, 10, 16, 0.1), *arguments).network
    assert loss_devices == ["cuda"] * 3
    assert {tensor.device.type for tensor in network.state_dict().values()} == {"cpu"}


def test_without_a_gpu_the_cpu_is_used() -> None:
    device = training_device()
    assert device.type == "cpu"  # tests hide the GPUs
    with preserve_rng_state(device), training_precision(device):
        before = torch.initial_seed()
        torch.manual_seed(before + 1)
    assert torch.initial_seed() == before


REAL = """
import sys, torch
from nextlabel_plugins.networks.training.hardware import training_device
from nextlabel_plugins.networks.training.train_proden import ProdenConfig, TrainingData, train_proden
from nextlabel_plugins.networks.architectures.network import Shape
if training_device().type == "cpu":
    sys.exit("no GPU")
torch.manual_seed(0)
truth = torch.arange(400) % 4
images = torch.randint(0, 100, (400, 8, 8, 1), dtype=torch.uint8)
images[torch.arange(400), 2 * truth] += 150
sets = torch.nn.functional.one_hot(truth, 4).bool() | (torch.rand(400, 4) < 0.3)
config = ProdenConfig(epochs=2, min_steps=200, batch_size=64, learning_rate=0.05, weight_decay=1e-3, shift=0,
                      flip=False, progressive_resize=False, target_momentum=0.0, delayed_targets=False,
                      consistency=False)
for kind in ("fast", "mlp"):
    data = TrainingData(images, sets)
    network = train_proden(Shape(8, 8, 1, 4, 32, 0.0, kind), data, config, 0, lambda *_: None)
    logits = network(images.permute(0, 3, 1, 2).float())
    assert logits.isfinite().all(), kind
print(float((logits.argmax(dim=1) == truth).float().mean()))
"""


def test_training_on_a_real_gpu_learns() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    done = subprocess.run([sys.executable, "-c", REAL], check=False, env=environment, capture_output=True, text=True)
    if done.stderr.strip().endswith("no GPU"):
        pytest.skip("torch finds no GPU on this machine")
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0.9


@pytest.mark.parametrize(
    ("capabilities", "native"),
    [({}, False), ({"avx512_f": True}, False), ({"avx512_bf16": True}, True), ({"neon": True, "bf16": True}, True)],
)
def test_bfloat16_is_native_if_the_cpu_has_an_instruction_for_it(
    capabilities: dict[str, bool], native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert native_bfloat16() is native
