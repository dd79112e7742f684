"""Trains a project from nothing with several seeds, each in a home folder of its own."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from nextlabel import app
from nextlabel.cli.foreground_jobs import wait_for_job
from nextlabel.cli.output import Advance
from nextlabel.contracts.errors import NextlabelError, ProjectError
from nextlabel.engine.datasets.read_dataset import read_dataset
from nextlabel.engine.engine import Engine
from nextlabel.engine.evaluation.seed_results import SeedResult, append_result, read_results, trained_with
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import ProjectConfig, Projects, Train
from nextlabel.engine.scheduling import queue_once
from nextlabel.engine.services import Services
from nextlabel.engine.settings import Settings
from nextlabel.store.atomic import make_folder
from nextlabel.store.file_lock import file_lock
from nextlabel.store.home import check_writable

_NOTED_EVERY = 1.0
"""Seconds between two notes of what a run has done."""
_NOTED = ("step", "epoch", "bits")
_PRECISIONS = {16: "bfloat16", 32: "float32"}


@dataclass(frozen=True)
class SeedRuns:
    """The trainings of one project with `count` seeds, the first of which is the project's own."""

    settings: Settings
    registry: Registry
    config: ProjectConfig
    count: int
    results: Path | None
    """The file that finished seeds are added to; None to forget them once all are finished."""

    def train(self, advance: Advance, show: Callable[[SeedResult], None]) -> list[SeedResult]:
        """Train each seed without a stored result, and return the results of all. `show` receives each of them.

        An interrupted run goes on where it was. Raises DatasetMissing before anything is begun, NextlabelError if a
        training fails; the seeds before it are stored. Raises ProjectError if the project reads another one's
        checkpoint, and Conflict if another process trains its seeds.
        """
        if sources := self.config.sources():
            raise ProjectError(
                f"project {self.config.name!r} reads features from a checkpoint of {sources[0]!r}; "
                "a training from nothing starts without checkpoints"
            )
        check_writable(self._file.parent)
        refusal = f"another process trains the seeds of project {self.config.name!r}"
        with file_lock(self._folder.with_suffix(".lock"), refusal):
            stored = read_results(self._file)
            commit = _checkout_commit()
            runs = [self._planned(self.config.seed + number, commit) for number in range(self.count)]
            counted = {run.seed: result for run in runs for result in stored if result.key == run.key}
            if others := [f"{seed} ({result.commit})" for seed, result in counted.items() if result.commit != commit]:
                click.echo(f"seeds trained at another commit than {commit}: {', '.join(others)}", err=True)
            if len(counted) < self.count:
                read_dataset(self.config, self.registry, self.settings)  # if it is missing, nothing is begun
            for number, run in enumerate(runs):
                home = self._home(run)
                if run.seed not in counted:
                    counted[run.seed] = self._train(run, home, _part_of(advance, number, self.count, run.seed))
                    append_result(self._file, counted[run.seed])
                shutil.rmtree(home, ignore_errors=True)
                show(counted[run.seed])
            results = [counted[run.seed] for run in runs]
            self._clear(results)
        return results

    def _clear(self, results: list[SeedResult]) -> None:
        """Remove the stored results if all were counted, and the folder unless another run was interrupted."""
        counted = [result.key for result in results]
        if self.results is None and all(result.key in counted for result in read_results(self._file)):
            self._file.unlink()
        if all(path.name == "features" for path in self._folder.glob("*")):
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _folder(self) -> Path:
        return self.settings.home / "seeds" / self.config.name

    @property
    def _file(self) -> Path:
        return (self.results or self._folder / "results.jsonl").absolute()

    def _planned(self, seed: int, commit: str | None) -> SeedResult:
        """Return what is known of a run before it is trained."""
        return SeedResult(
            project=self.config.name,
            parameters=trained_with(self.config, self.registry),
            seed=seed,
            version=version("nextlabel"),
            commit=commit,
            steps=None,
            epochs=None,
            seconds=0.0,
            threads=self.settings.train_threads or self.settings.cores,
            precision=None,
            metrics={},
        )

    def _home(self, planned: SeedResult) -> Path:
        """Return the home folder of a run, which stays until its result is stored."""
        key = json.dumps([planned.key, planned.commit], sort_keys=True)  # other code cannot resume the training
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self._folder / f"{planned.seed}-{digest[:12]}"

    def _train(self, planned: SeedResult, home: Path, advance: Advance) -> SeedResult:
        """Train a seed in its home folder, and return the result."""
        services = self._services(home, planned.seed)
        notes = _Notes(home / "notes.json")
        try:
            metrics = _train_once(services, self.config.name, advance, notes)
        except NextlabelError as error:
            raise NextlabelError(f"seed {planned.seed}: {error}") from error
        finally:
            services.database.dispose()
        noted = notes.values()
        return replace(
            planned,
            steps=noted.get("step"),
            epochs=noted.get("epoch"),
            seconds=round(noted["seconds"], 1),
            precision=_PRECISIONS.get(noted.get("bits", 0)),
            metrics=metrics,
        )

    def _services(self, home: Path, seed: int) -> Services:
        """Return services on a run's own home folder, which may have what an interrupted run has done."""
        config = self.config.model_copy(update={"seed": seed, "train": Train(every=0)})
        own = self.settings.model_copy(update={"home": home, "database_url": None, "default_project": config.name})
        features = self._folder.absolute() / "features"  # computed once for all seeds
        if not home.exists():
            make_folder(features)
            make_folder(home)
            (home / "features").symlink_to(features)
        app.prepare(own, bundled=False)
        return app.build_services(own, self.registry, Projects({config.name: config}, {}))


