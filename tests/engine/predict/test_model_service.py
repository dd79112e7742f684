"""Predictions of pool items: from their scores, or from their content if they have none yet."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from support.engine import SQUARES, WAVE, ToyProject

from nextlabel.contracts.errors import NotFound, NotReady, TooLarge
from nextlabel.engine.predict.model_service import predictions

Make = Callable[..., ToyProject]


def test_classes_are_sorted_by_probability() -> None:
    (prediction,) = predictions(["a", "b", "c"], {"probabilities": np.array([[0.2, 0.5, 0.3]])})
    assert (prediction.label, prediction.probability) == ("b", 0.5)
    assert prediction.probabilities is not None
    assert list(prediction.probabilities.items()) == [("b", 0.5), ("c", 0.3), ("a", 0.2)]


def test_values_have_a_standard_deviation() -> None:
    (prediction,) = predictions([], {"mean": np.array([1.0]), "std": np.array([0.5])})
    assert (prediction.mean, prediction.std, prediction.label, prediction.probabilities) == (1.0, 0.5, None, None)


def test_items_are_predicted_in_the_given_order(blobs: ToyProject) -> None:
    blobs.train()
    result = blobs.project.models.predict_ids(["p2", "p0", "p1", "p2"])
    assert [prediction.label for prediction in result.predictions] == ["blue", "red", "green", "blue"]


def test_unknown_items_are_listed(blobs: ToyProject) -> None:
    blobs.train()
    with pytest.raises(NotFound, match="'toy' has no item 'x', 'y'"):
        blobs.project.models.predict_ids(["p1", "x", "y"])
    with pytest.raises(TooLarge):
        blobs.project.models.predict_ids(["p1"] * 65)


def test_an_upload_is_predicted_before_it_is_scored(make: Make, image: Callable[..., bytes]) -> None:
    project = make(SQUARES).import_dataset().train()
    (added,) = project.add_images([image(1, 9, 9)])
    before = project.project.models.predict_ids([added, "s0"])
    project.work()
    after = project.project.models.predict_ids([added, "s0"])
    assert after.predictions[0].label == before.predictions[0].label
    assert after.predictions[0].probability == pytest.approx(before.predictions[0].probability, abs=1e-5)
    assert after.predictions[1] == before.predictions[1]


@pytest.mark.slow
def test_items_that_are_no_images_wait_for_scores(make: Make) -> None:
    project = make(settings={"keep_scores": 1}).import_dataset().train().train()
    project.project.models.promote("r1")
    project.services.live.__dict__["_known"].clear()
    with pytest.raises(NotReady, match="'p1' has not been scored yet"):
        project.project.models.predict_ids(["p1"])
    project.work()
    assert project.project.models.predict_ids(["p1"]).checkpoint == "r1"


def test_regression(make: Make) -> None:
    wave = make(WAVE, name="wave").import_dataset().train()
    scored = wave.project.models.predict_ids(["x5"]).predictions[0]
    vectors = wave.services.pool("wave")._array("pool-vectors")
    new = wave.project.models.predict_vectors([vectors[5].tolist()]).predictions[0]
    assert scored.mean == pytest.approx(new.mean, abs=1e-5)
    assert scored.std == pytest.approx(new.std, abs=1e-5)
    assert scored.label is None
