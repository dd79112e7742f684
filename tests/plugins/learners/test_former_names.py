"""Former parameter names: project files get a message with the new name, checkpoints still load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nextlabel.contracts import Learner, Targets, Training
from nextlabel.contracts.errors import ProjectError
from nextlabel.engine.checkpoints.serialization import read_model
from nextlabel.engine.images.image_items import PixelItems
from nextlabel.engine.plugins.parameters import build, validate
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import load_projects
from nextlabel.store.checkpoint_files import write_card, write_weights

FORMER: dict[str, dict[str, tuple[str, Any]]] = {
    "cnn": {
        "steps": ("min_steps", 3),
        "batch": ("batch_size", 4),
        "size": ("image_size", 8),
        "rate": ("learning_rate", 0.01),
        "decay": ("weight_decay", 0.1),
        "smoothing": ("label_smoothing", 0.1),
        "average": ("weight_averaging", 0.5),
        "turn": ("rotation", 5.0),
        "draws": ("mc_samples", 3),
    },
    "proden": {
        "steps": ("min_steps", 3),
        "batch": ("batch_size", 4),
        "rate": ("learning_rate", 0.01),
        "decay": ("weight_decay", 0.1),
        "size": ("image_size", 8),
        "growth": ("progressive_resize", True),
        "momentum": ("target_momentum", 0.1),
        "delay": ("delayed_targets", True),
        "averaging": ("tta", "flip"),
        "unlabelled": ("use_unlabelled", True),
        "restart": ("warm_start_lr_factor", 0.5),
        "draws": ("mc_samples", 3),
    },
}
"""For each learner, the former names with their current names and a value."""


@pytest.mark.parametrize("learner", FORMER)
def test_every_former_name_is_refused_with_the_current_one(registry: Registry, learner: str) -> None:
    parameters = registry.learner(learner).parameters
    for former, (current, value) in FORMER[learner].items():
        with pytest.raises(ProjectError) as refused:
            validate(parameters, {former: value}, "[learner]")
        assert str(refused.value) == f"[learner] {former}: renamed to {current}"
        assert getattr(validate(parameters, {current: value}, "[learner]"), current) == value


def test_a_project_file_with_former_names_gets_one_line(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "old.toml").write_text(
        '[dataset]\nplugin = "digits"\n[learner]\nplugin = "cnn"\nrate = 0.1\nturn = 5.0\n'
    )
    fault = load_projects(registry, tmp_path).faults["old"]
    assert fault == (
        "project 'old' (old.toml): [learner] rate: renamed to learning_rate; [learner] turn: renamed to rotation"
    )


@pytest.mark.parametrize("learner", FORMER)
def test_a_checkpoint_with_former_names_loads_and_predicts(registry: Registry, learner: str, tmp_path: Path) -> None:
    record = registry.learner(learner)
    current = {"epochs": 1, "filters": 4, **dict(FORMER[learner].values())}
    former = {"epochs": 1, "filters": 4, **{name: value for name, (_, value) in FORMER[learner].items()}}
    made: Learner[Any] = build(record, current, "[learner]")
    rng = np.random.default_rng(0)
    items = PixelItems(rng.integers(0, 256, (12, 8, 8), np.uint8))
    model = made.fit(items, Targets(candidates=np.eye(3, dtype=np.bool_)[np.arange(12) % 3]), Training(0))
    description = model.description()
    # the keys of a description are part of the file format
    assert set(description) == {"network", "draws", "seed", "averaging", "learnt"}
    assert set(description["network"]) == {"height", "width", "channels", "classes", "filters", "dropout", "kind"}
    write_weights(tmp_path, dict(model.tensors()))
    write_card(tmp_path, {"learner": {"plugin": learner, "parameters": former}, "description": description})
    loaded, _ = read_model(tmp_path, registry)
    needs = frozenset({"samples", "embeddings"})
    expected, actual = (m.predict(items, needs, np.random.default_rng(0)) for m in (model, loaded))
    for output in ("probabilities", "samples", "embeddings"):
        np.testing.assert_array_equal(getattr(actual, output), getattr(expected, output))
