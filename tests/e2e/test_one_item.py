"""One item, two annotators who disagree: what each place makes of it is the same set."""

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
"""A learner that keeps what it was given."""
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
    yield LearnerPlugin("recorder", "keeps what it was given", Recorder, Parameters)
'''
PROJECT = """
title = "Recorded digits"
dataset = {plugin = "digits", limit = 300}
learner = {plugin = "recorder"}
labels = {initial = 20}
"""


@pytest.fixture
def recorded(quick: Settings, distribute, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the learner of the default project writes what it is given."""
    plugins, projects = tmp_path / "plugins", tmp_path / "projects"
    projects.mkdir()
    distribute(plugins, "recorder-plugin", recorder="recorder")
    (plugins / "recorder.py").write_text(RECORDER)
    (projects / "recorded.toml").write_text(PROJECT)
    monkeypatch.syspath_prepend(plugins)
    monkeypatch.setenv("NEXTLABEL_PROJECTS", str(projects))
    monkeypatch.setenv("NEXTLABEL_DEFAULT_PROJECT", "recorded")
    monkeypatch.setenv("RECORDED", str(tmp_path / "given.npz"))
    return tmp_path / "given.npz"


def command(*words: str) -> None:
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output


def losses_are_of(places: list[int], candidates: np.ndarray) -> None:
    import torch

    from nextlabel_plugins.networks.training.losses import candidate_loss
    from nextlabel_plugins.networks.training.soft_targets import SoftTargets

    # minus the logarithm of the probability in the set
    logits = np.linspace(-1, 2, candidates.shape[1])
    shares = np.exp(logits) / np.exp(logits).sum()
    sets = torch.from_numpy(candidates)
    loss = candidate_loss(torch.from_numpy(logits)[None], sets).item()
    assert loss == pytest.approx(-math.log(shares[places].sum()), abs=1e-9)

    # progressive identification: equal weights first, then the probabilities within the set
    inside = shares[places] / shares[places].sum()
    targets, views, only = SoftTargets(sets), torch.from_numpy(logits).float()[None, None], torch.tensor([0])
    for weights in (np.full(len(places), 1 / len(places)), inside):
        before, now = targets.weights[only], targets.update(only, views)
        assert before[0, places].numpy() == pytest.approx(weights, abs=1e-6)
        assert before.sum().item() == pytest.approx(1, abs=1e-6)
    entropy = -(inside * np.log(shares[places])).sum()
    assert targets.loss(only, views, now).item() == pytest.approx(entropy, abs=1e-6)


@dataclass
class Told:
    """What a training of `proden` was told: the items it learns from, and what each was held to, visit by visit."""

    pixels: np.ndarray
    candidates: np.ndarray
    weights: dict[int, list[np.ndarray]] = field(default_factory=lambda: defaultdict(list))


def training_of_proden(monkeypatch: pytest.MonkeyPatch, pixels: np.ndarray, candidates: np.ndarray) -> Told:
    from nextlabel.contracts import Targets, Training
    from nextlabel.engine.images.image_items import PixelItems
    from nextlabel_plugins.learners.proden import Proden, ProdenParameters
    from nextlabel_plugins.networks.training import train_proden as train_proden_module
    from nextlabel_plugins.networks.training.soft_targets import SoftTargets

    told = []

    class Noted(SoftTargets):
        def loss(self, rows, logits, weights):
            for row, held_to in zip(rows.tolist(), weights.numpy(), strict=True):
                told[-1].weights[row].append(held_to.copy())
            return super().loss(rows, logits, weights)

    def noted(shape, data, *rest):
        told.append(Told(data.images.numpy(), data.candidates.numpy()))
        return train(shape, data, *rest)

    train = train_proden_module.train_proden
    monkeypatch.setattr(train_proden_module, "SoftTargets", Noted)
    monkeypatch.setattr(train_proden_module, "train_proden", noted)
    learner = Proden(ProdenParameters(network="mlp", filters=8, epochs=2, min_steps=1))
    learner.fit(PixelItems(pixels), Targets(candidates=candidates), Training(0))
    (only,) = told
    return only


DISAGREEING = [
    ("apart", {"ann": ["1"], "bob": ["7"]}, ["1", "7"], "union"),
    ("in part", {"ann": ["1", "7"], "bob": ["4", "7", "9"]}, ["7"], "intersection"),
    ("two each", {"ann": ["1", "7"], "bob": ["4", "9"]}, ["1", "4", "7", "9"], "union"),
]


@pytest.mark.parametrize(
    ("said", "resolved", "how"), [case[1:] for case in DISAGREEING], ids=[c[0] for c in DISAGREEING]
)
def test_what_two_say_of_an_item_is_what_training_sees(recorded, monkeypatch, said, resolved, how):
    command("train", "recorded")
    app = create_app(Settings.from_environment())
    client = app.test_client()
    (item,) = client.get("/query?size=1").get_json()["items"]
    address = f"/items/{item['id']}"
    for annotator, names in said.items():
        label = {"id": item["id"], "candidates": names}
        assert client.post("/labels", json={"annotator": annotator, "labels": [label]}).status_code == 201

    # the store, resolved
    shown = client.get(address).get_json()
    assert shown["candidates"] == resolved
    assert {voice["annotator"]: voice["candidates"] for voice in shown["voices"]} == said

    # the targets the learner is given
    command("train", "recorded")
    given = np.load(recorded)
    image = np.asarray(Image.open(io.BytesIO(client.get(f"{address}/image").data)))
    (row,) = np.flatnonzero((given["pixels"][..., 0] == image).all(axis=(1, 2)))
    classes = client.get("/info").get_json()["projects"][0]["classes"]
    assert [name for name, could in zip(classes, given["candidates"][row], strict=True) if could] == resolved

    # the losses, and a training by the second
    places = [classes.index(name) for name in resolved]
    losses_are_of(places, given["candidates"][row : row + 1])
    told = training_of_proden(monkeypatch, given["pixels"], given["candidates"])
    (place,) = np.flatnonzero((told.pixels == given["pixels"][row]).all(axis=(1, 2, 3)))
    assert [name for name, could in zip(classes, told.candidates[place], strict=True) if could] == resolved
    assert len(told.weights[place]) >= 2
    for weights in told.weights[place]:
        assert set(np.flatnonzero(weights)) == set(places)
        assert weights.sum() == pytest.approx(1, abs=1e-6)

    # its page
    page = client.get(f"/projects/recorded/pool/{item['id']}").get_data(as_text=True)
    words = re.search(r'<h2 id="set">([^<]*)</h2>\s*<p>([^<]*)</p>', page)
    assert words is not None
    assert re.split(r", | or ", words[1]) == resolved
    assert how in words[2]

    # what is exported
    lines = [json.loads(line) for line in client.get("/labels?format=jsonl").get_data(as_text=True).splitlines()]
    assert {row["annotator"]: row["candidates"] for row in lines if row["id"] == item["id"]} == said
    table = csv.DictReader(io.StringIO(client.get("/labels?format=csv").get_data(as_text=True)))
    assert {row["annotator"]: json.loads(row["candidates"]) for row in table if row["id"] == item["id"]} == said
    app.extensions["nextlabel"].services.database.dispose()
    out = recorded.with_name("resolved.csv")
    command("export", "recorded", "--format", "csv", "--resolved", "--out", str(out))
    (found,) = (row for row in csv.DictReader(out.read_text().splitlines()) if row["id"] == item["id"])
    assert json.loads(found["candidates"]) == resolved
