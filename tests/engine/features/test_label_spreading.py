"""Label spreading on features: of a backbone, and of another project's checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from support.engine import SQUARES, ToyProject

from nextlabel.contracts import VectorInput
from nextlabel.engine.checkpoints.serialization import read_model
from nextlabel.engine.project import Project
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.store.checkpoint_files import read_weights

Make = Callable[..., ToyProject]
SPREADING = {"plugin": "label-spreading", "neighbours": 5}


def checked(project: ToyProject, dimensions: int, blob: bytes) -> None:
    """Check what a training has stored, and the prediction of a new image."""
    folder = project.services.home.checkpoint(project.name, "r1")
    model = read_model(folder, project.services.registry)[0]
    assert (model.input, model.fitted) == (VectorInput(dimensions), 30)
    assert read_weights(folder)["pool"].dtype == np.float16  # features are stored in half precision
    (prediction,) = project.project.models.predict_images([blob]).predictions
    assert prediction.label in project.services.row(project.name).classes
    assert len(project.project.queries.create(2).items) == 2


def test_the_items_are_a_backbones_embeddings(make: Make, image: Callable[..., bytes]) -> None:
    tables: dict[str, Any] = {"features": {"plugin": "toy-colour"}, "learner": SPREADING}
    project = make(SQUARES, **tables).import_dataset().train()
    checked(project, 3, image(1))


def test_the_items_are_embeddings_of_another_projects_checkpoint(make: Make, image: Callable[..., bytes]) -> None:
    source = make(SQUARES).import_dataset().train()
    table = {**SQUARES, "name": "other", "features": {"plugin": "checkpoint:toy"}, "learner": SPREADING}
    config = ProjectConfig.model_validate(table)
    configs: Any = source.services.projects.configs
    configs["other"] = config
    other = ToyProject(source.services, Project(source.services, config)).import_dataset().train()
    checked(other, 2, image(1))
