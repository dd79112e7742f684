"""The projects `mnist-autoencoder` and `mnist-autoencoder-pool` have the settings of the program that they repeat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nextlabel.engine.plugins.parameters import validate
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import ProjectConfig, load_projects, read_project
from nextlabel.testing import check_project
from nextlabel_plugins.learners.autoencoder import AutoencoderParameters

WITHOUT = Path(__file__).parents[3] / "docs" / "examples" / "mnist-autoencoder-without.toml"


def check(project: ProjectConfig, **changed: Any) -> None:
    expected: dict[str, Any] = {
        "codes": 32,
        "pretrain_items": 10_000,
        "pretrain_epochs": 50,
        "pretrain_batch_size": 256,
        "epochs": 20,
        "batch_size": 32,
        "learning_rate": 1e-3,
    }
    assert (project.dataset.plugin, project.learner.plugin) == ("mnist", "autoencoder")
    assert (project.labels.initial, project.labels.holdout, project.simulate.rounds) == (1000, 0, 0)
    assert validate(AutoencoderParameters, project.learner.parameters, "[learner]") == AutoencoderParameters(
        **expected | changed
    )


@pytest.mark.parametrize(("name", "items"), [("mnist-autoencoder", 10_000), ("mnist-autoencoder-pool", 0)])
def test_the_settings(registry: Registry, name: str, items: int) -> None:
    check_project(registry.projects[name].record, registry)
    check(load_projects(registry, None).get(name), pretrain_items=items)


def test_the_classifier_without_pretraining_is_the_same(registry: Registry) -> None:
    check(read_project(WITHOUT.stem, WITHOUT, registry), pretrain_epochs=0)
