"""The loop played with the data set's own labels, through the same engine that serves people."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from nextlabel.contracts.errors import NextlabelError, ProjectError
from nextlabel.engine.answers import LabelInput
from nextlabel.engine.context import Context
from nextlabel.engine.loop import Loop
from nextlabel.engine.projects import ProjectConfig, StrategyChoice
from nextlabel.engine.running import run_job
from nextlabel.store import items, jobs

ANNOTATOR = "simulated"


@dataclass(frozen=True)
class Plan:
    """What to simulate."""

    project: ProjectConfig
    strategies: Sequence[str]
    start: int | None
    """Labels at the start; None: as many as the project says."""
    size: int
    """Labels a round."""
    rounds: int
    seeds: int
    """Runs a strategy, with the project's seed and those behind it."""


@dataclass(frozen=True)
class Point:
    """The state after a training: one point of a learning curve."""

    strategy: str
    seed: int
    round: int
    labels: int
    metrics: dict[str, float]


def simulate(plan: Plan, make: Callable[[Path, ProjectConfig], Context]) -> Iterator[Point]:
    """Yield the points of every run, strategy by strategy, seed by seed.

    `make` wires an engine on an empty home folder for one project.
    """
    for strategy in plan.strategies:
        for seed in range(plan.project.seed, plan.project.seed + plan.seeds):
            with TemporaryDirectory(prefix="nextlabel-simulate-") as folder:
                context = make(Path(folder), _variant(plan, strategy, seed))
                try:
                    yield from _run(plan, context, strategy, seed)
                finally:
                    context.database.dispose()


def _run(plan: Plan, context: Context, strategy: str, seed: int) -> Iterator[Point]:
    loop = Loop(context, context.projects.get(plan.project.name))
    for number in range(plan.rounds + 1):
        if number:
            query = loop.query(plan.size, strategy, ANNOTATOR)
            if not query.items:
                return
            loop.submit(ANNOTATOR, _answers(context, loop, [item.id for item in query.items]))
        train_here(context, loop)
        newest = loop.checkpoints()[-1]
        metrics = dict(newest.metrics)
        labels = int(metrics["labels"])
        yield Point(strategy, seed, number, labels, metrics)
        goal = plan.project.stop
        if (goal.accuracy and metrics.get("accuracy", 0.0) >= goal.accuracy) or (goal.labels and labels >= goal.labels):
            return


def train_here(context: Context, loop: Loop) -> None:
    """Queue a training and run it in this process, as the worker's child would; raises what it met."""
    number = loop.train()
    with context.database.write() as connection:
        job = jobs.claim(connection, "here", ("train",), time.time())
    if job is None or job.id != number:
        raise NextlabelError("another training waits in this home folder")
    run_job(context, job)
    with context.database.read() as connection:
        ended = jobs.get(connection, number)
    if ended is None or ended.state != "succeeded":
        raise NextlabelError(ended.error or f"the training was {ended.state}" if ended else "the training vanished")


def _variant(plan: Plan, strategy: str, seed: int) -> ProjectConfig:
    labels, own = plan.project.labels, plan.project.strategy
    if plan.start is not None:
        labels = labels.model_copy(update={"initial": plan.start})
    if strategy != own.plugin:  # the trainings are to compute what this one needs
        own = StrategyChoice(plugin=strategy)
    return plan.project.model_copy(update={"seed": seed, "labels": labels, "strategy": own})


def _answers(context: Context, loop: Loop, ids: Sequence[str]) -> list[LabelInput]:
    truth = context.pool(loop.config.name).truth
    if truth is None:
        raise ProjectError(f"the data set of project {loop.config.name!r} knows no labels to simulate with")
    classes = context.row(loop.config.name).classes
    with context.database.read() as connection:
        found = items.by_ids(connection, loop.config.name, ids)
    return [_answer(identity, classes, truth[found[identity].position]) for identity in ids]


def _answer(identity: str, classes: Sequence[str], truth: float) -> LabelInput:
    if (classes and truth < 0) or np.isnan(truth):
        return LabelInput(identity, skip=True)  # the data set does not know it
    if classes:
        return LabelInput(identity, candidates=(classes[int(truth)],))
    return LabelInput(identity, value=float(truth))
