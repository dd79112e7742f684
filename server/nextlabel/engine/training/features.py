"""Features that a learner takes from the live checkpoint of another project."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nextlabel.contracts.data import FloatArray, Items
from nextlabel.contracts.errors import ProjectError
from nextlabel.engine.checkpoints.serialization import read_model
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints


def feature_source(services: Services, config: ProjectConfig, items: Items) -> Callable[[], FloatArray] | None:
    """Return a function that computes the features named in the project file, or None if it names none.

    The function returns (n, d) and raises ProjectError if the named project cannot provide them.
    """
    project = config.learner.features_project()
    if project is None:
        return None
    where = f"[learner] features = {config.learner.features!r}"

    def read() -> FloatArray:
        row = services.row(project)
        with services.database.read() as connection:
            live = checkpoints.get(connection, project, row.live) if row.live else None
        if live is None:
            raise ProjectError(f"{where}: project {project!r} has no live checkpoint")
        model = read_model(services.home.at(live.folder), services.registry)[0]
        if not model.inductive:
            raise ProjectError(
                f"{where}: its model knows only the items of project {project!r}; "
                "name a project whose model predicts new content"
            )
        outputs = model.predict(items, frozenset({"embeddings"}), np.random.default_rng(0))
        if outputs.embeddings is None:
            raise ProjectError(f"{where}: its model returns no embeddings")
        if len(outputs.embeddings) != len(items):
            raise ProjectError(
                f"{where}: its model returns embeddings of {len(outputs.embeddings)} items instead of {len(items)}"
            )
        return outputs.embeddings

    return read
