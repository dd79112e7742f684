"""The classic learners through the engine: trained on labels, scored, stored, loaded, and used for predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from support.engine import BLOBS, WAVE, ToyProject
from support.geometric import require_geometric

from nextlabel.contracts.errors import Unprocessable

Make = Callable[..., ToyProject]
MOONS: Mapping[str, Any] = {
    "title": "Moons",
    "dataset": {"plugin": "tiny-moons"},
    "learner": {"plugin": "label-spreading"},
    "strategy": {"plugin": "margin"},
    "labels": {"initial": 6},
}
RINGS: Mapping[str, Any] = {
    "title": "Rings",
    "dataset": {"plugin": "tiny-rings"},
    "learner": {"plugin": "gcn", "epochs": 100},
    "strategy": {"plugin": "entropy"},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("base", "learner"),
    [
        (BLOBS, {"plugin": "linear"}),
        (MOONS, {}),
        (RINGS, {}),
    ],
)
def test_a_learner_improves_with_labels(make: Make, another: Callable[..., Any], base: Any, learner: Any) -> None:
    if base is RINGS:
        require_geometric()
    project = make(base, learner=learner).import_dataset().train()
    for _ in range(3):
        project.answer(project.project.queries.create(6, None, "ann"), "ann")
        project.train()
    loaded = another(project)
    items = [item.id for item in loaded.project.items.page("open").items][:10]
    predictions = loaded.project.models.predict_ids(items).predictions
    correct = [prediction.label == project.truth(item) for prediction, item in zip(predictions, items, strict=True)]
    assert np.mean(correct) >= 0.7


def test_a_process_predicts_values(make: Make) -> None:
    project = make(WAVE, learner={"plugin": "gp"}, labels={"initial": 8}).import_dataset().train()
    prediction = project.project.models.predict_vectors([[1.0]]).predictions[0]
    assert prediction.std > 0


def test_label_spreading_predicts_new_content_and_a_transductive_model_does_not(make: Make) -> None:
    point = [[0.0, 1.0]]  # in the middle of the upper moon
    both = make(MOONS).import_dataset().train()
    assert both.project.models.predict_vectors(point).predictions[0].label == "upper"
    transductive = make(MOONS, learner={"plugin": "tiny-spreading"}).import_dataset().train()
    with pytest.raises(Unprocessable):
        transductive.project.models.predict_vectors(point)
