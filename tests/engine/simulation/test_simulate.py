"""Simulations with the true labels of a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.engine import SQUARES, WAVE, ToyProject

from nextlabel.app import build_services, prepare
from nextlabel.contracts.errors import NextlabelError, ProjectError
from nextlabel.engine.evaluation.outcome_report import Outcome
from nextlabel.engine.features.extraction import extract
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import ProjectConfig, Projects
from nextlabel.engine.queries.service import QueryService
from nextlabel.engine.records import QueryAnswer
from nextlabel.engine.services import Services
from nextlabel.engine.settings import Settings
from nextlabel.engine.simulation import simulate as simulate_module
from nextlabel.engine.simulation.annotators import KINDS, Annotator
from nextlabel.engine.simulation.curves import curves
from nextlabel.engine.simulation.queried import SHOWN
from nextlabel.engine.simulation.simulate import Epoch, Plan, Point, Run, Watch, _label, simulate
from nextlabel.engine.training import pool_items

Make = Callable[..., ToyProject]


@pytest.fixture
def play(make: Make, registry: Registry) -> Callable[..., list[Point]]:
    homes: list[Path] = []

    def create_services(home: Path, config: ProjectConfig) -> Services:
        homes.append(home)
        settings = Settings(home=home, default_project=config.name, train_threads=1)
        prepare(settings)
        return build_services(settings, registry, Projects({config.name: config}, {}))

    def run(
        strategies: list[str],
        *table: Any,
        rounds: int = 2,
        seeds: int = 1,
        size: int = 4,
        watch: Watch | None = None,
        **tables: Any,
    ) -> list[Point]:
        start = tables.pop("start", None)
        own = ("annotators", "confusion", "look_alikes", "contents")
        options = {name: tables.pop(name) for name in own if name in tables}
        config = make(*table, **tables).project.config
        points = list(simulate(Plan(config, strategies, start, size, rounds, seeds, **options), create_services, watch))
        assert not any(home.exists() for home in homes)
        return points

    return run


def curve(points: list[Point]) -> list[tuple[str, int, int, int, float]]:
    return [(p.strategy, p.seed, p.round, p.labels, p.metrics["accuracy"]) for p in points]


@pytest.mark.slow
def test_simulations_are_reproducible(play: Callable[..., list[Point]]) -> None:
    first, second = (play(["margin"], dataset={"spread": 1.5}, seeds=2) for _ in range(2))
    assert curve(first) == curve(second)
    assert [(p.seed, p.round, p.labels) for p in first] == [(s, r, 6 + 4 * r) for s in range(2) for r in range(3)]


@pytest.mark.slow
def test_another_strategy_gets_the_scores_it_needs(play: Callable[..., list[Point]]) -> None:
    points = play(["toy-embedded", "toy-sampled", "random"], rounds=1)
    assert [(p.strategy, p.round) for p in points] == [
        (name, number) for name in ("toy-embedded", "toy-sampled", "random") for number in range(2)
    ]


def test_features_are_computed_once_for_all_runs(
    play: Callable[..., list[Point]], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []

    def extract_and_count(*arguments: Any, **options: Any) -> int:
        counts.append(extract(*arguments, **options))
        return counts[-1]

    monkeypatch.setattr(pool_items, "extract", extract_and_count)
    points = play(["random", "toy-embedded"], features={"plugin": "toy-scaled"}, seeds=2, rounds=1)
    assert len(points) == 8
    # each seed has its own points
    assert counts == [60, 60, 0, 0]


def test_the_projects_own_strategy_is_played_with_its_composition(
    play: Callable[..., list[Point]], registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them would run in the worker, and here runs in this process."""
    offer = registry.strategies["toy-near"]
    monkeypatch.setitem(registry.strategies, "toy-near", replace(offer, record=replace(offer.record, in_worker=True)))
    answers: list[QueryAnswer] = []
    create = QueryService.create
    monkeypatch.setattr(QueryService, "create", lambda *a, **k: answers.append(create(*a, **k)) or answers[-1])
    table = {"plugin": "margin", "then": {"plugin": "toy-near", "place": 3}, "also": [{"plugin": "random"}]}
    until = [{"plugin": "toy-first", "labels": 8}]
    play(["margin", "toy-near"], strategy={**table, "until": until})
    together = {"then": {"plugin": "toy-near", "place": 3}, "keep": 10}
    assert [(answer.strategy, answer.parameters) for answer in answers] == [
        ("toy-first", {}), ("margin", together), ("toy-near", {"place": 3}), ("toy-near", {"place": 3})
    ]  # fmt: skip


