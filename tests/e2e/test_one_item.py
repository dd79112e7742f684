"""One item, two annotators who disagree: store, training, page and export use the same candidate set."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from nextlabel.app import create_app
from nextlabel.cli.main_group import cli
from nextlabel.engine.settings import Settings

RECORDER = '''
"""A learner that records its input."""
import os
import numpy as np
from nextlabel.contracts import LearnerPlugin, hookimpl
from nextlabel_nearest.learner import NearestLearner, Parameters

class Recorder(NearestLearner):
    def fit(self, items, targets, training):
        np.savez(os.environ["RECORDED"], pixels=items.pixels(items.size, 1), candidates=targets.candidates)
        return super().fit(items, targets, training)

@hookimpl
def nextlabel_learners():
    yield LearnerPlugin("recorder", "records its input", Recorder, Parameters)
'''
PROJECT = """
title = "Recorded digits"
dataset = {plugin = "digits", limit = 300}
learner = {plugin = "recorder"}
labels = {initial = 20}
"""


@pytest.fixture
def recorded(quick: Settings, distribute, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the learner of the default project records its input."""
    plugins, projects = tmp_path / "plugins", tmp_path / "projects"
    projects.mkdir()
    distribute(plugins, "recorder-plugin", recorder="recorder")
    (plugins / "recorder.py").write_text(RECORDER)
    (projects / "recorded.toml").write_text(PROJECT)
    monkeypatch.syspath_prepend(plugins)
    monkeypatch.setenv("NEXTLABEL_PROJECTS", str(projects))
    monkeypatch.setenv("NEXTLABEL_DEFAULT_PROJECT", "recorded")
    monkeypatch.setenv("RECORDED", str(tmp_path / "inputs.npz"))
    return tmp_path / "inputs.npz"


def command(*words: str) -> None:
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output


def check_losses(classes: list[int], candidates: np.ndarray) -> None:
    import torch

    from nextlabel_plugins.networks.training.losses import candidate_loss
    from nextlabel_plugins.networks.training.soft_targets import SoftTargets

    # minus the logarithm of the probability in the set
    logits = np.linspace(-1, 2, candidates.shape[1])
    shares = np.exp(logits) / np.exp(logits).sum()
    sets = torch.from_numpy(candidates)
    loss = candidate_loss(torch.from_numpy(logits)[None], sets).item()
    assert loss == pytest.approx(-math.log(shares[classes].sum()), abs=1e-9)

    # progressive identification: equal weights first, then the probabilities within the set
    inside = shares[classes] / shares[classes].sum()
    targets, views, first = SoftTargets(sets), torch.from_numpy(logits).float()[None, None], torch.tensor([0])
    for weights in (np.full(len(classes), 1 / len(classes)), inside):
        before, now = targets.weights[first], targets.update(first, views)
        assert before[0, classes].numpy() == pytest.approx(weights, abs=1e-6)
        assert before.sum().item() == pytest.approx(1, abs=1e-6)
    entropy = -(inside * np.log(shares[classes])).sum()
    assert targets.loss(first, views, now).item() == pytest.approx(entropy, abs=1e-6)


@dataclass
class Recording:
    """The input of a training of `proden`: the items, and the target weights of each, visit by visit."""

    pixels: np.ndarray
    candidates: np.ndarray
    weights: dict[int, list[np.ndarray]] = field(default_factory=lambda: defaultdict(list))


def training_of_proden(monkeypatch: pytest.MonkeyPatch, pixels: np.ndarray, candidates: np.ndarray) -> Recording:
    from nextlabel.contracts import Targets, Training
    from nextlabel.engine.images.image_items import PixelItems
    from nextlabel_plugins.learners.proden import Proden, ProdenParameters
    from nextlabel_plugins.networks.training import train_proden as train_proden_module
    from nextlabel_plugins.networks.training.soft_targets import SoftTargets

    recordings = []

    class RecordedTargets(SoftTargets):
        def loss(self, rows, logits, weights):
            for row, target in zip(rows.tolist(), weights.numpy(), strict=True):
                recordings[-1].weights[row].append(target.copy())
            return super().loss(rows, logits, weights)

    def recorded_train(shape, data, *rest):
        recordings.append(Recording(data.images.numpy(), data.candidates.numpy()))
        return train(shape, data, *rest)

    train = train_proden_module.train_proden
    monkeypatch.setattr(train_proden_module, "SoftTargets", RecordedTargets)
    monkeypatch.setattr(train_proden_module, "train_proden", recorded_train)
    learner = Proden(ProdenParameters(network="mlp", filters=8, epochs=2, min_steps=1))
    learner.fit(PixelItems(pixels), Targets(candidates=candidates), Training(0))
    (recording,) = recordings
    return recording


