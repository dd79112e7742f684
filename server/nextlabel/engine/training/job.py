"""A training job: fit, score the pool, evaluate on the hold-out, judge, and swap."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable

import numpy as np

from nextlabel.contracts.data import FloatArray, GraphItems, IntArray, Items
from nextlabel.contracts.errors import NextlabelError, PluginError, ProjectError, Unprocessable
from nextlabel.contracts.interfaces import Learner, Model, Training
from nextlabel.engine.bundled_checkpoints import held_out_elsewhere
from nextlabel.engine.checkpoints.serialization import Trained, read_model, write_model
from nextlabel.engine.datasets.import_dataset import import_dataset
from nextlabel.engine.images.image_items import unread
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.plugins.parameters import build
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.random_streams import derive
from nextlabel.engine.scheduling import queue_what_is_due
from nextlabel.engine.scores import open_scores, project_needs, score_pool
from nextlabel.engine.services import Services
from nextlabel.engine.training.cleanup import drop_old_scores, removed_on_failure
from nextlabel.engine.training.commit import Report, patiently, succeed
from nextlabel.engine.training.evaluation import metrics
from nextlabel.engine.training.promotion import said_of_holdout, verdict_on
from nextlabel.store import checkpoints, projects
from nextlabel.store.atomic import new_folder
from nextlabel.store.checkpoints import CheckpointRow
from nextlabel.store.jobs import JobRow
from nextlabel.store.projects import ProjectRow

_FIT = 0.85
"""Share of a job's progress that is the fit; scoring is the rest."""


def train(services: Services, job: JobRow, report: Report) -> None:
    """Run a claimed training job to its end.

    Its row says `succeeded` in the same transaction that makes the checkpoint visible.
    """
    began = time.time()
    config = services.projects.get(job.project)
    said = import_dataset(config, services.registry, services.settings, services.database, services.home)
    if said is not None:
        print(said, flush=True)  # noqa: T201 - the job's log
    row = services.row(config.name)
    state = PoolState(row)
    with services.database.read() as connection:
        state.catch_up(connection)
        number = checkpoints.next_number(connection, config.name)
        live = checkpoints.get(connection, config.name, row.live) if row.live else None
    name = f"r{number}"
    from_scratch = bool(job.parameters.get("from_scratch"))
    # what is made to ship can be made again in any home folder, whatever is registered there
    seed = derive(config.seed, "train", 1 if from_scratch else number)
    items = services.items(state)
    start = None if from_scratch or live is None else _start(services, live, row, config)
    model = fit(services, config, state, items, seed, start, lambda done, said: report(done * _FIT, said))
    scores = services.home.scores(config.name, f"{name}-{job.id}")
    folder = services.home.checkpoint(config.name, name)
    if folder.exists():  # written by a job that died before it reached the database
        shutil.rmtree(folder)
    with removed_on_failure(services, scores, folder):
        with new_folder(scores) as partial:
            names = score_pool(
                model,
                items,
                project_needs(services.registry, config),
                partial,
                seed,
                lambda done: report(_FIT + done * (1 - _FIT) * 0.9, {}),
            )
        positions, truth = _readable(items, *state.holdout_truth(services.pool(config.name).truth))
        arrays = open_scores(scores)
        width = arrays["probabilities"].shape[1] if "probabilities" in arrays else 0
        if width != len(row.classes):
            raise PluginError(f"the model says probabilities of {width} classes; the project has {len(row.classes)}")
        measured = {"labels": float((state.labelled & ~state.holdout).sum()), **metrics(arrays, positions, truth)}
        measured["seconds"] = round(time.time() - began, 3)
        how = Trained(name, seed, state.labels.last, measured, live.name if live and start else None)
        with new_folder(folder) as partial:
            card = write_model(partial, model, items, config, row, how)
        rival = patiently(lambda: said_of_holdout(services, config, items, positions), report)

        def keep() -> None:
            now = time.time()
            kept = services.home.name(folder)
            with services.database.write() as connection:
                succeed(connection, job, measured, now)
                # here, because what is live may have changed during the training
                verdict = verdict_on(services.home, connection, config, arrays, positions, truth, rival)
                made = CheckpointRow(config.name, name, number, job.id, now, measured, card, verdict.reason, kept)
                checkpoints.insert(connection, made)
                checkpoints.insert_scoring(
                    connection,
                    project=config.name,
                    checkpoint=name,
                    rows=len(items),
                    arrays=names,
                    folder=services.home.name(scores),
                    created=now,
                    last_label=state.labels.last,
                )
                if verdict.promote:
                    projects.set_live(connection, config.name, name)
                queue_what_is_due(connection, config)  # items and labels may have come during the training

        patiently(keep, report)
    drop_old_scores(services, config.name)