class _Notes:
    """What the attempts at one run have reported, and how long they took, in a file that survives the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        self._before = self._values.get("seconds", 0.0)
        self._began = self._written = time.monotonic()

    def __call__(self, _share: float, reported: Mapping[str, float]) -> None:
        """Note what a training reports."""
        self._values |= {name: int(reported[name]) for name in _NOTED if name in reported}
        if time.monotonic() - self._written >= _NOTED_EVERY:
            self.write()

    def write(self) -> None:
        """Write the notes to the file."""
        self._written = time.monotonic()
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps(self.values()), "utf-8")
        part.replace(self._path)

    def values(self) -> dict[str, Any]:
        """Return the last step, epoch and precision that were reported, and the `seconds` of all attempts."""
        return {**self._values, "seconds": self._before + time.monotonic() - self._began}


def _train_once(services: Services, name: str, advance: Advance, notes: _Notes) -> dict[str, float]:
    """Train unless that was done, and return the checkpoint's metrics. Raises NextlabelError if it fails."""
    engine = Engine(services)
    models = engine.project(name).models
    if not models.checkpoints():
        try:
            job = wait_for_job(engine, name, lambda _: queue_once(services.database, name, "train"), advance, notes)
        finally:
            notes.write()  # the process may be killed before the result is stored
        if job.state != "succeeded":
            raise NextlabelError(job.error or f"the training was {job.state}")
    (checkpoint,) = models.checkpoints()
    return {metric: value for metric, value in checkpoint.metrics.items() if metric != "seconds"}


def _checkout_commit() -> str | None:
    """Return the commit of the checkout that nextlabel runs from, with `-dirty` if its code differs from it."""
    root = Path(app.__file__).parents[2]
    program = shutil.which("git")
    if program is None or not (root / ".git").exists():
        return None

    def git(*arguments: str) -> str:
        command = [program, "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - fixed

    commit = git("rev-parse", "HEAD")
    return f"{commit}-dirty" if commit and git("status", "--porcelain", "--", "server", "plugins") else commit or None


def _part_of(advance: Advance, number: int, count: int, seed: int) -> Advance:
    """Return a function that shows the progress of one of `count` runs."""
    return lambda share, text: advance((number + share) / count, f"seed {seed}: {text}" if text else f"seed {seed}")