DISAGREEING = [
    ("apart", {"ann": ["1"], "bob": ["7"]}, ["1", "7"], "union"),
    ("in part", {"ann": ["1", "7"], "bob": ["4", "7", "9"]}, ["7"], "intersection"),
    ("two each", {"ann": ["1", "7"], "bob": ["4", "9"]}, ["1", "4", "7", "9"], "union"),
]


@pytest.mark.parametrize(
    ("labels", "resolved", "how"), [case[1:] for case in DISAGREEING], ids=[c[0] for c in DISAGREEING]
)
def test_two_annotators_labels_reach_training_page_and_export(recorded, monkeypatch, labels, resolved, how):
    command("train", "recorded")
    app = create_app(Settings.from_environment())
    client = app.test_client()
    (item,) = client.get("/query?size=1").get_json()["items"]
    address = f"/items/{item['id']}"
    for annotator, names in labels.items():
        label = {"id": item["id"], "candidates": names}
        assert client.post("/labels", json={"annotator": annotator, "labels": [label]}).status_code == 201

    # the store, resolved
    shown = client.get(address).get_json()
    assert shown["candidates"] == resolved
    assert {voice["annotator"]: voice["candidates"] for voice in shown["voices"]} == labels

    # the targets that the learner gets
    command("train", "recorded")
    inputs = np.load(recorded)
    image = np.asarray(Image.open(io.BytesIO(client.get(f"{address}/image").data)))
    (row,) = np.flatnonzero((inputs["pixels"][..., 0] == image).all(axis=(1, 2)))
    classes = client.get("/info").get_json()["projects"][0]["classes"]
    assert [
        name for name, is_candidate in zip(classes, inputs["candidates"][row], strict=True) if is_candidate
    ] == resolved

    # both losses, and a training with the second
    indices = [classes.index(name) for name in resolved]
    check_losses(indices, inputs["candidates"][row : row + 1])
    recording = training_of_proden(monkeypatch, inputs["pixels"], inputs["candidates"])
    (item_row,) = np.flatnonzero((recording.pixels == inputs["pixels"][row]).all(axis=(1, 2, 3)))
    assert [
        name for name, is_candidate in zip(classes, recording.candidates[item_row], strict=True) if is_candidate
    ] == resolved
    assert len(recording.weights[item_row]) >= 2
    for weights in recording.weights[item_row]:
        assert set(np.flatnonzero(weights)) == set(indices)
        assert weights.sum() == pytest.approx(1, abs=1e-6)

    # its page
    page = client.get(f"/projects/recorded/pool/{item['id']}").get_data(as_text=True)
    match = re.search(r'<h2 id="resolved-label">([^<]*)</h2>\s*<p>([^<]*)</p>', page)
    assert match is not None
    assert re.split(r", | or ", match[1]) == resolved
    assert how in match[2]

    # the exports
    lines = [json.loads(line) for line in client.get("/labels?format=jsonl").get_data(as_text=True).splitlines()]
    assert {row["annotator"]: row["candidates"] for row in lines if row["id"] == item["id"]} == labels
    table = csv.DictReader(io.StringIO(client.get("/labels?format=csv").get_data(as_text=True)))
    assert {row["annotator"]: json.loads(row["candidates"]) for row in table if row["id"] == item["id"]} == labels
    app.extensions["nextlabel"].services.database.dispose()
    out = recorded.with_name("resolved.csv")
    command("export", "recorded", "--format", "csv", "--resolved", "--out", str(out))
    (exported,) = (row for row in csv.DictReader(out.read_text().splitlines()) if row["id"] == item["id"])
    assert json.loads(exported["candidates"]) == resolved