def _readable(
    items: Items, positions: IntArray, truth: IntArray | FloatArray
) -> tuple[IntArray, IntArray | FloatArray]:
    """Leave out what can no longer be read: the live checkpoint's answers may be of when it could."""
    known = ~np.isin(positions, unread(items))
    return positions[known], truth[known]


def _start(services: Services, live: CheckpointRow, project: ProjectRow, config: ProjectConfig) -> Model | None:
    """Return the live model to start from, or None where it cannot be read, or knows what is held out here."""
    if held_out_elsewhere(live, project, config):
        print(f"training starts from scratch: {live.name} was made with another hold-out", flush=True)  # noqa: T201 - the job's log
        return None
    try:
        return read_model(services.home.at(live.folder), services.registry)[0]
    except NextlabelError as error:  # its learner is no longer installed, or its files are damaged
        print(f"training starts from scratch, the live checkpoint cannot be read: {error}", flush=True)  # noqa: T201 - the job's log
        return None


def fit(
    services: Services,
    config: ProjectConfig,
    state: PoolState,
    items: Items,
    seed: int,
    start: Model | None,
    report: Report,
) -> Model:
    """Train on everything but the hold-out, which a transductive learner sees unlabelled."""
    record = services.registry.learner(config.learner.plugin)
    learner: Learner[object] = build(record, config.learner.parameters, "[learner]")
    targets = state.training_targets()
    if not targets.labelled.any():
        raise Unprocessable(f"project {config.name!r} has no label to learn from yet")
    chosen = items
    inside = np.flatnonzero(~state.holdout)
    if not record.transductive and not isinstance(items, GraphItems):
        chosen, targets = items.take(inside), targets.take(inside)
    elif not record.transductive:
        raise ProjectError(
            f"project {config.name!r}: learner {record.name!r} does not say it is transductive, and a graph is"
        )
    training = Training(
        seed=seed,
        classes=state.project.classes,
        progress=report,
        start=start,
        features=feature_source(services, config, chosen),
    )
    return learner.fit(chosen, targets, training)


def feature_source(services: Services, config: ProjectConfig, items: Items) -> Callable[[], FloatArray] | None:
    """Return what reads the features the project names, or None where it names none."""
    project = config.learner.source()
    if project is None:
        return None
    where = f"[learner] features = {config.learner.features!r}"

    def read() -> FloatArray:
        row = services.row(project)
        with services.database.read() as connection:
            live = checkpoints.get(connection, project, row.live) if row.live else None
        if live is None:
            raise ProjectError(f"{where}: project {project!r} has no live checkpoint")
        model = read_model(services.home.at(live.folder), services.registry)[0]
        if not model.inductive:
            raise ProjectError(
                f"{where}: its model knows only the items of project {project!r}; name one that answers new content"
            )
        outputs = model.predict(items, frozenset({"embeddings"}), np.random.default_rng(0))
        if outputs.embeddings is None:
            raise ProjectError(f"{where}: its model gives no embeddings")
        if len(outputs.embeddings) != len(items):
            raise ProjectError(
                f"{where}: its model gives embeddings of {len(outputs.embeddings)} items, not of the {len(items)} asked"
            )
        return outputs.embeddings

    return read
