"""nextlabel train: trains in the foreground; with --out it also writes a checkpoint to ship.

A worker that runs on the home folder does the training. Without one, this process does.
"""

from __future__ import annotations

import os
import shlex
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import metadata
from pathlib import Path
from threading import Event, Thread
from types import FrameType
from uuid import uuid4

import click

from nextlabel.cli.options import FOLDER, as_json, open_engine, project_name, with_settings
from nextlabel.cli.output import Advance, Screen, metrics_line
from nextlabel.contracts.errors import Conflict, NextlabelError
from nextlabel.engine.engine import Engine
from nextlabel.engine.evaluation.bundle import BuildInfo, check_target, write_bundle
from nextlabel.engine.jobs.run_job import run_job
from nextlabel.engine.jobs.worker import worker_lock
from nextlabel.engine.records import Checkpoint, Job
from nextlabel.engine.scheduling import queue_once
from nextlabel.engine.settings import Settings
from nextlabel.store import jobs
from nextlabel.web.schemas.checkpoint_schemas import CheckpointReply

_POLL_EVERY = 0.2
_ENDED = ("succeeded", "failed", "cancelled", "interrupted")


@click.command("train")
@project_name
@click.option(
    "--out", type=FOLDER, help="Train from scratch, and write the checkpoint to this new folder, ready to ship."
)
@click.option("--from-scratch", is_flag=True, help="Do not start from the live checkpoint; --out never starts from it.")
@click.option("--licence", help="SPDX name of the licence of what --out writes; nextlabel's own by default.")
@as_json
@with_settings()
def command(
    settings: Settings,
    name: str,
    project_file: Path | None,
    out: Path | None,
    from_scratch: bool,
    licence: str | None,
    as_json: bool,
) -> None:
    """Train PROJECT on the current labels, and make the result live unless it is worse.

    If a server runs on the same home folder, its worker trains and this command shows the progress.
    """
    if licence is not None and out is None:
        raise click.UsageError("--licence only applies to --out")
    screen = Screen(as_json)
    scratch = from_scratch or out is not None
    if out is not None:
        check_target(out)  # before an hour of work
    with open_engine(settings, project_file) as engine:
        engine.project(name)  # refuse an unknown name before the bar is shown
        with screen.progress(f"training {name}") as advance:
            checkpoint = train(engine, name, advance, from_scratch=scratch, project_file=project_file)
            argument = project_file.name if project_file else name
            packed = "" if out is None else _pack(engine, checkpoint, argument, out, licence, advance)

    state = "is live" if checkpoint.live else "waits"
    title = f"{name}/{checkpoint.checkpoint} {state}: {checkpoint.verdict}"
    screen.answer(CheckpointReply.model_validate(checkpoint), f"{title}\n{metrics_line(checkpoint.metrics)}{packed}")


def train(
    engine: Engine, name: str, advance: Advance, *, from_scratch: bool = False, project_file: Path | None = None
) -> Checkpoint:
    """Train and return the checkpoint. Raises NextlabelError if the training did not succeed.

    Raises Conflict if another training of the project runs, or if one is queued and the worker
    will run it, or it does not start from scratch and this one should, or if a worker runs that cannot know
    `project_file`, from which the project comes. A KeyboardInterrupt cancels the training first.
    """
    project = engine.project(name)
    with ExitStack() as locks:
        try:
            locks.enter_context(worker_lock(engine.services.home.root))
        except Conflict:  # a worker runs
            _check_known(engine.settings, project_file)
            job = _follow(engine, project.start_training(from_scratch=from_scratch), advance)
        else:
            job = _run_here(engine, name, advance, from_scratch=from_scratch)
    if job.state != "succeeded":
        raise NextlabelError(job.error or f"training {job.job} was {job.state}")
    return next(checkpoint for checkpoint in project.models.checkpoints() if checkpoint.job == job.job)


def _check_known(settings: Settings, project_file: Path | None) -> None:
    """Raise Conflict for a project file that a running worker does not read: it is outside the projects folder."""
    if project_file is None:
        return
    folder = project_file.resolve().parent
    if settings.projects is None or settings.projects.resolve() != folder:
        raise Conflict(
            f"a worker runs on {settings.home} and trains there, but it does not read {project_file}; "
            f"start it with --projects {folder}, stop it, or choose another home folder with --home"
        )


