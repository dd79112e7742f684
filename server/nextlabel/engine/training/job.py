"""The training job: prepare, fit, score the pool, write the checkpoint, and commit it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nextlabel.contracts.data import FloatArray, GraphItems, IntArray, Items
from nextlabel.contracts.errors import NextlabelError, PluginError, ProjectError
from nextlabel.contracts.interfaces import Learner, Model, Training
from nextlabel.engine.checkpoints.serialization import TrainingInfo, read_model, trained_with_other_holdout, write_model
from nextlabel.engine.committee.committee_model import Committee, member_tensors
from nextlabel.engine.datasets.import_dataset import import_dataset
from nextlabel.engine.features.embedder import FeatureCard
from nextlabel.engine.fitted import fitted_items
from nextlabel.engine.images.image_items import unreadable_positions
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.metrics import metrics
from nextlabel.engine.plugins.parameters import build
from nextlabel.engine.project_files import PluginChoice, ProjectConfig
from nextlabel.engine.random_streams import derive
from nextlabel.engine.retry import retry_while_busy
from nextlabel.engine.scheduling import queue_due
from nextlabel.engine.scores import Arrays, open_scores
from nextlabel.engine.services import Services
from nextlabel.engine.strategies import check_strategies
from nextlabel.engine.training.cleanup import drop_old_scores, removed_on_failure
from nextlabel.engine.training.commit import Report, finish_job
from nextlabel.engine.training.features import feature_source
from nextlabel.engine.training.own_test_split import measure_test_split
from nextlabel.engine.training.pool_items import PoolItems
from nextlabel.engine.training.promotion import decide_promotion, holdout_rows, score_holdout
from nextlabel.engine.training.resume import resume_folder
from nextlabel.engine.training.scoring import StoredArrays, score_and_prepare
from nextlabel.engine.training.unlabelled_items import measure_unlabelled
from nextlabel.store import checkpoints, items, projects
from nextlabel.store.atomic import new_folder
from nextlabel.store.checkpoint_files import read_training_state
from nextlabel.store.checkpoints import CheckpointRow, ScoringRow
from nextlabel.store.jobs import JobRow
from nextlabel.store.projects import ProjectRow

_EMBEDDED = 0.5
"""Share of a job's progress once missing features are computed; without any, the fit starts at 0."""
_FIT = 0.85
"""Share of a job's progress that is the fit."""
_SCORED = _FIT + 0.9 * (1 - _FIT)
"""Share of a job's progress that is done once the pool is scored."""
_TESTED = 0.995
"""Share of a job's progress that is done once the test split is measured."""


@dataclass(frozen=True)
class _Plan:
    """The inputs of a training, and the folders that it writes."""

    config: ProjectConfig
    row: ProjectRow
    state: PoolState
    """The pool with its labels as they are when the training starts."""
    pool: PoolItems
    features: FeatureCard | None
    """The source of the items' features; None: the learner takes the items themselves."""
    items: Items
    """The items as the learner takes them."""
    number: int
    """The new checkpoint's number."""
    name: str
    seed: int
    start: Model | None
    start_state: Mapping[str, np.ndarray[Any, Any]]
    """The training state of `start`."""
    start_name: str | None
    resume: Path
    """The folder that the learner resumes from if it was killed."""
    scores: Path
    """The folder of the new checkpoint's scores."""
    folder: Path
    """The new checkpoint's folder."""


@dataclass(frozen=True)
class _Scored:
    """The new checkpoint's scores of the pool, and how good they are on the hold-out."""

    stored: StoredArrays
    """Names of the arrays of scores, and of those that strategies prepared."""
    positions: IntArray
    """(k,): held-out positions with a known label and a readable file."""
    truth: IntArray | FloatArray
    """(k,): their labels."""
    holdout: Arrays
    """The predictions for them, by name."""
    metrics: dict[str, float]


def train(services: Services, job: JobRow, report: Report) -> None:
    """Run a claimed training job.

    The transaction that makes the checkpoint visible also marks the job as succeeded.
    """
    began = time.time()
    plan = _prepare(services, job, report)
    model = _fit(services, plan, report)
    with removed_on_failure(services, plan.scores, plan.folder):
        scored = _score(services, plan, model, began, report)
        card = _write(services, plan, model, scored)
        while not _commit(services, job, plan, scored, card, report):
            pass  # another checkpoint went live meanwhile: compare with that one
    shutil.rmtree(plan.resume.parent, ignore_errors=True)
    drop_old_scores(services, plan.config.name)


def _import(services: Services, config: ProjectConfig) -> str | None:
    """Import the data set if needed, and return a line that explains what the pool is without it.

    An error of a data set that was to join a sample does not stop the training, which goes on with what is there.
    """
    try:
        return import_dataset(config, services.registry, services.settings, services.database, services.home)
    except NextlabelError as error:
        with services.database.read() as connection:
            filled = projects.get(connection, config.name) is not None and items.count(connection, config.name) > 0
        if not filled:
            raise
        return f"{error}; the pool of project {config.name!r} stays as it is"


