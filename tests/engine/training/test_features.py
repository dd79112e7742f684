"""Features from another project's checkpoint."""

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


class FeatureRidge(Ridge):
    """Reads features of another project's checkpoint."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        assert training.features is not None
        assert training.features().shape == (len(items), 3)
        return super().fit(items, targets, training)


def test_features_are_read_from_the_live_checkpoint(
    make: Make, plugged: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make(plugins=plugged(FeatureRidge), learner={"features": "checkpoint:toy"}).import_dataset()
    with pytest.raises(NextlabelError, match="has no live checkpoint"):
        project.train()
    with monkeypatch.context() as patch:
        patch.setattr(FeatureRidge, "fit", Ridge.fit)
        project.train()
    project.train()
    with project.services.database.read() as connection:
        row = projects.get(connection, "toy")
    assert row is not None
    assert row.live == "r2"
    with pytest.raises(NextlabelError, match='write "checkpoint:<project>"'):
        make(learner={"features": "raw"})


class Transductive(FeatureRidge):
    """Its models are transductive once they are rebuilt."""

    def rebuild(self, description: Any, tensors: Any) -> Model:
        return Table(tensors["weights"])


class OneTooFew(FeatureRidge):
    """Its models leave out one item once they are rebuilt."""

    def rebuild(self, description: Any, tensors: Any) -> Model:
        class Shortened(Linear):
            def predict(self, items: Items, needs: frozenset[str], rng: np.random.Generator) -> Outputs:
                outputs = super().predict(items, needs, rng)
                if outputs.embeddings is None:
                    return outputs
                return replace(outputs, embeddings=outputs.embeddings[1:])

        model = super().rebuild(description, tensors)
        return Shortened(tensors["weights"], model.input)


@pytest.mark.parametrize(
    ("learner", "error"),
    [
        (
            Transductive,
            "its model knows only the items of project 'toy'; name a project whose model predicts new content",
        ),
        (OneTooFew, "its model returns embeddings of 47 items instead of 48"),
    ],
)
def test_unusable_features_fail_with_the_reason(
    make: Make,
    plugged: Callable[..., Registry],
    monkeypatch: pytest.MonkeyPatch,
    learner: type[FeatureRidge],
    error: str,
) -> None:
    project = make(plugins=plugged(learner), learner={"features": "checkpoint:toy"}).import_dataset()
    with monkeypatch.context() as patch:
        patch.setattr(learner, "fit", Ridge.fit)
        project.train()
    with pytest.raises(NextlabelError, match=error):
        project.train()
