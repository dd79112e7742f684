"""The loop played with the data set's own labels, through the same engine that serves people."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from nextlabel.contracts.data import FloatArray, IntArray
from nextlabel.contracts.errors import NextlabelError, ProjectError
from nextlabel.engine.datasets.import_dataset import import_dataset
from nextlabel.engine.jobs.run_job import run_job
from nextlabel.engine.project import Project
from nextlabel.engine.project_files import ProjectConfig, StrategyChoice, Train
from nextlabel.engine.services import Services
from nextlabel.engine.simulation.annotators import (
    EXACT,
    Annotator,
    Group,
    Said,
    checked_groups,
    nearest_pairs,
    what_was_said,
)
from nextlabel.store import items, jobs
from nextlabel.store.labels import Label

ANNOTATOR = "simulated"
TOLD: tuple[Said, ...] = ("wrong", "partial", "blank")
"""What is counted of the answers."""


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
    annotators: Sequence[str] = (EXACT,)
    """Who answers, of `annotating.KINDS`: each plays every strategy and seed."""
    confusion: float = 0.0
    """How often an item of a class with look-alikes is in doubt, 0 to 1; `exact` is never."""
    look_alikes: Sequence[Sequence[str]] | None = None
    """Groups of classes; None: pairs by the means of the items outside the hold-out."""


@dataclass(frozen=True)
class Point:
    """The state after a training: one point of a learning curve."""

    strategy: str
    seed: int
    round: int
    labels: int
    """Items outside the hold-out that somebody spoke of; where more than `exact` is simulated, those
    at the start and an answer each since, so that one that says nothing costs as much. Sets that the
    data set gives are not counted: there it is the `[labels] initial` and an answer each since."""
    metrics: dict[str, float]
    """Of the checkpoint; where more than `exact` is simulated, also how many answers since the start
    were `wrong` (leave the truth out), `partial` (several classes) and `blank` (no class, or every one)."""
    annotator: str = EXACT
    look_alikes: tuple[Group, ...] = ()


def simulate(plan: Plan, make: Callable[[Path, ProjectConfig], Services]) -> Iterator[Point]:
    """Yield the points of every run, strategy by strategy, annotator by annotator, seed by seed.

    `make` wires an engine on an empty home folder for one project.
    """
    seeds = range(plan.project.seed, plan.project.seed + plan.seeds)
    for strategy, kind, seed in product(plan.strategies, plan.annotators, seeds):
        with TemporaryDirectory(prefix="nextlabel-simulate-") as folder:
            services = make(Path(folder), _variant(plan, strategy, seed))
            try:
                yield from _run(plan, services, strategy, kind, seed)
            finally:
                services.database.dispose()


def _run(plan: Plan, services: Services, strategy: str, kind: str, seed: int) -> Iterator[Point]:
    project = Project(services, services.projects.get(plan.project.name))
    several = list(plan.annotators) != [EXACT]
    # asked of every run, so that what is wrong with them is said before the first of many
    groups = _look_alikes(plan, services, project.config) if several else ()
    annotator = Annotator(kind) if kind == EXACT else Annotator(kind, seed, plan.confusion, groups)
    first, given, said = 0, False, Counter[Said]()
    for number in range(plan.rounds + 1):
        if number:
            query = project.queries.create(plan.size, strategy, ANNOTATOR)
            if not query.items:
                return
            # nobody is asked twice, so a set or a skip is not said again of the same item
            answers, words = _answers(services, project, [item.id for item in query.items], annotator)
            project.labels.submit(ANNOTATOR, answers)
            said.update(words)
        train_here(services, project)
        newest = project.models.checkpoints()[-1]
        metrics = dict(newest.metrics)
        labels = int(metrics["labels"])
        if number == 0:
            given = _gives_sets(services, project.config)
            # its sets speak of almost everything from the start, and nobody was paid for them
            first = project.config.labels.initial if given else labels
        if several or given:  # every answer is paid for, whatever it says
            labels = first + said.total()
        if several:
            metrics |= {word: float(said[word]) for word in TOLD}
        yield Point(strategy, seed, number, labels, metrics, kind, annotator.groups)
        goal = plan.project.stop
        if (goal.accuracy and metrics.get("accuracy", 0.0) >= goal.accuracy) or (goal.labels and labels >= goal.labels):
            return


def train_here(services: Services, project: Project) -> None:
    """Queue a training and run it in this process, as the worker's child would; raises what it met."""
    number = project.training.start()
    with services.database.write() as connection:
        job = jobs.claim(connection, "here", ("train",), time.time())
    if job is None or job.id != number:
        raise NextlabelError("another training waits in this home folder")
    run_job(services, job)
    with services.database.read() as connection:
        ended = jobs.get(connection, number)
    if ended is None or ended.state != "succeeded":
        raise NextlabelError(ended.error or f"the training was {ended.state}" if ended else "the training vanished")


def _variant(plan: Plan, strategy: str, seed: int) -> ProjectConfig:
    labels, own = plan.project.labels, plan.project.strategy
    if plan.start is not None:
        labels = labels.model_copy(update={"initial": plan.start})
    if strategy != own.plugin:  # the trainings are to compute what this one needs
        own = StrategyChoice(plugin=strategy)
    # each round trains by itself: one that the answers queue would stand in its way
    changed = {"seed": seed, "labels": labels, "strategy": own, "train": Train(every=0)}
    return plan.project.model_copy(update=changed)


def _gives_sets(services: Services, config: ProjectConfig) -> bool:
    """Return whether, before anybody is asked, an item outside the hold-out has a set of several classes."""
    state = services.state(services.row(config.name))
    return bool((state.labelled & state.labels.is_open & ~state.holdout).any())


def _look_alikes(plan: Plan, services: Services, config: ProjectConfig) -> tuple[Group, ...]:
    import_dataset(config, services.registry, services.settings, services.database, services.home)
    row = services.row(config.name)
    if not row.classes:
        raise ProjectError(f"project {config.name!r} has no classes to confuse; its annotator can only be {EXACT!r}")
    if plan.look_alikes is not None:
        return checked_groups(plan.look_alikes, row.classes)
    truth = _truth(services, config)
    state = services.state(row)
    known = np.flatnonzero((truth >= 0) & ~state.holdout)
    return nearest_pairs(services.items(state), known, truth[known].astype(np.int64), row.classes)


def _truth(services: Services, config: ProjectConfig) -> IntArray | FloatArray:
    truth = services.pool(config.name).truth
    if truth is None:
        raise ProjectError(f"the data set of project {config.name!r} knows no labels to simulate with")
    return truth


def _answers(
    services: Services, project: Project, ids: Sequence[str], annotator: Annotator
) -> tuple[list[tuple[str, Label]], list[Said]]:
    """Return an answer for each item, and what those of known class are worth."""
    truth = _truth(services, project.config)
    classes = services.row(project.config.name).classes
    with services.database.read() as connection:
        found = items.by_ids(connection, project.config.name, ids)
    answers: list[tuple[str, Label]] = []
    words: list[Said] = []
    for identity in ids:
        known = truth[found[identity].position]
        if (classes and known < 0) or np.isnan(known):
            answers.append((identity, Label(skip=True)))  # the data set does not know it
        elif classes:
            label = annotator.answer(identity, classes[int(known)])
            answers.append((identity, label))
            words.append(what_was_said(label, classes[int(known)], classes))
        else:
            answers.append((identity, Label(value=float(known))))
    return answers, words