@pytest.mark.slow
def test_the_number_of_labels_at_the_start_can_be_set(play: Callable[..., list[Point]]) -> None:
    assert [p.labels for p in play(["random"], start=10)] == [10, 14, 18]


@pytest.mark.parametrize("stop", [{"labels": 9}, {"accuracy": 0.01}])
def test_a_run_ends_at_the_goal(play: Callable[..., list[Point]], stop: dict[str, float]) -> None:
    points = play(["random"], stop=stop, rounds=8)
    assert len(points) == (2 if "labels" in stop else 1)


def test_a_run_ends_by_the_test_split_only_without_a_hold_out(play: Callable[..., list[Point]]) -> None:
    tables = {"dataset": {"spread": 0.1, "tests": 9}, "stop": {"accuracy": 0.9}}
    without = play(["random"], **tables, labels={"holdout": 0.0})
    assert [(p.metrics["test_accuracy"], "accuracy" in p.metrics) for p in without] == [(1.0, False)]
    tables["dataset"]["wrong_tests"] = True
    assert len(play(["random"], **tables, labels={"holdout": 0.0})) == 3
    assert [(p.metrics["test_accuracy"], p.metrics["accuracy"]) for p in play(["random"], **tables)] == [(0.0, 1.0)]


def test_the_losses_of_epochs_are_passed_on(play: Callable[..., list[Point]]) -> None:
    epochs: list[Epoch] = []
    points = play(["random"], rounds=1, watch=Watch(epochs.append))
    assert [point.epochs for point in points] == [(1.0, 0.5), (1.0, 0.5)]
    run = Run("random", "exact", 0)
    assert epochs == [Epoch(run, number, epoch, 1 / epoch) for number in range(2) for epoch in (1, 2)]


def test_a_data_set_that_decides_the_first_labels_refuses_another_number(play: Callable[..., list[Point]]) -> None:
    tables: dict[str, Any] = {
        "dataset": {"plugin": "digits", "limit": 60, "labelled": 10},
        "learner": {"plugin": "label-spreading"},
        "labels": {"initial": 0, "holdout": 0.0},
        "rounds": 0,
    }
    for start in (None, 10):
        assert [point.labels for point in play(["random"], start=start, **tables)] == [10]
    for start in (0, 20):
        with pytest.raises(
            ProjectError, match=rf"cannot start with {start} labels: its data set itself .* these are 10"
        ):
            play(["random"], start=start, **tables)


def test_members_of_a_committee_each_have_epochs(play: Callable[..., list[Point]]) -> None:
    members = [{"plugin": "toy-ridge"}, {"plugin": "toy-ridge", "sharpness": 4.0}]
    points = play(["random"], rounds=0, learner={"plugin": "committee", "members": members})
    assert points[0].epochs == (1.0, 0.5, 1.0, 0.5)


@pytest.mark.parametrize("tests", [0, 9])
def test_the_outcome_of_the_last_round_is_what_was_measured(play: Callable[..., list[Point]], tests: int) -> None:
    outcomes: dict[Run, Outcome] = {}
    watch = Watch(outcome=outcomes.__setitem__)
    points = play(["random"], seeds=2, rounds=1, dataset={"spread": 1.5, "tests": tests}, watch=watch)
    assert list(outcomes) == [Run("random", "exact", seed) for seed in range(2)]
    for point in points[1::2]:
        outcome = outcomes[Run("random", "exact", point.seed)]
        assert outcome.split == ("test" if tests else "holdout")
        assert len(outcome.truth) == (tests or point.metrics["holdout"])
        accuracy = point.metrics["test_accuracy" if tests else "accuracy"]
        assert (outcome.predicted == outcome.truth).mean() == pytest.approx(accuracy)


def test_the_outcome_of_a_regression(play: Callable[..., list[Point]]) -> None:
    outcomes: dict[Run, Outcome] = {}
    points = play(["random"], WAVE, name="wave", rounds=0, watch=Watch(outcome=outcomes.__setitem__))
    (outcome,) = outcomes.values()
    assert outcome.classes == ()
    assert ((outcome.predicted - outcome.truth) ** 2).mean() ** 0.5 == pytest.approx(points[0].metrics["rmse"])


