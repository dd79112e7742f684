"""Models that know the items of their pool, and predict new content as well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.bundled import bundle
from support.engine import MODULES, SQUARES, ToyProject, candidates
from support.toy_learners import Both, Linear, Remembering, Ridge

from nextlabel.contracts import ImageInput, VectorInput
from nextlabel.contracts.errors import NextlabelError, NotReady, Unprocessable
from nextlabel.engine.checkpoints.serialization import read_model
from nextlabel.engine.committee.committee_model import Committee
from nextlabel.engine.evaluation.evaluate import evaluate
from nextlabel.engine.plugins.registry import Offer, Registry, load
from nextlabel.engine.scores import open_scores
from nextlabel.engine.training.pool_items import PoolItems
from nextlabel.engine.training.promotion import score_holdout
from nextlabel.store import checkpoints
from nextlabel.store.checkpoint_files import read_card

Make = Callable[..., ToyProject]
UNLABELLED = np.array([2 / 3, 1 / 3], np.float32)


@pytest.fixture
def both(make: Make) -> ToyProject:
    """Squares with a model that memorizes the 30 items: an unlabelled one is `left` with a probability of 2/3."""
    return make(SQUARES, learner={"plugin": "toy-both"}).import_dataset().train()


def model_of(project: ToyProject) -> Remembering:
    model = read_model(project.services.home.checkpoint("toy", "r1"), project.services.registry)[0]
    assert isinstance(model, Remembering)
    return model


def scores(project: ToyProject) -> dict[str, np.ndarray]:
    with project.services.database.read() as connection:
        scoring = checkpoints.scorings(connection, "toy")[-1]
    return dict(open_scores(project.services.home.at(scoring.folder)))


def held_out(project: ToyProject) -> np.ndarray:
    items = project.project.items.page(limit=60).items
    return np.flatnonzero([item.holdout for item in items])


def delete_scores(project: ToyProject) -> None:
    with project.services.database.write() as connection:
        for scoring in checkpoints.scorings(connection, "toy"):
            checkpoints.delete_scoring(connection, scoring.id)


def test_the_pool_is_scored_by_predict_fitted(both: ToyProject) -> None:
    probabilities = scores(both)["probabilities"]
    np.testing.assert_array_equal(probabilities, model_of(both).rows)
    assert (probabilities.max(axis=1) == 1).sum() == 6  # the labelled ones
    held = np.tile(UNLABELLED, (6, 1))  # it received them without their labels
    np.testing.assert_array_equal(probabilities[held_out(both)], held)


def test_items_added_later_are_predicted_from_their_content(both: ToyProject, image: Callable[..., bytes]) -> None:
    before = scores(both)["probabilities"].copy()
    blob = image(1, 9, 9)
    (added,) = both.add_images([blob])
    (new,) = both.project.models.predict_images([blob]).predictions
    assert both.project.models.predict_ids([added, "s0"]).predictions[0] == new
    assert [job.state for job in both.work()] == ["succeeded"]
    after = scores(both)["probabilities"]
    np.testing.assert_array_equal(after[:30], before)
    assert after[30].max() == pytest.approx(new.probability, abs=1e-5)


def test_more_outputs_are_computed_for_fitted_and_new_items(both: ToyProject, image: Callable[..., bytes]) -> None:
    both.add_images([image(1)])
    both.work()
    with pytest.raises(NotReady):
        both.project.queries.create(2, "toy-embedded")
    both.work()
    embeddings = scores(both)["embeddings"]
    assert embeddings.shape == (31, 2)
    np.testing.assert_array_equal(embeddings[:30], model_of(both).rows)
    assert (embeddings[30] != 0).all()
    assert len(both.project.queries.create(2, "toy-embedded").items) == 2


def test_a_fitted_item_without_scores_is_not_predicted_from_its_content(both: ToyProject) -> None:
    delete_scores(both)
    with pytest.raises(NotReady, match="'s0' has not been scored yet"):
        both.project.models.predict_ids(["s0"])


def test_the_hold_out_is_predicted_as_fitted_in_promotions(both: ToyProject, image: Callable[..., bytes]) -> None:
    delete_scores(both)
    both.add_images([image(1)])
    services, row = both.services, both.services.row("toy")
    positions = np.append(held_out(both), 30)
    live = score_holdout(services, both.project.config, PoolItems(services, services.state(row)), positions)
    assert live is not None
    np.testing.assert_array_equal(live.common, np.arange(7))
    np.testing.assert_array_equal(live.arrays["probabilities"][:6], np.tile(UNLABELLED, (6, 1)))
    assert (live.arrays["probabilities"][6] != UNLABELLED).all()


def test_the_hold_out_is_evaluated_as_fitted(both: ToyProject) -> None:
    evaluation = evaluate(both.services, "toy", lambda _: None)
    stored = both.project.models.checkpoints()[0].metrics
    assert (evaluation.split, evaluation.items, evaluation.form) == ("holdout", 6, "model")
    assert evaluation.metrics == {name: stored[name] for name in ("accuracy", "loss")}


def test_the_next_training_starts_from_it(both: ToyProject) -> None:
    both.train()
    assert [checkpoint.live for checkpoint in both.project.models.checkpoints()] == [False, True]


def test_it_cannot_be_bundled(both: ToyProject, tmp_path: Path) -> None:
    with pytest.raises(Unprocessable, match="cannot be bundled without its pool"):
        bundle(both, tmp_path / "trained")


def test_its_record_must_declare_transductive(make: Make, plugged: Callable[..., Registry]) -> None:
    project = make(SQUARES, plugins=plugged(Both)).import_dataset()
    with pytest.raises(NextlabelError, match="'toy-ridge' is fitted to 24 of 24 items; it may be if its record"):
        project.train()


class Wrapper(Linear):
    """A model with an attribute `fitted` of its own, and no `predict_fitted`."""

    fitted = True


class Wrapping(Ridge):
    def build_model(self, weights: np.ndarray, spec: ImageInput | VectorInput) -> Wrapper:
        return Wrapper(weights, spec)


def test_an_attribute_fitted_alone_has_no_meaning(make: Make) -> None:
    plugins = load(candidates(*MODULES))
    offer = plugins.learners["toy-ridge"]
    plugins.learners["toy-ridge"] = Offer(replace(offer.record, target=Wrapping), offer.source)
    project = make(SQUARES, plugins=plugins).import_dataset().train()
    (checkpoint,) = project.project.models.checkpoints()
    assert checkpoint.live
    assert read_card(project.services.home.checkpoint("toy", "r1"))["fitted"] == 0
    model = read_model(project.services.home.checkpoint("toy", "r1"), plugins)[0]
    assert isinstance(model, Wrapper)
    assert Committee([model, model]).fitted == 0
    items = project.services.items(project.services.state(project.services.row("toy")))
    expected = model.predict(items, frozenset(), np.random.default_rng(0)).probabilities
    np.testing.assert_allclose(scores(project)["probabilities"], expected, atol=1e-6)
