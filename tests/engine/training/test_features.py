"""Features of another project's checkpoint: read where its model can give them, refused where it cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.engine import ToyProject
from support.toy_learners import Linear, Ridge, Table

from nextlabel.contracts import Items, Model, Outputs, Targets, Training
from nextlabel.contracts.errors import NextlabelError
from nextlabel.engine.plugins.registry import Registry
from nextlabel.store import projects

Make = Callable[..., ToyProject]


class Fed(Ridge):
    """Learns from features of another project's checkpoint."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        assert training.features is not None
        assert training.features().shape == (len(items), 3)
        return super().fit(items, targets, training)


def test_features_of_another_projects_checkpoint(
    make: Make, plugged: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make(plugins=plugged(Fed), learner={"features": "checkpoint:toy"}).import_dataset()
    with pytest.raises(NextlabelError, match="has no live checkpoint"):
        project.train()
    with monkeypatch.context() as patch:
        patch.setattr(Fed, "fit", Ridge.fit)
        project.train()
    project.train()
    with project.services.database.read() as connection:
        row = projects.get(connection, "toy")
    assert row is not None
    assert row.live == "r2"
    with pytest.raises(NextlabelError, match='say "checkpoint:<project>"'):
        make(learner={"features": "raw"})


class OfItsPool(Fed):
    """Its models, once written, know only the items they were fitted with."""

    def rebuild(self, description: Any, tensors: Any) -> Model:
        return Table(tensors["weights"])


class Forgetful(Fed):
    """Its models, once written, leave out an item."""

    def rebuild(self, description: Any, tensors: Any) -> Model:
        class Forgetting(Linear):
            def predict(self, items: Items, needs: frozenset[str], rng: np.random.Generator) -> Outputs:
                said = super().predict(items, needs, rng)
                return said if said.embeddings is None else replace(said, embeddings=said.embeddings[1:])

        model = super().rebuild(description, tensors)
        return Forgetting(tensors["weights"], model.input)


@pytest.mark.parametrize(
    ("learner", "error"),
    [
        (OfItsPool, "its model knows only the items of project 'toy'; name a project whose model predicts new content"),
        (Forgetful, "its model returns embeddings of 47 items instead of 48"),
    ],
)
def test_features_of_a_model_that_cannot_give_them(
    make: Make,
    plugged: Callable[..., Registry],
    monkeypatch: pytest.MonkeyPatch,
    learner: type[Fed],
    error: str,
) -> None:
    project = make(plugins=plugged(learner), learner={"features": "checkpoint:toy"}).import_dataset()
    with monkeypatch.context() as patch:
        patch.setattr(learner, "fit", Ridge.fit)
        project.train()
    with pytest.raises(NextlabelError, match=error):
        project.train()
