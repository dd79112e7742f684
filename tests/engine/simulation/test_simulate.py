"""The loop played by the data set's own labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.engine import WAVE, ToyProject

from nextlabel.app import build_services, prepare
from nextlabel.contracts.errors import NextlabelError, ProjectError
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import ProjectConfig, Projects
from nextlabel.engine.services import Services
from nextlabel.engine.settings import Settings
from nextlabel.engine.simulation import simulate as simulate_module
from nextlabel.engine.simulation.annotators import KINDS, Annotator
from nextlabel.engine.simulation.curves import curves
from nextlabel.engine.simulation.simulate import Plan, Point, _answers, simulate

Make = Callable[..., ToyProject]


@pytest.fixture
def play(make: Make, registry: Registry) -> Callable[..., list[Point]]:
    homes: list[Path] = []

    def wired(home: Path, config: ProjectConfig) -> Services:
        homes.append(home)
        settings = Settings(home=home, default_project=config.name, train_threads=1)
        prepare(settings)
        return build_services(settings, registry, Projects({config.name: config}, {}))

    def played(strategies: list[str], *table: Any, rounds: int = 2, seeds: int = 1, **tables: Any) -> list[Point]:
        start = tables.pop("start", None)
        who = {name: tables.pop(name) for name in ("annotators", "confusion", "look_alikes") if name in tables}
        config = make(*table, **tables).project.config
        found = list(simulate(Plan(config, strategies, start, 4, rounds, seeds, **who), wired))
        assert not any(home.exists() for home in homes)
        return found

    return played


def curve(points: list[Point]) -> list[tuple[str, int, int, int, float]]:
    return [(p.strategy, p.seed, p.round, p.labels, p.metrics["accuracy"]) for p in points]


def test_twice_the_same_curve(play: Callable[..., list[Point]]) -> None:
    one, other = (play(["margin"], dataset={"spread": 1.5}, seeds=2) for _ in range(2))
    assert curve(one) == curve(other)
    assert [(p.seed, p.round, p.labels) for p in one] == [(s, r, 6 + 4 * r) for s in range(2) for r in range(3)]


def test_a_strategy_that_is_not_the_projects_own_gets_what_it_needs(play: Callable[..., list[Point]]) -> None:
    points = play(["toy-embedded", "toy-sampled", "random"], rounds=1)
    assert [(p.strategy, p.round) for p in points] == [
        (name, number) for name in ("toy-embedded", "toy-sampled", "random") for number in range(2)
    ]


def test_the_start_can_be_said(play: Callable[..., list[Point]]) -> None:
    assert [p.labels for p in play(["random"], start=10)] == [10, 14, 18]


@pytest.mark.parametrize("stop", [{"labels": 9}, {"accuracy": 0.01}])
def test_it_stops_at_the_goal(play: Callable[..., list[Point]], stop: dict[str, float]) -> None:
    points = play(["random"], stop=stop, rounds=8)
    assert len(points) == (2 if "labels" in stop else 1)


def test_a_project_that_trains_by_itself_is_played_like_any_other(play: Callable[..., list[Point]]) -> None:
    """Its answers would queue a training of their own, in the way of the round's."""
    assert curve(play(["margin"], train={"every": 2})) == curve(play(["margin"]))


@pytest.mark.parametrize("start", [0, 6])
@pytest.mark.parametrize("who", [["exact"], ["exact", "sets"]])
def test_sets_that_the_data_set_gives_are_no_labels_paid_for(
    play: Callable[..., list[Point]], who: list[str], start: int
) -> None:
    points = play(["random"], dataset={"sets": 0.9}, annotators=who, confusion=0.5, start=start)
    assert [p.labels for p in points] == [start, start + 4, start + 8] * len(who)
    assert points[0].metrics["labels"] > 30  # what was learnt from
    assert {tuple(labels for labels, _ in run) for found in curves(points) for run in found.runs} == {
        (start, start + 4, start + 8)
    }


def test_a_goal_of_labels_is_met_by_those_paid_for(play: Callable[..., list[Point]]) -> None:
    points = play(["random"], dataset={"sets": 0.9}, stop={"labels": 9}, rounds=8)
    assert [p.labels for p in points] == [6, 10]


def test_it_ends_with_the_pool(play: Callable[..., list[Point]]) -> None:
    points = play(["random"], dataset={"size": 15}, rounds=9)
    assert points[-1].labels == 12


def test_regression(play: Callable[..., list[Point]]) -> None:
    points = play(["tiny-largest-std"], WAVE, name="wave", rounds=3)
    assert points[-1].metrics["rmse"] < points[0].metrics["rmse"]


def test_without_labels_there_is_nothing_to_play_with(play: Callable[..., list[Point]]) -> None:
    with pytest.raises(NextlabelError, match="no label to learn from"):
        play(["random"], dataset={"known": False}, labels={"initial": 0})
    with pytest.raises(ProjectError, match="knows no labels to simulate with"):
        play(["random"], dataset={"known": False, "sets": 0.9}, labels={"initial": 0})