def _prepare(services: Services, job: JobRow, report: Report) -> _Plan:
    """Import the data set if needed, read labels and live model, compute missing features, clear the folder."""
    config = services.projects.get(job.project)
    message = _import(services, config)
    if message is not None:
        print(message, flush=True)  # noqa: T201 - the job's log
    row = services.row(config.name)
    check_strategies(services.registry, config, by_class=bool(row.classes))
    state = services.state(row)
    with services.database.read() as connection:
        number = checkpoints.next_number(connection, config.name)
        live = checkpoints.get(connection, config.name, row.live) if row.live else None
    name = f"r{number}"
    from_scratch = bool(job.parameters.get("from_scratch"))
    pool = PoolItems(services, state, lambda done: report(done * _EMBEDDED, {}))
    features = pool.features_of(config)
    start: Model | None = None
    start_state: Mapping[str, np.ndarray[Any, Any]] = {}
    if live is not None and not from_scratch:
        start, start_state = _start_model(services, live, row, config, features)
    start_name = live.name if live and start else None
    # a bundled checkpoint can be trained again in any home folder, whatever is registered there
    seed = derive(config.seed, "train", 1 if from_scratch else number)
    key = features["key"] if features else None
    resume = resume_folder(services.home, config, seed, len(state), state.labels.last, start_name, key)
    folder = services.home.checkpoint(config.name, name)
    if folder.exists():  # written by a job that died before it committed
        shutil.rmtree(folder)
    return _Plan(
        config=config,
        row=row,
        state=state,
        pool=pool,
        features=features,
        items=pool.of(features),
        number=number,
        name=name,
        seed=seed,
        start=start,
        start_state=start_state,
        start_name=start_name,
        resume=resume,
        scores=services.home.scores(config.name, f"{name}-{job.id}"),
        folder=folder,
    )


def _start_model(
    services: Services, live: CheckpointRow, project: ProjectRow, config: ProjectConfig, features: FeatureCard | None
) -> tuple[Model | None, Mapping[str, np.ndarray[Any, Any]]]:
    """Return the live model to start from, with its training state.

    It is None if it is unreadable, or has another hold-out or other features.
    """
    if trained_with_other_holdout(live, project, config, sampled=services.pool(config.name).sampled):
        print(f"training starts from scratch: {live.name} was trained with another hold-out", flush=True)  # noqa: T201 - the job's log
        return None, {}
    if (live.card.get("features") or {}).get("key") != (features or {}).get("key"):
        print(f"training starts from scratch: {live.name} was trained on other features", flush=True)  # noqa: T201 - the job's log
        return None, {}
    folder = services.home.at(live.folder)
    try:
        return read_model(folder, services.registry)[0], read_training_state(folder)
    except NextlabelError as error:  # its learner is no longer installed, or its files are damaged
        print(f"training starts from scratch: the live checkpoint cannot be read: {error}", flush=True)  # noqa: T201 - the job's log
        return None, {}


def _fit(services: Services, plan: _Plan, report: Report) -> Model:
    """Train the learner, or the members of a committee in turn.

    Raises what `_fit_one` raises, and Unprocessable if the members take different inputs.
    """
    learner = plan.config.learner
    training = Training(
        plan.seed,
        plan.row.classes,
        _part_of(report, 0, 1),
        plan.start,
        folder=plan.resume,
        start_state=plan.start_state,
    )
    if not learner.members:
        return _fit_one(services, plan, learner, training)
    before = plan.start.members if isinstance(plan.start, Committee) else ()
    models: list[Model] = []
    for number, member in enumerate(learner.members):
        own = replace(
            training,
            seed=derive(plan.seed, "member", number),
            progress=_part_of(report, number, len(learner.members)),
            start=before[number] if number < len(before) else None,
            start_state=member_tensors(plan.start_state, number) if number < len(before) else {},
            folder=plan.resume / str(number),
        )
        models.append(_fit_one(services, plan, member, own))
        committee = Committee(models)  # raises before the next one is trained
    return committee


def _part_of(report: Report, number: int, count: int) -> Report:
    """Return a function that reports the progress of one of `count` fits that run in turn."""
    return lambda done, measured: report((number + done) / count * _FIT, measured)


