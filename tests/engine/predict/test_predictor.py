"""Predictions of the pool: from the scores, or from the content where there are none yet."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from support.engine import SQUARES, WAVE, ToyProject

from nextlabel.contracts.errors import NotFound, NotReady, TooLarge
from nextlabel.engine.predict.predictor import predictions

Make = Callable[..., ToyProject]


def test_classes_come_most_probable_first() -> None:
    (said,) = predictions(["a", "b", "c"], {"probabilities": np.array([[0.2, 0.5, 0.3]])})
    assert (said.label, said.probability) == ("b", 0.5)
    assert said.probabilities is not None
    assert list(said.probabilities.items()) == [("b", 0.5), ("c", 0.3), ("a", 0.2)]


def test_values_come_with_their_deviation() -> None:
    (said,) = predictions([], {"mean": np.array([1.0]), "std": np.array([0.5])})
    assert (said.mean, said.std, said.label, said.probabilities) == (1.0, 0.5, None, None)


def test_items_are_answered_in_the_order_asked(blobs: ToyProject) -> None:
    blobs.train()
    said = blobs.project.models.predict_ids(["p2", "p0", "p1", "p2"])
    assert [one.label for one in said.predictions] == ["blue", "red", "green", "blue"]


def test_unknown_items_are_named(blobs: ToyProject) -> None:
    blobs.train()
    with pytest.raises(NotFound, match="'toy' has no item 'x', 'y'"):
        blobs.project.models.predict_ids(["p1", "x", "y"])
    with pytest.raises(TooLarge):
        blobs.project.models.predict_ids(["p1"] * 65)


def test_an_upload_is_predicted_before_it_is_scored(make: Make, image: Callable[..., bytes]) -> None:
    project = make(SQUARES).bring().train()
    (added,) = project.add_images([image(1, 9, 9)])
    before = project.project.models.predict_ids([added, "s0"])
    project.work()
    after = project.project.models.predict_ids([added, "s0"])
    assert after.predictions[0].label == before.predictions[0].label
    assert after.predictions[0].probability == pytest.approx(before.predictions[0].probability, abs=1e-5)
    assert after.predictions[1] == before.predictions[1]


def test_what_only_scores_can_answer_waits_for_them(make: Make) -> None:
    project = make(settings={"keep_scores": 1}).bring().train().train()
    project.project.models.promote("r1")
    project.services.live.__dict__["_known"].clear()
    with pytest.raises(NotReady, match="'p1' has not been scored yet"):
        project.project.models.predict_ids(["p1"])
    project.work()
    assert project.project.models.predict_ids(["p1"]).checkpoint == "r1"


def test_regression(make: Make) -> None:
    wave = make(WAVE, name="wave").bring().train()
    scored = wave.project.models.predict_ids(["x5"]).predictions[0]
    vectors = wave.services.pool("wave")._array("pool-vectors")
    new = wave.project.models.predict_vectors([vectors[5].tolist()]).predictions[0]
    assert scored.mean == pytest.approx(new.mean, abs=1e-5)
    assert scored.std == pytest.approx(new.std, abs=1e-5)
    assert scored.label is None
