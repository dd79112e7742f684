"""Queries: what they return, and which scores they choose by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from support.engine import SQUARES, WAVE, ToyProject, ids

from nextlabel.contracts.errors import NotFound, NotReady, PluginError, TooLarge, Unprocessable
from nextlabel.engine import scheduling

Make = Callable[..., ToyProject]


def test_a_query_describes_its_origin(blobs: ToyProject) -> None:
    query = blobs.project.queries.create(4)
    assert query.query == "toy-1"
    assert (query.strategy, query.parameters, query.checkpoint) == ("margin", {}, None)
    assert query.probabilities == "uniform"
    assert blobs.project.queries.create(1, "random").probabilities is None
    assert len(set(ids(query))) == 4
    assert {item.reason for item in query.items} == {"strategy"}
    assert {item.suggestion for item in query.items} == {None}
    assert query.remaining == 60 - 12 - 6  # neither the hold-out nor what the data set labelled
    assert query.stale_labels == 0
    assert blobs.project.queries.create(4).query == "toy-3"


def test_after_training_it_names_the_checkpoint_and_suggests(blobs: ToyProject) -> None:
    blobs.train()
    query = blobs.project.queries.create(3)
    assert (query.checkpoint, query.probabilities) == ("r1", "checkpoint")
    for item in query.items:
        assert item.suggestion is not None
        assert item.suggestion.label in ("red", "green", "blue")
        assert 0 < item.suggestion.probability <= 1
    scores = [item.score for item in query.items]
    assert scores == sorted(scores, reverse=True)


def test_labels_unseen_by_the_checkpoint_are_counted(blobs: ToyProject) -> None:
    blobs.answer(blobs.project.queries.create(3, None, "ann"), "ann")
    assert blobs.project.queries.create(1).stale_labels == 3
    blobs.train()
    assert blobs.project.queries.create(1).stale_labels == 0
    blobs.answer(blobs.project.queries.create(2, None, "ann"), "ann")
    query = blobs.project.queries.create(1)
    assert query.stale_labels == 2
    blobs.answer(blobs.project.queries.create(2, None, "ann"), "ann")
    assert blobs.project.queries.get(query.query).stale_labels == 2


def test_labelled_items_are_not_returned_again(blobs: ToyProject) -> None:
    first = blobs.project.queries.create(10, None, "ann")
    blobs.answer(first, "ann")
    rest = blobs.project.queries.create(100, None, "bob")
    assert len(ids(rest)) == rest.remaining == 42 - 10
    assert not set(ids(first)) & set(ids(rest))


def test_the_pool_may_be_smaller_than_the_request_or_empty(make: Make) -> None:
    project = make(dataset={"size": 5}, labels={"initial": 0, "holdout": 0.0}).import_dataset()
    assert len(ids(project.project.queries.create(9, None, "ann"))) == 5
    project.answer(project.project.queries.create(9, None, "ann"), "ann")
    query = project.project.queries.create(9, None, "ann")
    assert (query.items, query.remaining) == ((), 0)


def test_a_data_set_may_be_empty(make: Make) -> None:
    project = make(dataset={"size": 0}, labels={"initial": 0}).import_dataset()
    assert project.project.queries.create(3).items == ()
    assert project.project.items.page().items == ()


def test_an_empty_pool_of_a_data_set_that_cannot_be_imported(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make(dataset={"size": 0}, labels={"initial": 0}).import_dataset()
    datasets = project.services.registry.datasets
    offer = datasets["toy-blobs"]
    monkeypatch.setitem(datasets, "toy-blobs", replace(offer, record=replace(offer.record, target="nowhere:Blobs")))
    hint = project.project.queries.create(3).hint
    assert hint is not None
    assert "or set NEXTLABEL_DATA to the folder that holds the data set and start" in hint


def test_invalid_requests_are_rejected(make: Make) -> None:
    project = make(settings={"max_query": 10}).import_dataset()
    for size in (0, -1):
        with pytest.raises(Unprocessable, match="must be at least 1, not"):
            project.project.queries.create(size)
    with pytest.raises(TooLarge, match="at most 10"):
        project.project.queries.create(11)
    with pytest.raises(NotFound, match="did you mean 'margin'"):
        project.project.queries.create(1, "margni")
    with pytest.raises(NotFound, match="no query 'toy-9'"):
        project.project.queries.get("toy-9")
    assert project.services.row("toy").queries == 0


def test_a_strategy_that_breaks_its_contract_is_named(blobs: ToyProject) -> None:
    with pytest.raises(PluginError, match="asked for 3 of 42"):
        blobs.project.queries.create(3, "toy-repeating")
    with pytest.raises(NotFound):
        blobs.project.queries.get("toy-1")
    assert blobs.project.queries.create(3).query == "toy-2"  # the failed one used a number


def test_before_any_data_set_an_import_is_queued_once(make: Make) -> None:
    project = make()
    for _ in range(2):
        with pytest.raises(NotReady, match="has not been read yet"):
            project.project.queries.create(1)
    assert [job.kind for job in project.work()] == ["import"]
    assert len(ids(project.project.queries.create(1))) == 1


def test_strategies_work_without_a_model_or_report_the_need(blobs: ToyProject) -> None:
    for name in ("random", "margin", "entropy", "least-confidence", "toy-first"):
        assert len(ids(blobs.project.queries.create(2, name))) == 2
    with pytest.raises(NotReady, match="no model has been trained yet"):
        blobs.project.queries.create(2, "toy-embedded")


def test_regression_items_are_returned_without_a_model(make: Make) -> None:
    query = make(WAVE, name="wave").import_dataset().project.queries.create(3)
    assert {item.score for item in query.items} == {1.0}


def test_missing_scores_are_computed_once_on_demand(blobs: ToyProject) -> None:
    blobs.train()
    for _ in range(3):
        with pytest.raises(NotReady, match=r"needs embeddings \(job"):
            blobs.project.queries.create(2, "toy-embedded")
    with pytest.raises(NotReady, match="needs samples"):
        blobs.project.queries.create(2, "toy-sampled")
    with pytest.raises(NotReady, match=r"needs embeddings \(job"):
        blobs.project.queries.create(2, "toy-embedded")
    assert [(job.kind, job.state) for job in blobs.work()] == [("score", "succeeded")] * 2
    assert len(ids(blobs.project.queries.create(2, "toy-embedded"))) == 2
    assert len(ids(blobs.project.queries.create(2, "toy-sampled"))) == 2  # scored with the first one's arrays
    assert len(ids(blobs.project.queries.create(2, "margin"))) == 2


def test_scores_the_task_never_has_are_rejected(blobs: ToyProject, make: Make) -> None:
    with pytest.raises(Unprocessable, match="needs std, which classification models do not provide"):
        blobs.project.queries.create(2, "toy-widest")
    wave = make(WAVE, name="wave").import_dataset()
    with pytest.raises(Unprocessable, match="needs probabilities, which regression models do not provide"):
        wave.project.queries.create(2, "margin")


def test_scores_the_model_lacks_are_rejected_after_a_try(make: Make) -> None:
    wave = make(WAVE, name="wave").import_dataset().train()
    with pytest.raises(NotReady):
        wave.project.queries.create(2, "toy-embedded")
    assert [job.state for job in wave.work()] == ["failed"]
    tried = "cannot be computed: the model must return embeddings.*; a query tries again 60 seconds after job"
    with pytest.raises(Unprocessable, match=tried):
        wave.project.queries.create(2, "toy-embedded")
    assert wave.work() == []


def test_a_promoted_checkpoint_without_scores_is_scored_first(make: Make) -> None:
    project = make(settings={"keep_scores": 1}).import_dataset().train().train()
    project.project.models.promote("r1")
    with pytest.raises(NotReady, match="needs probabilities"):
        project.project.queries.create(2)
    assert len(ids(project.project.queries.create(2, "random"))) == 2
    assert [(job.kind, job.state) for job in project.work()] == [("score", "succeeded")]
    assert project.project.queries.create(2).checkpoint == "r1"


def test_items_without_scores_are_not_returned_yet(make: Make, image: Callable[[int], bytes]) -> None:
    project = make(SQUARES).import_dataset().train()
    (added,) = project.add_images([image(1)])
    assert added not in ids(project.project.queries.create(100))
    project.work()
    assert added in ids(project.project.queries.create(100))


def test_a_strategy_without_scores_chooses_from_all_items(make: Make, image: Callable[[int], bytes]) -> None:
    project = make(SQUARES).import_dataset().train()
    (added,) = project.add_images([image(1)])
    query = project.project.queries.create(100, "random")
    assert added in ids(query)
    assert len(ids(query)) == query.remaining == len(ids(project.project.queries.create(100))) + 1
    assert project.project.queries.replay(query.query) == query


def test_items_without_scores_remain_and_a_cancelled_scoring_is_queued_again(
    make: Make, image: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make(SQUARES).import_dataset().train()
    before = project.project.queries.create(100)
    project.add_images([image(1)])
    (scoring,) = [job for job in project.engine.jobs() if job.state == "queued"]
    project.engine.cancel(scoring.job)
    query = project.project.queries.create(100)
    assert (len(query.items), query.remaining) == (len(before.items), before.remaining + 1)
    assert project.work() == []  # it was cancelled less than a minute ago
    monkeypatch.setattr(scheduling, "RECENT", -1.0)
    for strategy in (None, "random"):
        project.project.queries.create(100, strategy)
    assert [(job.kind, job.state) for job in project.work()] == [("score", "succeeded")]
