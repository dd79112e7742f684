"""The loop played by the data set's own labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine_help import WAVE, Project

from nextlabel.app import build_context, prepare
from nextlabel.contracts.errors import NextlabelError, ProjectError
from nextlabel.engine.context import Context
from nextlabel.engine.projects import ProjectConfig, Projects
from nextlabel.engine.registry import Registry
from nextlabel.engine.settings import Settings
from nextlabel.engine.simulating import Plan, Point, _answers, simulate

Make = Callable[..., Project]


@pytest.fixture
def play(make: Make, registry: Registry) -> Callable[..., list[Point]]:
    homes: list[Path] = []

    def wired(home: Path, config: ProjectConfig) -> Context:
        homes.append(home)
        settings = Settings(home=home, default_project=config.name, train_threads=1)
        prepare(settings)
        return build_context(settings, registry, Projects({config.name: config}, {}))

    def played(strategies: list[str], *table: Any, rounds: int = 2, seeds: int = 1, **tables: Any) -> list[Point]:
        start = tables.pop("start", None)
        config = make(*table, **tables).loop.config
        found = list(simulate(Plan(config, strategies, start, 4, rounds, seeds), wired))
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


def test_what_the_data_set_does_not_know_is_skipped(make: Make, tmp_path: Path, picture: Callable[..., bytes]) -> None:
    for number, name in enumerate(["cat/1.png", "dog/2.png", "unknown.png"]):
        path = tmp_path / "things" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number))
    table = {
        "title": "Things",
        "dataset": {"plugin": "folder", "path": str(tmp_path / "things")},
        "learner": {"plugin": "toy-ridge"},
    }
    project = make(table).bring()
    said = _answers(project.context, project.loop, ["unknown.png", "cat/1.png"])
    assert said[0].skip
    assert said[1].candidates == ("cat",)
