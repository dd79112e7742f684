"""nextlabel train: trains in the foreground; with --out it also writes a checkpoint to ship.

A worker that runs on the home folder does the training. Without one, this process does.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import metadata
from pathlib import Path

import click

from nextlabel.cli.foreground_jobs import wait_for_job
from nextlabel.cli.options import FOLDER, as_json, open_engine, project_name, with_settings
from nextlabel.cli.output import Advance, Screen, metrics_line
from nextlabel.cli.seed_runs import SeedRuns
from nextlabel.contracts.errors import NextlabelError
from nextlabel.engine.engine import Engine
from nextlabel.engine.evaluation.bundle import BuildInfo, check_target, write_bundle
from nextlabel.engine.evaluation.seed_results import SeedResult, spreads
from nextlabel.engine.plugins.registry import load
from nextlabel.engine.project_files import load_projects
from nextlabel.engine.records import Checkpoint
from nextlabel.engine.scheduling import queue_once
from nextlabel.engine.settings import Settings
from nextlabel.web.schemas.checkpoint_schemas import CheckpointReply

_COUNTS = ("labels", "holdout")
"""Metrics that state how many items there are, not how good a model is."""


@click.command("train")
@project_name
@click.option(
    "--out", type=FOLDER, help="Train from scratch, and write the checkpoint to this new folder, ready to ship."
)
@click.option("--from-scratch", is_flag=True, help="Do not start from the live checkpoint; --out never starts from it.")
@click.option("--licence", help="SPDX name of the licence of what --out writes; nextlabel's own by default.")
@click.option(
    "--seeds",
    type=click.IntRange(1),
    help="Train from nothing with this many seeds, from the project's own on; nothing becomes a checkpoint.",
)
@click.option(
    "--results",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Add each seed's result to this file as a line of JSON; seeds that it has are not trained again.",
)
@as_json
@with_settings()
def command(
    settings: Settings,
    name: str,
    project_file: Path | None,
    out: Path | None,
    from_scratch: bool,
    licence: str | None,
    seeds: int | None,
    results: Path | None,
    as_json: bool,
) -> None:
    """Train PROJECT on the current labels, and make the result live unless it is worse.

    If a server runs on the same home folder, its worker trains and this command shows the progress.
    With --seeds, train with the labels of its data set alone, and print the metrics of each seed, their mean and
    standard deviation.
    """
    if licence is not None and out is None:
        raise click.UsageError("--licence only applies to --out")
    if results is not None and seeds is None:
        raise click.UsageError("--results only applies to --seeds")
    if seeds is not None and (out is not None or from_scratch):
        raise click.UsageError(
            "--seeds trains from scratch and stores no checkpoint; leave out --out and --from-scratch"
        )
    screen = Screen(as_json)
    if seeds is not None:
        _train_seeds(settings, name, project_file, seeds, results, screen)
        return
    scratch = from_scratch or out is not None
    if out is not None:
        check_target(out)  # before an hour of work
    with open_engine(settings, project_file) as engine:
        engine.project(name)  # refuse an unknown name before the bar is shown
        with screen.progress(f"training {name}") as advance:
            checkpoint = train(engine, name, advance, from_scratch=scratch)
            argument = project_file.name if project_file else name
            packed = "" if out is None else _pack(engine, checkpoint, argument, out, licence, advance)

    state = "is live" if checkpoint.live else "waits"
    title = f"{name}/{checkpoint.checkpoint} {state}: {checkpoint.verdict}"
    screen.answer(CheckpointReply.model_validate(checkpoint), f"{title}\n{metrics_line(checkpoint.metrics)}{packed}")


def _train_seeds(
    settings: Settings, name: str, project_file: Path | None, seeds: int, results: Path | None, screen: Screen
) -> None:
    """Train with several seeds, and print each one's metrics, and their mean and standard deviation."""
    registry = load(blocked=settings.blocked)
    registry.check()
    config = load_projects(registry, settings.projects, project_file).get(name)
    runs = SeedRuns(settings, registry, config, seeds, results)
    with screen.progress(f"training {name}") as progress:
        found = runs.train(progress, lambda result: progress.print(_result_line(result)))
    spread = spreads(found)
    several = len(found) > 1
    shown = {
        name: _number(name, of["mean"]) + (f" ± {_number(name, of['sd'])}" if several else "")
        for name, of in spread.items()
    }
    title = f"{name}, mean ± standard deviation of {len(found)} seeds" if several else f"{name}, 1 seed"
    reply = {"project": name, "results": [asdict(result) for result in found], "spread": spread}
    screen.answer(reply, f"{title}: {_metrics(shown)}")


def _result_line(result: SeedResult) -> str:
    values = {name: _number(name, value) for name, value in result.metrics.items() if value is not None}
    return f"{result.project}, seed {result.seed}, {result.seconds:,.0f} s: {_metrics(values)}"


def _metrics(shown: Mapping[str, str]) -> str:
    """Return metrics, already as text, in one line."""
    return ", ".join(f"{name.replace('_', ' ')} {text}" for name, text in shown.items() if name not in _COUNTS)


def _number(metric: str, value: float) -> str:
    return f"{value:.2%}" if metric.endswith("accuracy") else f"{value:.4g}"


def train(engine: Engine, name: str, advance: Advance, *, from_scratch: bool = False) -> Checkpoint:
    """Train and return the checkpoint. Raises NextlabelError if the training did not succeed.

    Raises Conflict if another training of the project runs, or if one is queued and the worker
    will run it, or it does not start from scratch and this one should, or if a worker runs that has not read the
    project's file. A KeyboardInterrupt cancels the training first.
    """
    project = engine.project(name)

    def queue(worker_runs: bool) -> int:
        if worker_runs or from_scratch:
            return project.start_training(from_scratch=from_scratch)
        return queue_once(engine.services.database, name, "train")

    job = wait_for_job(engine, name, queue, advance)
    if job.state != "succeeded":
        raise NextlabelError(job.error or f"training {job.job} was {job.state}")
    return next(checkpoint for checkpoint in project.models.checkpoints() if checkpoint.job == job.job)


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
