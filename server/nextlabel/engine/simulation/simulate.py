"""Simulation of the labelling loop with the true labels of a data set, through the engine that serves annotators."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from nextlabel.contracts.data import FloatArray, IntArray
from nextlabel.contracts.errors import NextlabelError, ProjectError
from nextlabel.engine.datasets.import_dataset import fixed_start, import_dataset
from nextlabel.engine.evaluation.last_outcome import last_outcome
from nextlabel.engine.evaluation.outcome_report import Outcome
from nextlabel.engine.jobs.run_job import run_job
from nextlabel.engine.project import Project
from nextlabel.engine.project_files import ProjectConfig, Stop, StrategyChoice, Train
from nextlabel.engine.services import Services
from nextlabel.engine.simulation.annotators import (
    EXACT,
    Annotator,
    Group,
    LabelQuality,
    label_quality,
    nearest_pairs,
    validate_groups,
)
from nextlabel.engine.simulation.fit import Fit, current_fit
from nextlabel.engine.simulation.queried import QueriedItem, queried_items
from nextlabel.engine.strategies import check_strategies
from nextlabel.engine.training.commit import Report
from nextlabel.store import items, jobs
from nextlabel.store.labels import Label

ANNOTATOR = "simulated"
COUNTED: tuple[LabelQuality, ...] = ("wrong", "partial", "blank")
"""Qualities of labels whose counts are added to the metrics."""
_MEASURED_ON = ("", "test_", "unlabelled_")
"""Prefixes of the metrics on the hold-out, the test split and the unlabelled items."""


@dataclass(frozen=True)
class Plan:
    """The plan of a simulation."""

    project: ProjectConfig
    strategies: Sequence[str]
    """The project's own is played with the strategies that it is composed with, any other alone."""
    start: int | None
    """Labels at the start; None for the number in the project file."""
    size: int
    """Labels per round."""
    rounds: int
    seeds: int
    """Runs per strategy, with the project's seed and the seeds that follow it."""
    annotators: Sequence[str] = (EXACT,)
    """Names of `annotators.KINDS`; each is simulated with every strategy and seed."""
    confusion: float = 0.0
    """Probability, 0 to 1, that an item whose class has look-alikes is in doubt, except to `exact`."""
    look_alikes: Sequence[Sequence[str]] | None = None
    """Groups of classes; None for pairs with the nearest means, over the items outside the hold-out."""
    contents: bool = False
    """Whether to record what is drawn: images or vectors of items asked in the first run of each strategy, and fits."""


@dataclass(frozen=True)
class Run:
    """One run of a simulation."""

    strategy: str
    annotator: str
    seed: int


@dataclass(frozen=True)
class Epoch:
    """The end of an epoch of a training."""

    run: Run
    round: int
    number: int
    """From 1; the members of a committee train one after the other, and each begins with 1."""
    loss: float


@dataclass(frozen=True)
class Watch:
    """Functions that receive what happens in a simulation besides its points."""

    epoch: Callable[[Epoch], None] = lambda _epoch: None
    outcome: Callable[[Run, Outcome], None] | None = None
    """Receives the predictions of each run's last checkpoint for the items that it was measured on."""


@dataclass(frozen=True)
class Point:
    """The state after one training: one point of a learning curve."""

    strategy: str
    seed: int
    round: int
    labels: int
    """Labels paid for: the items outside the hold-out that have one.

    If other annotators than `exact` are simulated, it is the labels at the start plus one per item
    queried since, so that a skip costs as much as a label. Candidate sets that are part of the data
    set are not counted; then the labels at the start are the `[labels] initial` of the project file."""
    metrics: dict[str, float]
    """Metrics of the checkpoint.

    If other annotators than `exact` are simulated, also how many labels since the start were `wrong`
    (exclude the true class), `partial` (several classes) and `blank` (a skip, or every class)."""
    annotator: str = EXACT
    look_alikes: tuple[Group, ...] = ()
    epochs: tuple[float, ...] = ()
    """The loss of each epoch of the training, as the learner reports it."""
    queried: tuple[QueriedItem, ...] = ()
    """The items queried in this round, before the training."""
    fit: Fit | None = None
    """The fit of a regression on single numbers, in the first of all runs, if contents are recorded."""