def test_queried_items_have_their_predicted_and_true_class(
    play: Callable[..., list[Point]], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[QueryAnswer] = []
    create = QueryService.create
    monkeypatch.setattr(QueryService, "create", lambda *a, **k: answers.append(create(*a, **k)) or answers[-1])
    points = play(["margin"], dataset={"spread": 1.5}, size=20, contents=True, seeds=2)
    assert points[0].queried == ()
    queried = [point.queried for point in points if point.round]
    assert [[(item.id, item.predicted) for item in items] for items in queried] == [
        [(item.id, item.suggestion.label) for item in answer.items if item.suggestion] for answer in answers
    ]
    wrong = [item.is_wrong for items in queried for item in items]
    assert wrong == [item.predicted != item.true for items in queried for item in items]
    assert 0 < sum(wrong) < len(wrong)
    # the contents of the first items of each round, in the first run
    assert [[item.vector is not None for item in items] for items in queried[:2]] == [
        [place < SHOWN for place in range(len(items))] for items in queried[:2]
    ]
    assert all(item.vector is None for items in queried[2:] for item in items)


def test_queried_images_are_recorded_as_png(play: Callable[..., list[Point]]) -> None:
    points = play(["random"], SQUARES, contents=True, rounds=1)
    image = points[1].queried[0].image
    assert image is not None
    assert image.startswith(b"\x89PNG")
    assert play(["random"], SQUARES, rounds=1)[1].queried[0].image is None


def test_queried_values_have_their_predicted_and_true_value(play: Callable[..., list[Point]]) -> None:
    points = play(["random"], WAVE, name="wave", rounds=1, contents=True)
    for item in points[1].queried:
        assert isinstance(item.predicted, float)
        assert isinstance(item.true, float)
        assert not item.is_wrong
        assert item.vector is not None


@pytest.mark.slow
def test_automatic_training_makes_no_difference(play: Callable[..., list[Point]]) -> None:
    """The labels would queue a training, which would conflict with the training of the round."""
    assert curve(play(["margin"], train={"every": 2})) == curve(play(["margin"]))


@pytest.mark.slow
@pytest.mark.parametrize("start", [0, 6])
@pytest.mark.parametrize("annotators", [["exact"], ["exact", "sets"]])
def test_candidate_sets_of_the_data_set_are_not_counted(
    play: Callable[..., list[Point]], annotators: list[str], start: int
) -> None:
    points = play(["random"], dataset={"sets": 0.9}, annotators=annotators, confusion=0.5, start=start)
    assert [p.labels for p in points] == [start, start + 4, start + 8] * len(annotators)
    assert points[0].metrics["labels"] > 30  # used in the training
    assert {tuple(labels for labels, _ in run) for curve in curves(points) for run in curve.runs} == {
        (start, start + 4, start + 8)
    }


@pytest.mark.slow
def test_a_goal_in_labels_does_not_count_those_of_the_data_set(play: Callable[..., list[Point]]) -> None:
    points = play(["random"], dataset={"sets": 0.9}, stop={"labels": 9}, rounds=8)
    assert [p.labels for p in points] == [6, 10]


def test_a_run_ends_when_the_pool_is_labelled(play: Callable[..., list[Point]]) -> None:
    points = play(["random"], dataset={"size": 15}, rounds=9)
    assert points[-1].labels == 12


@pytest.mark.slow
def test_regression(play: Callable[..., list[Point]]) -> None:
    points = play(["largest-std"], WAVE, name="wave", rounds=3)
    assert points[-1].metrics["rmse"] < points[0].metrics["rmse"]


@pytest.mark.slow
def test_a_data_set_without_labels_is_an_error(play: Callable[..., list[Point]]) -> None:
    with pytest.raises(NextlabelError, match="no label to learn from"):
        play(["random"], dataset={"known": False}, labels={"initial": 0})
    with pytest.raises(ProjectError, match="has no true labels to simulate with"):
        play(["random"], dataset={"known": False, "sets": 0.9}, labels={"initial": 0})


def test_an_error_despite_labels_does_not_name_the_option_for_labels(play: Callable[..., list[Point]]) -> None:
    with pytest.raises(NextlabelError, match=r"the toy broke$"):
        play(["random"], learner={"plugin": "toy-failing"}, dataset={"sets": 0.9}, labels={"initial": 0})


def test_items_without_a_true_label_are_skipped(make: Make, tmp_path: Path, image: Callable[..., bytes]) -> None:
    for number, name in enumerate(["cat/1.png", "dog/2.png", "unknown.png"]):
        path = tmp_path / "things" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image(number))
    table = {
        "title": "Things",
        "dataset": {"plugin": "folder", "path": str(tmp_path / "things")},
        "learner": {"plugin": "toy-ridge"},
    }
    project = make(table).import_dataset()
    labels, qualities = _label(project.services, project.project, ["unknown.png", "cat/1.png"], Annotator())
    assert qualities == ["full"]
    assert labels[0][1].skip
    assert labels[1][1].candidates == ("cat",)