def test_what_the_data_set_does_not_know_is_skipped(make: Make, tmp_path: Path, image: Callable[..., bytes]) -> None:
    for number, name in enumerate(["cat/1.png", "dog/2.png", "unknown.png"]):
        path = tmp_path / "things" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image(number))
    table = {
        "title": "Things",
        "dataset": {"plugin": "folder", "path": str(tmp_path / "things")},
        "learner": {"plugin": "toy-ridge"},
    }
    project = make(table).bring()
    said, worth = _answers(project.services, project.project, ["unknown.png", "cat/1.png"], Annotator())
    assert worth == ["full"]
    assert said[0].skip
    assert said[1].candidates == ("cat",)


def test_annotators_are_asked_the_same_and_pay_for_every_answer(play: Callable[..., list[Point]]) -> None:
    points = play(["random"], annotators=list(KINDS), confusion=0.7, rounds=3, seeds=2)
    assert [(p.annotator, p.seed) for p in points[::4]] == [(kind, seed) for kind in KINDS for seed in range(2)]
    assert [p.labels for p in points] == [6, 10, 14, 18] * 10
    end = {(p.annotator, p.seed): p.metrics for p in points if p.round == 3}
    for seed in range(2):
        doubts = end["sets", seed]["partial"]
        # the random order is the same for everyone, so the doubts must be
        assert end["skips", seed]["blank"] == doubts > 0
        assert 0 < end["forced", seed]["wrong"] < doubts
        assert end["habit", seed]["wrong"] <= doubts
        for kind in ("exact", "skips", "sets"):
            assert end[kind, seed]["wrong"] == 0
        assert end["skips", seed]["labels"] == 18 - doubts  # what was learnt from; what was asked is 18


def test_confused_annotators_are_as_repeatable(play: Callable[..., list[Point]]) -> None:
    one, other = (play(["margin"], annotators=["forced", "sets"], confusion=0.5) for _ in range(2))
    assert [(p.annotator, p.round, p.labels, p.metrics["accuracy"], p.metrics["wrong"]) for p in one] == [
        (p.annotator, p.round, p.labels, p.metrics["accuracy"], p.metrics["wrong"]) for p in other
    ]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "exact"])
def test_without_doubts_everyone_is_exact(play: Callable[..., list[Point]], kind: str) -> None:
    assert curve(play(["margin"], annotators=[kind], confusion=0.0)) == curve(play(["margin"]))


def test_an_exact_simulation_counts_no_answers(play: Callable[..., list[Point]]) -> None:
    assert not {"wrong", "partial", "blank"} & play(["random"], rounds=0)[0].metrics.keys()


def test_nobody_is_asked_twice_whatever_was_said(play: Callable[..., list[Point]]) -> None:
    """In doubt of everything, with sets that leave every item open: the pool still ends."""
    points = play(["margin"], dataset={"size": 15}, annotators=["sets"], confusion=1.0, rounds=9)
    assert points[-1].labels == 12
    assert points[-1].metrics["partial"] > 0


def test_a_set_of_every_class_costs_a_label_and_says_nothing(play: Callable[..., list[Point]]) -> None:
    every = [["red", "green", "blue"]]
    points = play(["random"], annotators=["sets"], confusion=1.0, look_alikes=every, rounds=1)
    assert [(p.labels, p.metrics["labels"], p.metrics["blank"]) for p in points] == [(6, 6, 0), (10, 6, 4)]


def test_look_alikes_are_those_said_or_the_nearest(play: Callable[..., list[Point]]) -> None:
    said = play(["random"], annotators=["sets"], look_alikes=[["green", "blue"]], rounds=0)
    assert said[0].look_alikes == (("green", "blue"),)
    # red lies at the corner, 3 from the others, which are 4.2 apart
    found = play(["random"], annotators=["exact", "sets"], rounds=0)
    assert found[0].look_alikes == ()
    assert len(found[1].look_alikes) == 1
    assert "red" in found[1].look_alikes[0]


@pytest.mark.parametrize(
    ("groups", "why"), [([["green", "grey"]], "no class is called 'grey'"), ([["green"]], "two classes")]
)
def test_what_is_wrong_with_look_alikes_is_told_before_anyone_plays(
    play: Callable[..., list[Point]], monkeypatch: pytest.MonkeyPatch, groups: list[list[str]], why: str
) -> None:
    monkeypatch.setattr(simulate_module, "train_here", lambda *_: pytest.fail("somebody played"))
    with pytest.raises(NextlabelError, match=why):
        play(["random"], annotators=["exact", "sets"], look_alikes=groups)


def test_values_cannot_be_confused(play: Callable[..., list[Point]]) -> None:
    with pytest.raises(ProjectError, match="no classes to confuse"):
        play(["tiny-largest-std"], WAVE, name="wave", annotators=["forced"])