def _fit_one(services: Services, plan: _Plan, choice: PluginChoice, training: Training) -> Model:
    """Train on everything except the hold-out, which only a transductive learner sees, unlabelled.

    Raises ProjectError if the learner cannot learn from a graph, PluginError if only the record of a
    transductive learner would allow its model's `fitted`.
    """
    config = plan.config
    record = services.registry.learner(choice.plugin)
    learner: Learner[object] = build(record, choice.parameters, "[learner]")
    items, targets = plan.items, plan.state.training_targets()
    training_rows = np.flatnonzero(~plan.state.holdout)
    if not record.transductive and not isinstance(items, GraphItems):
        items, targets = items.take(training_rows), targets.take(training_rows)
    elif not record.transductive:
        raise ProjectError(
            f"project {config.name!r}: its data set is a graph, which needs a transductive learner; "
            f"{record.name!r} is not declared transductive"
        )
    assert training.folder is not None
    training.folder.mkdir(parents=True, exist_ok=True)
    model = learner.fit(items, targets, replace(training, features=feature_source(services, config, items)))
    fitted = fitted_items(model)
    if fitted and not (record.transductive and fitted <= len(items)):
        raise PluginError(
            f"the model of {record.name!r} is fitted to {fitted} of {len(items)} items; "
            "it may be if its record declares transductive, and to the items that it received"
        )
    return model


def _score(services: Services, plan: _Plan, model: Model, began: float, report: Report) -> _Scored:
    """Score the pool with the new model and measure it on the hold-out, and on the data set's own test split.

    With neither of them, it is measured on the items without a label.

    Raises PluginError if the model's classes are not the project's.
    """
    with new_folder(plan.scores) as partial:
        stored = score_and_prepare(
            services, plan.config, plan.state, model, plan.items, partial, plan.seed,
            lambda done: report(_FIT + done * (_SCORED - _FIT), {}), features=plan.features,
        )  # fmt: skip
    arrays = open_scores(plan.scores)
    classes = arrays["probabilities"].shape[1] if "probabilities" in arrays else 0
    if classes != len(plan.row.classes):
        raise PluginError(f"the model predicts {classes} classes; the project has {len(plan.row.classes)}")
    known = services.pool(plan.config.name).truth
    positions, truth = plan.state.holdout_truth(known)
    # without files that can no longer be read: the live checkpoint's scores may date from when they could
    readable = ~np.isin(positions, unreadable_positions(plan.items))
    positions, truth = positions[readable], truth[readable]
    measured = {
        "labels": float((plan.state.labelled & ~plan.state.holdout).sum()),
        **metrics(arrays, positions, truth),
        **measure_test_split(
            plan.pool, plan.features, model, lambda done: report(_SCORED + done * (_TESTED - _SCORED), {})
        ),
        **measure_unlabelled(plan.state, known, arrays, plan.items),
        "seconds": round(time.time() - began, 3),
    }
    return _Scored(stored, positions, truth, holdout_rows(arrays, positions), measured)


def _write(services: Services, plan: _Plan, model: Model, scored: _Scored) -> dict[str, Any]:
    sampled = services.pool(plan.config.name).sampled
    info = TrainingInfo(plan.name, plan.seed, plan.state.labels.last, scored.metrics, plan.start_name, sampled)
    with new_folder(plan.folder) as partial:
        return write_model(partial, model, plan.items, plan.config, plan.row, info, plan.features)


def _commit(
    services: Services, job: JobRow, plan: _Plan, scored: _Scored, card: dict[str, Any], report: Report
) -> bool:
    """Compare the checkpoint with the live one, and store it together with the end of the job.

    Returns False, with nothing stored, if another checkpoint went live during the comparison.
    """
    live = retry_while_busy(lambda: score_holdout(services, plan.config, plan.pool, scored.positions), report)
    verdict = decide_promotion(
        scored.holdout, live, scored.truth, holds_out=bool(plan.config.labels.holdout or plan.state.holdout.any())
    )
    compared_with = live.checkpoint if live else None

    def store() -> bool:
        now = time.time()
        with services.database.write() as connection:
            row = projects.get(connection, plan.config.name)
            if row is None or row.live != compared_with:
                return False
            finish_job(connection, job, scored.metrics, now)
            checkpoint = CheckpointRow(
                project=plan.config.name,
                name=plan.name,
                number=plan.number,
                job=job.id,
                created=now,
                metrics=scored.metrics,
                card=card,
                verdict=verdict.reason,
                folder=services.home.name(plan.folder),
                promoted=verdict.promote,
            )
            checkpoints.insert(connection, checkpoint)
            scores, last_label = services.home.name(plan.scores), plan.state.labels.last
            stored = scored.stored
            scoring = ScoringRow(
                plan.config.name, plan.name, len(plan.items), stored.arrays, scores, now, last_label, stored.prepared
            )
            checkpoints.insert_scoring(connection, scoring)
            if verdict.promote:
                projects.set_live(connection, plan.config.name, plan.name)
            queue_due(connection, plan.config)  # items and labels may have been added during the training
            return True

    return retry_while_busy(store, report)