def _run_here(engine: Engine, name: str, advance: Advance, *, from_scratch: bool) -> Job:
    """Run the queued trainings in order until this project's own has run."""
    services = engine.services
    owner = f"train-{os.getpid()}-{uuid4().hex[:8]}"
    with services.database.write() as connection:
        # we hold the worker's lock, so every job that the table calls running died with its worker
        jobs.interrupt_orphans(connection, owner, time.time())
    if from_scratch:
        training = engine.project(name).start_training(from_scratch=True)
    else:
        training = queue_once(services.database, name, "train")
    while True:
        with services.database.write() as connection:
            job = jobs.claim(connection, owner, ("train",), time.time(), services.projects.names)
        if job is None:
            break
        try:
            with _interrupt_event() as stop, _show_progress(engine, job.id, advance):
                run_job(services, job, stop)
        except KeyboardInterrupt:
            with services.database.write() as connection:
                jobs.finish(connection, job.id, owner, "cancelled", time.time())
            engine.cancel(training)  # if the interrupted job was queued before it
            raise
        if job.id == training:
            break
    return engine.job(training)


@contextmanager
def _interrupt_event() -> Iterator[Event]:
    """Yield an event that Ctrl-C sets. The block ends with KeyboardInterrupt even if a library swallowed it."""
    stop = Event()
    previous = signal.getsignal(signal.SIGINT)

    def interrupt(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.default_int_handler(number, frame)

    if previous is signal.default_int_handler:  # otherwise it is ignored, or handled by another
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, previous)
    if stop.is_set():
        raise KeyboardInterrupt


@contextmanager
def _show_progress(engine: Engine, number: int, advance: Advance) -> Iterator[None]:
    """Show a job's progress, read from its row, while the block runs it."""
    done = Event()

    def watch() -> None:
        while not done.wait(_POLL_EVERY):
            _advance(engine.job(number), advance)

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _follow(engine: Engine, number: int, advance: Advance) -> Job:
    """Show the progress of a job that the worker runs, and return the job when it has ended."""
    try:
        while (job := engine.job(number)).state not in _ENDED:
            _advance(job, advance)
            time.sleep(_POLL_EVERY)
    except KeyboardInterrupt:
        engine.cancel(number)
        raise
    return job


def _advance(job: Job, advance: Advance) -> None:
    shown = {name: value for name, value in job.metrics.items() if name in ("accuracy", "loss", "rmse")}
    advance(job.progress, metrics_line(shown) if job.state == "running" else job.state)


def _pack(
    engine: Engine, checkpoint: Checkpoint, project: str, out: Path, licence: str | None, advance: Advance
) -> str:
    """Write the checkpoint to `out` and return a line that describes it. `project` is its argument of the command."""
    assert checkpoint.job is not None
    job = engine.job(checkpoint.job)
    assert job.started is not None
    assert job.finished is not None
    build = BuildInfo(
        command=command_line(project, out, licence),
        seconds=job.finished - job.started,
        threads=engine.settings.train_threads or engine.settings.cores,
        licence=licence or metadata("nextlabel")["License-Expression"],
    )
    card = write_bundle(
        engine.services, checkpoint.project, checkpoint.checkpoint, out, build,
        lambda share: advance(share, "evaluating"),
    )  # fmt: skip
    size = sum(path.stat().st_size for path in out.iterdir()) / 1e6
    test = card["test"]
    metrics = "" if test is None else f", {metrics_line({k: test[k] for k in test if k not in ('split', 'items')})}"
    return f"\n{out}: {size:.1f} MB, ready to ship{metrics}"


def command_line(project: str, out: Path, licence: str | None) -> str:
    """Return the command that creates the checkpoint again, without paths of this machine."""
    folder = Path(out.name) if out.is_absolute() or ".." in out.parts else out
    words = ["nextlabel", "train", project, "--out", folder.as_posix()]
    return shlex.join([*words, *(["--licence", licence] if licence else [])])
