"""`photos-reference` trains as a plain torch script of PRODEN; a killed training goes on to the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nextlabel.contracts import Targets, Training
from nextlabel.engine.images.image_items import PixelItems
from nextlabel.engine.plugins.parameters import validate
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import load_projects
from nextlabel_plugins.learners import proden
from nextlabel_plugins.learners.proden import Proden, ProdenParameters
from nextlabel_plugins.networks.inference.image_model import ImageModel
from nextlabel_plugins.networks.training import hardware, resume

ROWS, SIDE, CLASSES, FILTERS, BATCH, EPOCHS, STEP_SIZE = 320, 16, 4, 8, 32, 5, 2
UPDATES = ROWS // BATCH * EPOCHS
SEED = 3

rng = np.random.default_rng(0)
TRUTH = np.arange(ROWS) % CLASSES
IMAGES = rng.integers(0, 200, (ROWS, SIDE, SIDE, 3), np.uint8)
IMAGES[np.arange(ROWS), :, :, TRUTH % 3] += (20 + 10 * TRUTH)[:, None, None].astype(np.uint8)
SETS = (rng.random((ROWS, CLASSES)) < 0.4) | np.eye(CLASSES, dtype=np.bool_)[TRUTH]
SETS[np.arange(ROWS), (TRUTH + 1) % CLASSES] = False  # a set of all classes is no label


@pytest.fixture
def settings(registry: Registry) -> dict[str, Any]:
    """The parameters of `photos-reference`, for few small images."""
    own = load_projects(registry, None).get("photos-reference").learner.parameters
    return {**own, "epochs": EPOCHS, "filters": FILTERS, "batch_size": BATCH, "step_size": STEP_SIZE}


def train(settings: dict[str, Any], **training: Any) -> list[Tensor]:
    """Return the floating-point tensors of the network that the learner trains."""
    learner = Proden(validate(ProdenParameters, settings, "[learner]"))
    model = learner.fit(PixelItems(IMAGES), Targets(candidates=SETS), Training(SEED, **training))
    assert isinstance(model, ImageModel)
    tensors = {name: tensor for name, tensor in model.network.state_dict().items() if name not in ("mean", "std")}
    return [tensor for tensor in tensors.values() if tensor.is_floating_point()]


def script() -> list[Tensor]:
    """Train as PRODEN's program does, with torch alone; return the weights and the statistics of the batch norms."""
    torch.manual_seed(SEED)
    layers: list[nn.Module] = []
    inputs = 3
    plan = [(1, 3, 1)] * 3 + [(2, 3, 1)] * 3 + [(4, 3, 0), (2, 1, 0), (1, 1, 0)]
    for number, (width, kernel, padding) in enumerate(plan):
        layers += [nn.Conv2d(inputs, width * FILTERS, kernel, padding=padding, bias=False)]
        layers += [nn.BatchNorm2d(width * FILTERS), nn.LeakyReLU(0.1)]
        inputs = width * FILTERS
        if number in (2, 5):
            layers += [nn.MaxPool2d(2), nn.Dropout2d(0.25)]
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(FILTERS, CLASSES))
    x = torch.tensor(IMAGES).permute(0, 3, 1, 2).float()
    x = (x - x.mean(dim=(0, 2, 3), keepdim=True)) / x.std(dim=(0, 2, 3), keepdim=True, correction=0)
    s = torch.tensor(SETS).float()
    w = s / s.sum(dim=1, keepdim=True)
    sgd = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-3)
    fall = torch.optim.lr_scheduler.StepLR(sgd, STEP_SIZE, 0.9)
    for _ in range(EPOCHS):
        for rows in torch.randperm(ROWS).split(BATCH):
            logits = net(x[rows])
            loss = -(w[rows] * torch.log_softmax(logits, dim=1)).sum(dim=1).mean()
            sgd.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            sgd.step()
            p = torch.softmax(logits.detach(), dim=1) * s[rows]
            w[rows] = p / p.sum(dim=1, keepdim=True)
        fall.step()
    return [tensor for tensor in net.state_dict().values() if tensor.is_floating_point()]


def difference(first: list[Tensor], second: list[Tensor]) -> float:
    """Return the largest difference of two numbers at the same place."""
    return max(float((a - b).abs().max()) for a, b in zip(first, second, strict=True))


def test_fifty_updates_equal_those_of_a_plain_script(
    settings: dict[str, Any], one_thread: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "native_bfloat16", lambda: False)
    assert UPDATES == 50
    expected = script()
    assert difference(train(settings), expected) < 1e-4
    for changed in ({"delayed_targets": False}, {"nesterov": True}, {"gamma": 0.8}):
        assert difference(train({**settings, **changed}), expected) > 1e-3, changed


STRONGER = {"network": "fast", "consistency": True, "progressive_resize": True, "flip": True, "target_momentum": 0.5}


@pytest.mark.parametrize("changed", [{}, STRONGER])
def test_a_killed_training_goes_on_to_the_same_weights(
    settings: dict[str, Any],
    changed: dict[str, Any],
    one_thread: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class KilledError(Exception):
        pass

    def kill(share: float, _: object) -> None:
        if share > 0.5:
            raise KilledError

    settings = {**settings, **changed}
    expected = train(settings)
    monkeypatch.setattr(resume, "SAVE_EVERY", 0.0)
    with pytest.raises(KilledError):
        train(settings, progress=kill, folder=tmp_path)
    shares: list[float] = []
    resumed = train(settings, progress=lambda share, _: shares.append(share), folder=tmp_path)
    assert "training resumes after " in capsys.readouterr().out
    assert min(share for share in shares if share > proden._READ) > 0.5  # the images are read again
    assert difference(resumed, expected) == 0