def simulate(
    plan: Plan, make: Callable[[Path, ProjectConfig], Services], watch: Watch | None = None
) -> Iterator[Point]:
    """Yield the points of every run, by strategy, then annotator, then seed.

    `make` returns services on an empty home folder for one project.
    """
    watch = watch or Watch()
    seeds = range(plan.project.seed, plan.project.seed + plan.seeds)
    with TemporaryDirectory(prefix="nextlabel-simulate-") as features:
        for strategy, kind, seed in product(plan.strategies, plan.annotators, seeds):
            with TemporaryDirectory(prefix="nextlabel-simulate-") as folder:
                (Path(folder) / "features").symlink_to(features)  # computed once for all runs
                services = make(Path(folder), _variant(plan, strategy, seed))
                try:
                    run = Run(strategy, kind, seed)
                    yield from _points(plan, services, run, watch)
                    last = last_outcome(services, plan.project.name) if watch.outcome else None
                    if watch.outcome and last:
                        watch.outcome(run, last)
                finally:
                    services.database.dispose()


def _points(plan: Plan, services: Services, run: Run, watch: Watch) -> Iterator[Point]:
    """Yield the points of one run."""
    kind, seed = run.annotator, run.seed
    first = (plan.annotators[0], plan.project.seed)
    project = Project(services, services.projects.get(plan.project.name))
    _check_plan(plan, services, project.config)
    confused = list(plan.annotators) != [EXACT]
    # validated in every run, even if its annotator is exact, so that an error comes before the first of many runs
    groups = _look_alikes(plan, services, project.config) if confused else ()
    annotator = Annotator(kind) if kind == EXACT else Annotator(kind, seed, plan.confusion, groups)
    start, has_sets, counts = 0, False, Counter[LabelQuality]()
    for number in range(plan.rounds + 1):
        queried: tuple[QueriedItem, ...] = ()
        if number:
            query = project.queries.create(plan.size, None, ANNOTATOR, here=True)
            if not query.items:
                return
            contents = plan.contents and (kind, seed) == first
            queried = queried_items(services, query, _truth(services, project.config), contents=contents)
            # queries never return an item twice, so an item that stays open is not labelled again
            labelled, qualities = _label(services, project, [item.id for item in query.items], annotator)
            project.labels.submit(ANNOTATOR, labelled)
            counts.update(qualities)
        try:
            losses: list[float] = []
            train_here(services, project, _epochs(losses, run, number, watch))
        except NextlabelError as error:
            state = services.state(services.row(plan.project.name))
            if (state.labelled & ~state.holdout).any():
                raise
            raise NextlabelError(f"{error}; --start gives the simulation labels to start with") from error
        newest = project.models.checkpoints()[-1]
        metrics = dict(newest.metrics)
        labels = int(metrics["labels"])
        if number == 0:
            has_sets = _has_sets(services, project.config)
            # candidate sets of the data set cover almost every item from the start, at no cost
            start = project.config.labels.initial if has_sets else labels
        if confused or has_sets:  # every label and skip is paid for
            labels = start + counts.total()
        if confused:
            metrics |= {quality: float(counts[quality]) for quality in COUNTED}
        yield Point(
            run.strategy, seed, number, labels, metrics, kind, annotator.groups,
            epochs=tuple(losses), queried=queried, fit=_fit(plan, services, run),
        )  # fmt: skip
        if _reached(plan.project.stop, metrics, labels):
            return


def _epochs(losses: list[float], run: Run, round_: int, watch: Watch) -> Report:
    """Return a function that receives what a training reports, and adds the loss of each epoch to `losses`."""

    def listen(_share: float, reported: Mapping[str, float]) -> None:
        if "epoch" in reported and "loss" in reported:
            losses.append(reported["loss"])
            watch.epoch(Epoch(run, round_, int(reported["epoch"]), reported["loss"]))

    return listen


def _fit(plan: Plan, services: Services, run: Run) -> Fit | None:
    """Return the newest checkpoint's fit if it will be drawn: in the first of all runs."""
    if not plan.contents or run != Run(plan.strategies[0], plan.annotators[0], plan.project.seed):
        return None
    return current_fit(services, plan.project.name, _truth(services, plan.project))


def _reached(goal: Stop, metrics: Mapping[str, float], labels: int) -> bool:
    """Return whether a run reached its goal. Without a hold-out, the test split or the unlabelled items decide."""
    accuracy = next((metrics[f"{on}accuracy"] for on in _MEASURED_ON if f"{on}accuracy" in metrics), 0.0)
    rmse = next((metrics[f"{on}rmse"] for on in _MEASURED_ON if f"{on}rmse" in metrics), math.inf)
    return (
        (goal.accuracy is not None and accuracy >= goal.accuracy)
        or (goal.rmse is not None and rmse <= goal.rmse)
        or (goal.labels is not None and labels >= goal.labels)
    )