@pytest.mark.slow
def test_annotators_label_the_same_items_and_pay_for_each(play: Callable[..., list[Point]]) -> None:
    points = play(["random"], annotators=list(KINDS), confusion=0.7, rounds=3, seeds=2)
    assert [(p.annotator, p.seed) for p in points[::4]] == [(kind, seed) for kind in KINDS for seed in range(2)]
    assert [p.labels for p in points] == [6, 10, 14, 18] * 10
    end = {(p.annotator, p.seed): p.metrics for p in points if p.round == 3}
    for seed in range(2):
        doubts = end["sets", seed]["partial"]
        # all annotators get the same random order, so they must have the same doubts
        assert end["skips", seed]["blank"] == doubts > 0
        assert 0 < end["forced", seed]["wrong"] < doubts
        assert end["habit", seed]["wrong"] <= doubts
        for kind in ("exact", "skips", "sets"):
            assert end[kind, seed]["wrong"] == 0
        assert end["skips", seed]["labels"] == 18 - doubts  # used in the training; 18 were paid for


@pytest.mark.slow
def test_simulations_of_confused_annotators_are_reproducible(play: Callable[..., list[Point]]) -> None:
    first, second = (play(["margin"], annotators=["forced", "sets"], confusion=0.5) for _ in range(2))
    assert [(p.annotator, p.round, p.labels, p.metrics["accuracy"], p.metrics["wrong"]) for p in first] == [
        (p.annotator, p.round, p.labels, p.metrics["accuracy"], p.metrics["wrong"]) for p in second
    ]


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "exact"])
def test_without_doubts_all_annotators_are_exact(play: Callable[..., list[Point]], kind: str) -> None:
    assert curve(play(["margin"], annotators=[kind], confusion=0.0)) == curve(play(["margin"]))


def test_exact_annotators_have_no_label_quality_metrics(play: Callable[..., list[Point]]) -> None:
    assert not {"wrong", "partial", "blank"} & play(["random"], rounds=0)[0].metrics.keys()


def test_items_that_stay_open_are_not_queried_again(play: Callable[..., list[Point]]) -> None:
    """Even if every label is a candidate set that leaves its item open, the run ends with the pool."""
    points = play(["margin"], dataset={"size": 15}, annotators=["sets"], confusion=1.0, rounds=9)
    assert points[-1].labels == 12
    assert points[-1].metrics["partial"] > 0


def test_a_label_with_every_class_is_paid_for_but_not_learnt_from(play: Callable[..., list[Point]]) -> None:
    every = [["red", "green", "blue"]]
    points = play(["random"], annotators=["sets"], confusion=1.0, look_alikes=every, rounds=1)
    assert [(p.labels, p.metrics["labels"], p.metrics["blank"]) for p in points] == [(6, 6, 0), (10, 6, 4)]


@pytest.mark.slow
def test_look_alikes_are_those_of_the_plan_or_the_nearest(play: Callable[..., list[Point]]) -> None:
    named = play(["random"], annotators=["sets"], look_alikes=[["green", "blue"]], rounds=0)
    assert named[0].look_alikes == (("green", "blue"),)
    # red lies at the corner, 3 from the others, which are 4.2 apart
    nearest = play(["random"], annotators=["exact", "sets"], rounds=0)
    assert nearest[0].look_alikes == ()
    assert len(nearest[1].look_alikes) == 1
    assert "red" in nearest[1].look_alikes[0]


@pytest.mark.parametrize(
    ("groups", "message"), [([["green", "grey"]], "no class is called 'grey'"), ([["green"]], "two or more classes")]
)
def test_invalid_look_alikes_are_reported_before_the_first_run(
    play: Callable[..., list[Point]], monkeypatch: pytest.MonkeyPatch, groups: list[list[str]], message: str
) -> None:
    monkeypatch.setattr(simulate_module, "train_here", lambda *_: pytest.fail("a run was started"))
    with pytest.raises(NextlabelError, match=message):
        play(["random"], annotators=["exact", "sets"], look_alikes=groups)


def test_regression_projects_cannot_be_confused(play: Callable[..., list[Point]]) -> None:
    with pytest.raises(ProjectError, match="no classes to confuse"):
        play(["largest-std"], WAVE, name="wave", annotators=["forced"])
