"""Trainings on a GPU: that no devices are mixed, which can be told without one; and a real one where there is."""

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

from nextlabel_plugins.networks import fitting, proden_fitting
from nextlabel_plugins.networks.augment import Views
from nextlabel_plugins.networks.convnet import ConvNet
from nextlabel_plugins.networks.fitting import Schedule
from nextlabel_plugins.networks.hardware import (
    native_bfloat16,
    own_randomness,
    training_device,
    training_precision,
)
from nextlabel_plugins.networks.kinds import make
from nextlabel_plugins.networks.network import Shape
from nextlabel_plugins.networks.proden_fitting import Data, Recipe

GPU = torch.device("cuda")
RECIPE = {"epochs": 1, "steps": 2, "batch": 32, "rate": 0.1, "decay": 1e-3, "shift": 2, "flip": True, "momentum": 0.3}


class Seen:
    """What stands in for the losses: a number cannot be read from a tensor that is not there."""

    devices: list[str]

    def __init__(self, *_: object) -> None:
        self.total = torch.zeros(())

    def add(self, loss: Tensor) -> None:
        self.total = self.total + loss.detach()
        self.devices.append(self.total.device.type)


class Last:
    """What stands in for the averaged weights: tensors that are not there are not copied."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def add(self, network: nn.Module) -> None:
        self.network = network


def moved(module: nn.Module, move: Callable[[Tensor], Tensor], recurse: object = None) -> nn.Module:
    """Do what `Module._apply` does, which swaps tensors that are there."""
    for child in module.children():
        moved(child, move)
    for name, weight in module._parameters.items():
        if weight is not None:
            module._parameters[name] = nn.Parameter(move(weight.detach()), weight.requires_grad)
    for name, buffer in module._buffers.items():
        if buffer is not None:
            module._buffers[name] = move(buffer)
    return module


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Let trainings run on a GPU that is not there, with tensors that hold nothing; where their losses were."""
    networks: list[nn.Module] = []

    def known(build: Callable[[Shape], nn.Module]) -> Callable[[Shape], nn.Module]:
        return lambda shape: networks.append(build(shape)) or networks[-1]  # type: ignore[func-returns-value]

    def gradients(_: Tensor) -> None:
        for weight in networks[-1].parameters():
            if weight.requires_grad:
                weight.grad = torch.zeros_like(weight)

    for module in (fitting, proden_fitting):
        monkeypatch.setattr(module, "training_device", lambda: GPU)
        monkeypatch.setattr(module, "own_randomness", lambda _: nullcontext())
        monkeypatch.setattr(module, "training_precision", lambda _: nullcontext())
        monkeypatch.setattr(module, "Losses", Seen)
    monkeypatch.setattr(Seen, "devices", [], raising=False)
    monkeypatch.setattr(fitting, "Average", Last)
    monkeypatch.setattr(fitting, "ConvNet", known(ConvNet))
    monkeypatch.setattr(proden_fitting, "make", known(make))
    monkeypatch.setattr(nn.Module, "_apply", moved)
    monkeypatch.setattr(Tensor, "backward", gradients)
    with FakeTensorMode(shape_env=ShapeEnv()):
        with pytest.raises(RuntimeError, match="device"):  # what is told apart here
            _ = torch.ones(2, device=GPU) + torch.ones(2)
        yield Seen.devices


def given() -> tuple[Tensor, Tensor]:
    return torch.randint(0, 256, (40, 32, 32, 3), dtype=torch.uint8), torch.rand(40, 10) < 0.3


@pytest.mark.parametrize("consistency", [False, True])
@pytest.mark.parametrize("kind", ["fast", "mlp", "convnet12", "resnet18"])
def test_progressive_identification_mixes_no_devices(nowhere: list[str], kind: str, consistency: bool) -> None:
    recipe = Recipe(**RECIPE, growth=kind != "mlp", delay=False, consistency=consistency)  # type: ignore[arg-type]
    shape = Shape(32, 32, 3, 10, 16, 0.1, kind)
    network = proden_fitting.train(shape, Data(*given()), recipe, 0, lambda *_: None)
    assert nowhere == ["cuda", "cuda"]
    assert {tensor.device.type for tensor in network.state_dict().values()} == {"cpu"}


@pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")
def test_the_small_network_mixes_no_devices(nowhere: list[str]) -> None:
    images, candidates = given()
    schedule = Schedule(epochs=1, steps=2, batch=16, rate=0.01, decay=0.01, smoothing=0.1, average=0.5)
    views = Views(0.1, 10, 0.1, 0.1, flip=True)
    arguments: Any = (images.permute(0, 3, 1, 2), candidates, views, schedule, 0, lambda *_: None)
    network = fitting.train(Shape(32, 32, 3, 10, 16, 0.1), *arguments)
    assert nowhere == ["cuda"] * 3
    assert {tensor.device.type for tensor in network.state_dict().values()} == {"cpu"}


def test_without_a_gpu_it_is_the_processor() -> None:
    device = training_device()
    assert device.type == "cpu"  # tests hide what there is
    with own_randomness(device), training_precision(device):
        before = torch.initial_seed()
        torch.manual_seed(before + 1)
    assert torch.initial_seed() == before


REAL = """
import sys, torch
from nextlabel_plugins.networks.hardware import training_device
from nextlabel_plugins.networks.proden_fitting import Data, Recipe, train
from nextlabel_plugins.networks.network import Shape
if training_device().type == "cpu":
    sys.exit("no GPU")
torch.manual_seed(0)
truth = torch.arange(400) % 4
images = torch.randint(0, 100, (400, 8, 8, 1), dtype=torch.uint8)
images[torch.arange(400), 2 * truth] += 150
sets = torch.nn.functional.one_hot(truth, 4).bool() | (torch.rand(400, 4) < 0.3)
recipe = Recipe(epochs=2, steps=200, batch=64, rate=0.05, decay=1e-3, shift=0, flip=False, growth=False,
                momentum=0.0, delay=False, consistency=False)
for kind in ("fast", "mlp"):
    network = train(Shape(8, 8, 1, 4, 32, 0.0, kind), Data(images, sets), recipe, 0, lambda *_: None)
    logits = network(images.permute(0, 3, 1, 2).float())
    assert logits.isfinite().all(), kind
print(float((logits.argmax(dim=1) == truth).float().mean()))
"""


def test_a_real_one_learns() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    done = subprocess.run([sys.executable, "-c", REAL], check=False, env=environment, capture_output=True, text=True)
    if done.stderr.strip().endswith("no GPU"):
        pytest.skip("torch finds no GPU on this machine")
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0.9


@pytest.mark.parametrize(
    ("told", "native"),
    [({}, False), ({"avx512_f": True}, False), ({"avx512_bf16": True}, True), ({"neon": True, "bf16": True}, True)],
)
def test_bfloat16_is_used_where_the_processor_has_it(
    told: dict[str, bool], native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told, raising=False)
    assert native_bfloat16() is native
