"""Queries: leases, hold-out, control arm, partial labels, and replays."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest
from engine_help import SQUARES, WAVE, Project, full, ids

from nextlabel.contracts.errors import Gone, NotReady, PluginError, TooLarge, Unknown, Unprocessable
from nextlabel.engine.answers import LabelInput, QueryAnswer
from nextlabel.store import queries

Make = Callable[..., Project]
UNKNOWN = {"size": 60, "known": False}
"""A data set that knows no label."""


# ---------------------------------------------------------------------------- the answer


def test_a_query_says_where_it_came_from(blobs: Project) -> None:
    query = blobs.loop.query(4)
    assert query.query == "toy-1"
    assert (query.strategy, query.parameters, query.checkpoint) == ("margin", {}, None)
    assert len(set(ids(query))) == 4
    assert {item.reason for item in query.items} == {"strategy"}
    assert {item.suggestion for item in query.items} == {None}
    assert query.remaining == 60 - 12 - 6  # neither the hold-out nor what the data set labelled
    assert query.stale_labels == 0
    assert blobs.loop.query(4).query == "toy-2"


def test_after_a_training_it_names_the_checkpoint_and_guesses(blobs: Project) -> None:
    blobs.train()
    query = blobs.loop.query(3)
    assert query.checkpoint == "r1"
    for item in query.items:
        assert item.suggestion is not None
        assert item.suggestion.label in ("red", "green", "blue")
        assert 0 < item.suggestion.probability <= 1
    scores = [item.score for item in query.items]
    assert scores == sorted(scores, reverse=True)


def test_labels_the_checkpoint_has_not_seen_are_counted(blobs: Project) -> None:
    blobs.answer(blobs.loop.query(3, None, "ann"), "ann")
    assert blobs.loop.query(1).stale_labels == 3
    blobs.train()
    assert blobs.loop.query(1).stale_labels == 0
    blobs.answer(blobs.loop.query(2, None, "ann"), "ann")
    query = blobs.loop.query(1)
    assert query.stale_labels == 2
    blobs.answer(blobs.loop.query(2, None, "ann"), "ann")
    assert blobs.loop.stored_query(query.query).stale_labels == 2


def test_labelled_items_are_not_asked_again(blobs: Project) -> None:
    first = blobs.loop.query(10, None, "ann")
    blobs.answer(first, "ann")
    rest = blobs.loop.query(100, None, "bob")
    assert len(ids(rest)) == rest.remaining == 42 - 10
    assert not set(ids(first)) & set(ids(rest))


def test_the_pool_may_be_smaller_than_the_request_or_empty(make: Make) -> None:
    project = make(dataset={"size": 5}, labels={"initial": 0, "holdout": 0.0}).bring()
    assert len(ids(project.loop.query(9, None, "ann"))) == 5
    project.answer(project.loop.query(9, None, "ann"), "ann")
    query = project.loop.query(9, None, "ann")
    assert (query.items, query.remaining) == ((), 0)


def test_a_data_set_may_be_empty(make: Make) -> None:
    project = make(dataset={"size": 0}, labels={"initial": 0}).bring()
    assert project.loop.query(3).items == ()
    assert project.loop.items().items == ()


def test_senseless_requests_are_refused(make: Make) -> None:
    project = make(settings={"max_query": 10}).bring()
    for size in (0, -1):
        with pytest.raises(Unprocessable, match="one item or more"):
            project.loop.query(size)
    with pytest.raises(TooLarge, match="at most 10"):
        project.loop.query(11)
    with pytest.raises(Unknown, match="did you mean 'margin'"):
        project.loop.query(1, "margni")
    with pytest.raises(Unknown, match="no query 'toy-9'"):
        project.loop.stored_query("toy-9")
    assert project.context.row("toy").queries == 0


def test_a_strategy_that_breaks_its_contract_is_named(blobs: Project) -> None:
    with pytest.raises(PluginError, match="asked for 3 of 42"):
        blobs.loop.query(3, "toy-repeating")
    assert blobs.context.row("toy").queries == 0


def test_before_any_data_set_an_import_is_queued_once(make: Make) -> None:
    project = make()
    for _ in range(2):
        with pytest.raises(NotReady, match="has not been read yet"):
            project.loop.query(1)
    assert [job.kind for job in project.work()] == ["import"]
    assert len(ids(project.loop.query(1))) == 1


# ----------------------------------------------------------------- strategies and scores


def test_every_strategy_works_before_a_model_or_says_that_it_needs_one(blobs: Project) -> None:
    for name in ("random", "margin", "entropy", "least-confidence", "toy-first"):
        assert len(ids(blobs.loop.query(2, name))) == 2
    with pytest.raises(NotReady, match="no model has been trained yet"):
        blobs.loop.query(2, "toy-embedded")


def test_what_a_strategy_needs_is_computed_once_when_asked(blobs: Project) -> None:
    blobs.train()
    for _ in range(3):
        with pytest.raises(NotReady, match="needs embeddings; job"):
            blobs.loop.query(2, "toy-embedded")
    with pytest.raises(NotReady, match="needs samples"):
        blobs.loop.query(2, "toy-sampled")
    with pytest.raises(NotReady, match="needs embeddings; job"):
        blobs.loop.query(2, "toy-embedded")
    assert [(job.kind, job.state) for job in blobs.work()] == [("score", "succeeded")] * 2
    assert len(ids(blobs.loop.query(2, "toy-embedded"))) == 2
    assert len(ids(blobs.loop.query(2, "toy-sampled"))) == 2  # the second scoring kept what the first had
    assert len(ids(blobs.loop.query(2, "margin"))) == 2


def test_what_no_model_of_the_task_says_is_refused(blobs: Project, make: Make) -> None:
    with pytest.raises(Unprocessable, match="no model of a classification says"):
        blobs.loop.query(2, "toy-widest")
    wave = make(WAVE, name="wave").bring()
    with pytest.raises(Unprocessable, match="needs probabilities, which no model of a regression says"):
        wave.loop.query(2, "margin")


def test_what_the_model_cannot_say_is_refused_once_it_was_tried(make: Make) -> None:
    wave = make(WAVE, name="wave").bring().train()
    with pytest.raises(NotReady):
        wave.loop.query(2, "toy-embedded")
    assert [job.state for job in wave.work()] == ["failed"]
    with pytest.raises(Unprocessable, match="cannot be computed: the model was asked for embeddings"):
        wave.loop.query(2, "toy-embedded")
    assert wave.work() == []


# ---------------------------------------------------------------------------------- leases


def test_two_annotators_are_never_handed_the_same_item(make: Make, another: Callable[[Project], Project]) -> None:
    """A thousand queries between two people in four threads and two processes' worth of state."""
    project = make(dataset={"size": 1400}, labels={"initial": 3, "holdout": 0.0}).bring()
    handed: list[tuple[str, tuple[str, ...]]] = []
    faults: list[BaseException] = []

    def person(name: str, side: Project) -> None:
        try:
            for turn in range(250):
                query = side.loop.query(1, "toy-first" if turn % 2 else "random", name)
                handed.append((name, tuple(ids(query))))
                side.answer(query, name)
        except BaseException as error:
            faults.append(error)
            raise

    sides = [project, another(project)]
    threads = [threading.Thread(target=person, args=(f"person{number}", sides[number % 2])) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    counted = Counter(item for _, items in handed for item in items)
    assert len(handed) == 1000
    assert set(counted.values()) == {1}


def test_with_two_answers_each_item_is_handed_to_two_people_once_each(make: Make) -> None:
    project = make(dataset={"size": 20}, labels={"initial": 0, "holdout": 0.0, "answers": 2}).bring()
    seen: dict[str, list[str]] = {name: [] for name in ("ann", "bob", "cleo")}
    while True:
        before = sum(map(len, seen.values()))
        for name, items in seen.items():
            query = project.loop.query(3, None, name)
            items.extend(ids(query))
            project.answer(query, name)
        if before == sum(map(len, seen.values())):
            break
    assert all(len(set(items)) == len(items) for items in seen.values())
    assert set(Counter(item for items in seen.values() for item in items).values()) == {2}
    assert sum(map(len, seen.values())) == 40


def test_with_two_answers_a_third_is_not_handed_what_two_hold(make: Make) -> None:
    project = make(dataset={"size": 4}, labels={"initial": 0, "holdout": 0.0, "answers": 2}).bring()
    for name in ("ann", "bob"):
        assert len(ids(project.loop.query(4, None, name))) == 4
    assert ids(project.loop.query(4, None, "cleo")) == []


def test_ones_own_leases_come_back_first(blobs: Project) -> None:
    first = blobs.loop.query(3, None, "ann")
    assert not set(ids(blobs.loop.query(100, None, "bob"))) & set(ids(first))
    again = blobs.loop.query(3, None, "ann")
    assert set(ids(again)) == set(ids(first))
    assert again.remaining == 3  # bob holds the rest
    assert {i.id: (i.score, i.reason) for i in again.items} == {i.id: (i.score, i.reason) for i in first.items}


def test_more_are_added_behind_ones_own(blobs: Project) -> None:
    first = blobs.loop.query(2, None, "ann")
    second = blobs.loop.query(5, None, "ann")
    assert set(ids(second)[:2]) == set(ids(first))
    assert len(set(ids(second))) == 5
    assert blobs.loop.query(1, None, "ann").remaining == 42


def test_what_somebody_else_has_closed_does_not_come_back(blobs: Project) -> None:
    first = blobs.loop.query(2, None, "ann")
    blobs.loop.submit("bob", [full(ids(first)[0], "red")])
    assert ids(first)[0] not in ids(blobs.loop.query(2, None, "ann"))
    assert ids(first)[1] in ids(blobs.loop.query(2, None, "ann"))


def test_nothing_is_leased_without_an_annotator(blobs: Project) -> None:
    everything = ids(blobs.loop.query(100))
    assert len(everything) == 42
    assert sorted(ids(blobs.loop.query(100, None, "ann"))) == sorted(everything)
    assert ids(blobs.loop.query(100)) == []


def test_a_lease_that_ran_out_frees_the_item(make: Make) -> None:
    project = make(labels={"lease": 0.2}).bring()
    held = ids(project.loop.query(42, None, "ann"))
    assert ids(project.loop.query(42, None, "bob")) == []
    time.sleep(0.25)
    assert sorted(ids(project.loop.query(42, None, "bob"))) == sorted(held)
    assert ids(project.loop.query(42, None, "ann")) == []


def test_a_lease_lasts_as_the_settings_say_unless_the_project_does(make: Make) -> None:
    for tables, seconds in (({}, 50.0), ({"labels": {"lease": 9.0}}, 9.0)):
        project = make(settings={"lease_seconds": 50.0}, **tables).bring()
        before = time.time()
        project.loop.query(1, None, "ann")
        with project.context.database.read() as connection:
            (lease,) = queries.leases(connection, "toy", before)
        assert before + seconds <= lease.expires <= time.time() + seconds


@pytest.mark.parametrize("which", [0, 1])
def test_a_query_handed_back_frees_its_items(blobs: Project, which: int) -> None:
    """Whether it is the one that first handed them out, or a later one that brought them back."""
    asked = [blobs.loop.query(3, None, "ann") for _ in range(2)]
    assert blobs.loop.hand_back(asked[which].query) == 3
    assert blobs.loop.hand_back(asked[which].query) == 0
    assert set(ids(asked[0])) <= set(ids(blobs.loop.query(100, None, "bob")))


def test_a_label_frees_its_item(make: Make) -> None:
    project = make(labels={"answers": 2}).bring()
    first = project.loop.query(1, None, "ann")
    project.answer(first, "ann")
    with project.context.database.read() as connection:
        assert queries.leases(connection, "toy", time.time()) == []


def test_a_skipped_item_is_asked_of_others_only(blobs: Project) -> None:
    query = blobs.loop.query(2, None, "ann")
    skipped, kept = ids(query)
    blobs.loop.submit("ann", [LabelInput(skipped, skip=True)])
    assert skipped not in ids(blobs.loop.query(100, None, "ann"))
    blobs.loop.hand_back("toy-2")
    assert {skipped} <= set(ids(blobs.loop.query(100, None, "bob")))
    assert skipped not in ids(blobs.loop.query(100))  # nobody in particular: somebody did not know it
    assert blobs.loop.item(skipped).item.state == "skipped"
    assert kept


def test_a_retracted_label_opens_the_item_again(blobs: Project) -> None:
    (item,) = ids(blobs.loop.query(1, None, "ann"))
    blobs.loop.submit("ann", [full(item, "red")])
    assert item not in ids(blobs.loop.query(100))
    blobs.loop.submit("ann", [LabelInput(item, retract=True)])
    assert item in ids(blobs.loop.query(100))


# ------------------------------------------------------------------------ partial labels


def test_a_partial_label_leaves_the_item_open_for_others(blobs: Project) -> None:
    (item,) = ids(blobs.loop.query(1, None, "ann"))
    blobs.loop.submit("ann", [full(item, "red", "blue")])
    assert blobs.loop.item(item).item.state == "open"
    assert item not in ids(blobs.loop.query(100, None, "ann"))
    blobs.loop.hand_back("toy-2")
    assert item in ids(blobs.loop.query(100, None, "bob"))
    assert item not in ids(blobs.loop.query(100, None, "cleo"))  # of one at a time
    blobs.loop.submit("bob", [full(item, "blue", "green")])
    detail = blobs.loop.item(item).item
    assert (detail.state, detail.candidates) == ("labelled", ("blue",))


def test_scores_of_partial_labels_are_renormalised(blobs: Project) -> None:
    blobs.train()
    query = blobs.loop.query(42, "margin")
    asked = query.items[0]
    prediction = blobs.loop.predict_ids([asked.id]).predictions[0]
    assert prediction.probabilities is not None
    best, second, third = prediction.probabilities
    blobs.loop.submit("ann", [full(asked.id, second, third)])
    again = next(item for item in blobs.loop.query(42, "margin").items if item.id == asked.id)
    over = prediction.probabilities[second] + prediction.probabilities[third]
    expected = (prediction.probabilities[third] - prediction.probabilities[second]) / over
    assert again.score == pytest.approx(expected, abs=1e-5)
    assert again.suggestion is not None
    assert again.suggestion.label == second != best
    assert again.suggestion.probability == pytest.approx(prediction.probabilities[second] / over, abs=1e-5)


def test_sets_of_the_data_set_count_before_any_model(make: Make) -> None:
    project = make(dataset={"sets": 0.5}, labels={"initial": 0}).bring()
    query = project.loop.query(48, "least-confidence")
    scores = {item.id: item.score for item in query.items}
    for item in project.loop.items(limit=60).items:
        if not item.holdout:
            size = len(item.candidates) if item.candidates else 3
            assert scores[item.id] == pytest.approx(-1 / size, abs=1e-6) or scores[item.id] == pytest.approx(
                1 - 1 / size
            )


# ------------------------------------------------------------- hold-out and control arm


def test_where_no_label_is_known_the_hold_out_is_mixed_in(make: Make) -> None:
    project = make(dataset={**UNKNOWN, "size": 600}, labels={"initial": 0, "holdout": 0.3, "holdout_max": 40}).bring()
    held = {item.id for item in project.loop.items(limit=600).items if item.holdout}
    assert 120 < len(held) < 240
    reasons: Counter[str] = Counter()
    for _ in range(12):
        query = project.loop.query(20, None, "ann")
        for item in query.items:
            assert (item.reason == "holdout") == (item.id in held)
            reasons[item.reason] += 1
        project.loop.submit("ann", [full(item, "red") for item in ids(query)])
    assert reasons["holdout"] == 40
    assert reasons["strategy"] == 200


def test_the_hold_out_that_is_asked_is_spread_over_the_pool(make: Make) -> None:
    """A folder's pictures often stand class by class: its first held-out ones are no fair sample."""
    project = make(dataset={**UNKNOWN, "size": 600}, labels={"initial": 0, "holdout": 0.5, "holdout_max": 60}).bring()
    query = project.loop.query(120, None, "ann")
    places = [int(item.id[1:]) for item in query.items if item.reason == "holdout"]
    assert len(places) > 30
    assert max(places) > 400


def test_a_partial_label_does_not_fill_the_hold_out(make: Make) -> None:
    project = make(dataset=UNKNOWN, labels={"initial": 0, "holdout": 0.5, "holdout_max": 1}).bring()
    held = [item.id for item in project.loop.query(60, None, "ann").items if item.reason == "holdout"]
    assert len(held) == 1
    project.loop.submit("ann", [full(held[0], "red", "blue")])
    assert [item.id for item in project.loop.query(60, None, "bob").items if item.reason == "holdout"] != []


def test_a_hold_out_known_to_the_data_set_is_never_asked(blobs: Project) -> None:
    assert {item.reason for item in blobs.loop.query(100).items} == {"strategy"}
    held = {item.id for item in blobs.loop.items(limit=60).items if item.holdout}
    assert len(held) == 12
    assert not held & set(ids(blobs.loop.query(100)))


def test_the_control_arm_follows_an_order_of_its_own(make: Make) -> None:
    """The same order whatever the strategy, the model and the labels so far."""

    def controlled(strategy: str) -> list[str]:
        project = make(labels={"control": 0.5}, strategy={"plugin": strategy}).bring()
        found = []
        for _ in range(6):
            query = project.loop.query(4, None, "ann")
            found += [item.id for item in query.items if item.reason == "control"]
            project.answer(query, "ann")
        return found

    one, other = controlled("margin"), controlled("toy-first")
    assert len(one) > 6
    assert one[0] == other[0]
    assert len(set(one) & set(other)) > len(one) / 2


def test_all_of_a_query_can_be_control(make: Make) -> None:
    project = make(labels={"control": 1.0}).bring()
    assert {item.reason for item in project.loop.query(42).items} == {"control"}


# --------------------------------------------------------------------------------- replays


def chosen(answer: QueryAnswer) -> list[tuple[str, float, str]]:
    return [(item.id, item.score, item.reason) for item in answer.items]


@pytest.mark.parametrize("strategy", ["random", "margin", "entropy"])
def test_a_query_is_replayed_to_the_same_answer_later(make: Make, strategy: str) -> None:
    project = make(
        dataset=UNKNOWN, labels={"initial": 0, "holdout": 0.3, "control": 0.3}, strategy={"plugin": strategy}
    ).bring()
    cold = project.loop.query(5, None, "ann")
    project.loop.submit("ann", [full(item, "red" if place % 2 else "blue") for place, item in enumerate(ids(cold))])
    project.train()
    bob = project.loop.query(4, None, "bob")
    warm = project.loop.query(5, None, "ann")
    project.loop.submit("ann", [full(item, "green") for item in ids(warm)])
    project.loop.submit("bob", [full(item, "green") for item in ids(bob)])
    project.train()
    project.loop.query(7, None, "cleo")
    for query in (cold, bob, warm):
        again = project.loop.replay(query.query)
        assert again == project.loop.stored_query(query.query)
        assert chosen(again) == chosen(query)
        assert again == query


def test_leases_that_came_back_are_no_part_of_a_replay(blobs: Project) -> None:
    first = blobs.loop.query(2, None, "ann")
    second = blobs.loop.query(5, None, "ann")
    assert chosen(blobs.loop.replay(second.query)) == [c for c in chosen(second) if c[0] not in ids(first)]


def test_once_the_scores_are_dropped_a_query_is_gone(make: Make) -> None:
    project = make(settings={"keep_scores": 1}).bring()
    cold = project.loop.query(3)
    project.train()
    warm = project.loop.query(3)
    project.train()
    with pytest.raises(Gone, match="no longer kept"):
        project.loop.replay(warm.query)
    stored = project.loop.stored_query(warm.query)
    assert chosen(stored) == chosen(warm)
    assert {item.suggestion for item in stored.items} == {None}
    assert project.loop.replay(cold.query) == cold


def test_a_query_is_replayed_after_the_pool_grew(make: Make, picture: Callable[[int], bytes]) -> None:
    project = make(SQUARES).bring().train()
    query = project.loop.query(4)
    project.loop.add_images([picture(1), picture(2)])
    assert [job.state for job in project.work()] == ["succeeded"]
    assert project.loop.query(4).remaining == query.remaining + 2
    assert project.loop.replay(query.query) == query


def test_a_query_whose_project_file_changed_is_gone_rather_than_another(
    make: Make, another: Callable[[Project], Project]
) -> None:
    project = make().bring()
    query = project.loop.query(5)
    labels = project.loop.config.labels.model_copy(update={"control": 1.0})
    other = another(project)
    object.__setattr__(other.loop.config, "labels", labels)
    with pytest.raises(Gone, match="has changed"):
        other.loop.replay(query.query)


# ------------------------------------------------------------------- the live checkpoint


def test_a_promoted_checkpoint_without_scores_is_scored_first(make: Make) -> None:
    project = make(settings={"keep_scores": 1}).bring().train().train()
    project.loop.promote("r1")
    with pytest.raises(NotReady, match="needs probabilities"):
        project.loop.query(2)
    assert len(ids(project.loop.query(2, "random"))) == 2
    assert [(job.kind, job.state) for job in project.work()] == [("score", "succeeded")]
    assert project.loop.query(2).checkpoint == "r1"


def test_items_without_scores_are_not_asked_yet(make: Make, picture: Callable[[int], bytes]) -> None:
    project = make(SQUARES).bring().train()
    (added,) = project.loop.add_images([picture(1)])
    assert added not in ids(project.loop.query(100))
    project.work()
    assert added in ids(project.loop.query(100))