def train_here(services: Services, project: Project, listen: Report | None = None) -> None:
    """Queue a training and run it in this process. Raises NextlabelError if it fails.

    `listen` receives all that it reports.
    """
    number = project.start_training()
    with services.database.write() as connection:
        job = jobs.claim(connection, "here", ("train",), time.time())
    if job is None or job.id != number:
        raise NextlabelError("another training is queued in this home folder")
    run_job(services, job, listen=listen)
    with services.database.read() as connection:
        ended = jobs.get(connection, number)
    if ended is None or ended.state != "succeeded":
        raise NextlabelError(
            ended.error or f"the training was {ended.state}" if ended else "the training job was deleted"
        )


def _variant(plan: Plan, strategy: str, seed: int) -> ProjectConfig:
    labels, own = plan.project.labels, plan.project.strategy
    if plan.start is not None:
        labels = labels.model_copy(update={"initial": plan.start})
    if strategy != own.plugin:  # so that trainings compute the scores this strategy needs
        own = StrategyChoice.model_validate({"plugin": strategy, **own.named(strategy).parameters})
    # each round starts its own training, which would conflict with one queued by the labels
    changed = {"seed": seed, "labels": labels, "strategy": own, "train": Train(every=0)}
    return plan.project.model_copy(update=changed)


def _check_plan(plan: Plan, services: Services, config: ProjectConfig) -> None:
    """Import the data set.

    Raises ProjectError if any strategy of the plan does not fit its classes, or if the data set decides
    which items are labelled at the start, and it is another number.
    """
    import_dataset(config, services.registry, services.settings, services.database, services.home)
    by_class = bool(services.row(config.name).classes)
    for strategy in plan.strategies:  # all of them before the first run
        check_strategies(services.registry, _variant(plan, strategy, config.seed), by_class=by_class)
    if plan.start is None:
        return
    state = services.state(services.row(config.name))
    labelled = int((state.labelled & ~state.holdout).sum())
    if labelled != plan.start and not _has_sets(services, config):
        raise ProjectError(fixed_start(config.name, plan.start, labelled))


def _has_sets(services: Services, config: ProjectConfig) -> bool:
    """Return whether an item outside the hold-out has several candidates before the first query."""
    state = services.state(services.row(config.name))
    return bool((state.labelled & state.labels.is_open & ~state.holdout).any())


def _look_alikes(plan: Plan, services: Services, config: ProjectConfig) -> tuple[Group, ...]:
    row = services.row(config.name)
    if not row.classes:
        raise ProjectError(f"project {config.name!r} has no classes to confuse; the only valid annotator is {EXACT!r}")
    if plan.look_alikes is not None:
        return validate_groups(plan.look_alikes, row.classes)
    truth = _truth(services, config)
    state = services.state(row)
    known = np.flatnonzero((truth >= 0) & ~state.holdout)
    return nearest_pairs(services.items(state), known, truth[known].astype(np.int64), row.classes)


def _truth(services: Services, config: ProjectConfig) -> IntArray | FloatArray:
    truth = services.pool(config.name).truth
    if truth is None:
        raise ProjectError(f"the data set of project {config.name!r} has no true labels to simulate with")
    return truth


def _label(
    services: Services, project: Project, ids: Sequence[str], annotator: Annotator
) -> tuple[list[tuple[str, Label]], list[LabelQuality]]:
    """Return a label for each item, and the quality of the labels for items whose true class is known."""
    truth = _truth(services, project.config)
    classes = services.row(project.config.name).classes
    with services.database.read() as connection:
        rows = items.by_ids(connection, project.config.name, ids)
    labelled: list[tuple[str, Label]] = []
    qualities: list[LabelQuality] = []
    for identity in ids:
        known = truth[rows[identity].position]
        if (classes and known < 0) or np.isnan(known):
            labelled.append((identity, Label(skip=True)))  # its true class is unknown
        elif classes:
            label = annotator.label(identity, classes[int(known)])
            labelled.append((identity, label))
            qualities.append(label_quality(label, classes[int(known)], classes))
        else:
            labelled.append((identity, Label(value=float(known))))
    return labelled, qualities
