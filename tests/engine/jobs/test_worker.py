"""The worker: one child per job, and how each way of ending is recorded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from threading import Thread
from typing import Any

import pytest
from support.engine import ToyProject

from nextlabel.contracts.errors import Conflict, NotReady
from nextlabel.engine.jobs import worker as worker_module
from nextlabel.engine.jobs.worker import Worker, worker_lock, worker_projects
from nextlabel.engine.records import Job
from nextlabel.engine.training.cleanup import sweep
from nextlabel.store import jobs
from nextlabel.store.database import Database
from nextlabel.store.jobs import JobRow
from nextlabel.store.temp_dirs import PREFIX

SLEEP = "import time; print('started', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP
FINISH = """
import sys, time
from nextlabel.store import jobs
from nextlabel.store.database import Database
database = Database(sys.argv[1])
with database.write() as connection:
    jobs.finish(connection, int(sys.argv[2]), sys.argv[3], "succeeded", time.time(), {"loss": 0.5})
database.dispose()
"""
BEGIN = """
import time
from pathlib import Path
from nextlabel.store.atomic import new_folder
from nextlabel.store.home import Home
home = Home(Path({root!r}))
with new_folder(home.scores("toy", "r1")) as partial:
    (partial / "probabilities.npy").write_bytes(bytes(1000))
    print("started", flush=True)
    time.sleep(60)
"""


class Steps(Worker):
    """A worker that is advanced step by step."""

    def until(self, done: Callable[[], bool], seconds: float = 15) -> None:
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end
            self._advance()
            time.sleep(0.01)


@pytest.fixture
def run() -> Iterator[Callable[[ToyProject, str], Steps]]:
    """Make a worker of a project whose jobs run a program."""
    workers: list[Steps] = []

    def step(project: ToyProject, program: str) -> Steps:
        def command(job: JobRow) -> Sequence[str]:
            return [sys.executable, "-c", program, project.services.settings.url, str(job.id), str(job.owner)]

        workers.append(Steps(project.services, command))
        return workers[-1]

    yield step
    for worker in workers:
        for child in worker._children.values():
            child.process.kill()
            child.process.wait()


@pytest.fixture
def steps(blobs: ToyProject, run: Callable[[ToyProject, str], Steps]) -> Callable[[str], Steps]:
    """Make a worker of the project `blobs` whose jobs run a program."""
    return lambda program: run(blobs, program)


def until(done: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


def job(project: ToyProject, number: int) -> Job:
    return project.engine.job(number)


def test_a_jobs_own_end_is_not_overwritten(blobs: ToyProject, steps: Callable[..., Steps]) -> None:
    number = blobs.project.start_training()
    worker = steps(FINISH)
    worker.until(lambda: job(blobs, number).state == "succeeded" and not worker._children)
    assert (job(blobs, number).metrics, job(blobs, number).error) == ({"loss": 0.5}, None)


@pytest.mark.parametrize(
    ("program", "state", "error"),
    [
        ("import os; os.kill(os.getpid(), 9)", "interrupted", "ended with signal SIGKILL before it was done"),
        ("import os; os.kill(os.getpid(), 15)", "interrupted", "ended with signal SIGTERM before it was done"),
        ("import os; os.abort()", "failed", "ended with signal SIGABRT before it was done"),
        ("import sys; print('oh'); sys.exit(3)", "failed", "ended with status 3 before it was done"),
        ("pass", "failed", "ended with status 0 before it was done"),
    ],
)
def test_the_exit_of_a_job_that_dies_is_recorded(
    blobs: ToyProject, steps: Callable[..., Steps], program: str, state: str, error: str
) -> None:
    number = blobs.project.start_training()
    worker = steps(program)
    worker.until(lambda: job(blobs, number).state != "queued" and not worker._children)
    ended = job(blobs, number)
    assert (ended.state, ended.error) == (state, f"the job's process {error}")
    assert ended.log == (("oh",) if "oh" in program else ())
    again = blobs.project.start_training()  # and another can run
    worker.until(lambda: job(blobs, again).state == state)


def test_unfinished_files_of_a_cancelled_job_are_removed(blobs: ToyProject, steps: Callable[..., Steps]) -> None:
    home = blobs.services.home
    others = home.checkpoint("toy", "r5")  # written, and soon in the database, by the job beside it
    others.mkdir(parents=True)
    number = blobs.project.start_training()
    worker = steps(BEGIN.format(root=str(home.root)))
    worker.until(lambda: job(blobs, number).log == ("started",))
    scores = home.root / "scores" / "toy"
    assert [path.name.startswith(PREFIX) for path in scores.iterdir()] == [True]
    blobs.engine.cancel(number)
    worker.until(lambda: not worker._children)
    assert list(scores.iterdir()) == []
    assert others.exists()


@pytest.mark.parametrize("program", [SLEEP, STUBBORN])
def test_a_cancelled_job_is_ended(
    blobs: ToyProject, steps: Callable[..., Steps], program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "GRACE", 0.3)
    number = blobs.project.start_training()
    worker = steps(program)
    worker.until(lambda: job(blobs, number).log == ("started",))
    blobs.engine.cancel(number)
    worker.until(lambda: not worker._children)
    ended = job(blobs, number)
    assert (ended.state, ended.error) == ("cancelled", None)


def test_an_unconfirmed_claim_blocks_no_later_job(blobs: ToyProject, steps: Callable[..., Steps]) -> None:
    """The database went away as it confirmed the claim: the table calls the job running, but no process runs it."""
    number = blobs.project.start_training()
    worker = steps(FINISH)
    with blobs.services.database.write() as connection:
        assert jobs.claim(connection, worker._owner, ("train",), time.time())
    worker.until(lambda: job(blobs, number).state == "interrupted")
    assert job(blobs, number).error == "it was never started"
    again = blobs.project.start_training()
    worker.until(lambda: job(blobs, again).state == "succeeded")


def test_a_stopping_worker_interrupts_its_jobs(
    blobs: ToyProject, steps: Callable[..., Steps], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "GRACE", 0.3)
    number = blobs.project.start_training()
    worker = steps(STUBBORN)
    worker.until(lambda: job(blobs, number).log == ("started",))
    worker._stop(signal.SIGTERM, None)
    worker._end_children()
    ended = job(blobs, number)
    assert (ended.state, ended.error) == ("interrupted", None)


def test_jobs_of_unknown_projects_stay_queued(
    blobs: ToyProject, steps: Callable[..., Steps], capsys: pytest.CaptureFixture[str]
) -> None:
    """Another process that reads their project file runs them; they do not delay the jobs of known projects."""
    with blobs.services.database.write() as connection:
        unknown = jobs.queue(connection, "elsewhere", "train", {}, time.time())
    number = blobs.project.start_training()
    worker = steps(FINISH)
    worker.until(lambda: job(blobs, number).state == "succeeded" and not worker._children)
    worker._advance()
    assert (job(blobs, unknown).state, worker._children) == ("queued", {})
    logged = f"job {unknown} (train) stays queued: this worker has read no project file of 'elsewhere'\n"
    assert capsys.readouterr().out == logged  # once


def test_the_worker_records_its_project_files(
    blobs: ToyProject, steps: Callable[..., Steps], monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.train()
    root, file = blobs.services.home.root, blobs.services.home.root / "toy.toml"
    monkeypatch.setitem(blobs.services.projects.files, "toy", file)
    monkeypatch.setitem(blobs.services.projects.configs, "without-a-file", blobs.services.projects.configs["toy"])
    worker = steps(FINISH)
    thread = run_in_a_thread(worker, monkeypatch)
    try:
        until(lambda: dict(worker_projects(root)) == {"toy": str(file)})
    finally:
        worker._stopping = True
        thread.join()
    with worker_lock(root):
        assert worker_projects(root) == {}  # no worker runs


def test_images_are_scored_during_a_training(blobs: ToyProject, steps: Callable[..., Steps]) -> None:
    training = blobs.project.start_training()
    with blobs.services.database.write() as connection:
        scoring = jobs.queue(connection, "toy", "score", {}, time.time())
    worker = steps(SLEEP)
    worker.until(lambda: job(blobs, training).state == job(blobs, scoring).state == "running")


def test_a_data_set_is_read_during_a_scoring(blobs: ToyProject, steps: Callable[..., Steps]) -> None:
    with blobs.services.database.write() as connection:
        numbers = [jobs.queue(connection, "toy", kind, {}, time.time()) for kind in ("score", "import")]
    worker = steps(SLEEP)
    worker.until(lambda: [job(blobs, number).state for number in numbers] == ["running"] * 2)


ORPHANED = (
    "the worker that ran it has ended; start the training again: POST /projects/toy/train or `nextlabel train toy`"
)


def test_jobs_of_a_dead_worker_are_interrupted(steps: Callable[..., Steps], blobs: ToyProject) -> None:
    number = blobs.project.start_training()
    with blobs.services.database.write() as connection:
        jobs.claim(connection, "dead worker", ("train",), time.time())
    leftover = blobs.services.home.checkpoint("toy", "r1")
    leftover.mkdir(parents=True)
    worker = steps(FINISH)
    worker._recover()
    ended = job(blobs, number)
    assert (ended.state, ended.error) == ("interrupted", ORPHANED)
    assert not leftover.exists()
    # the default project has no checkpoint yet, so its training is queued again
    assert [(queued.kind, queued.state) for queued in blobs.engine.jobs(limit=1)] == [("train", "queued")]


def test_a_busy_database_does_not_end_the_worker(
    blobs: ToyProject, steps: Callable[..., Steps], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = steps(FINISH)
    attempts = 0

    def busy() -> None:
        nonlocal attempts
        attempts += 1
        if attempts > 2:
            worker._stop(signal.SIGTERM, None)
        raise NotReady("busy")

    monkeypatch.setattr(worker, "_advance", busy)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    worker.run()
    assert attempts == 3


def run_in_a_thread(worker: Steps, monkeypatch: pytest.MonkeyPatch) -> Thread:
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # only the main thread may
    thread = Thread(target=worker.run)
    thread.start()
    return thread


@pytest.mark.slow
def test_a_queued_job_starts_within_half_a_second(
    blobs: ToyProject, steps: Callable[..., Steps], monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.train()  # so that nothing is queued at the start
    worker = steps(FINISH)
    thread = run_in_a_thread(worker, monkeypatch)
    try:
        time.sleep(1)  # until it idles
        for _ in range(3):
            began = time.time()
            number = blobs.project.start_training()
            until(lambda number=number: job(blobs, number).state == "succeeded")
            started = job(blobs, number).started
            assert started is not None
            assert started - began < 0.5
            until(lambda: not worker._children)
    finally:
        worker._stopping = True
        thread.join()


@pytest.mark.slow
def test_jobs_that_wait_for_each_other_are_all_run(
    blobs: ToyProject, steps: Callable[..., Steps], monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.train()
    with blobs.services.database.write() as connection:
        numbers = [jobs.queue(connection, "toy", "score", {}, time.time()) for _ in range(3)]
    worker = steps(FINISH)
    thread = run_in_a_thread(worker, monkeypatch)
    try:
        until(lambda: [job(blobs, number).state for number in numbers] == ["succeeded"] * 3)
    finally:
        worker._stopping = True
        thread.join()


def test_an_idle_worker_uses_no_more_than_a_query_per_poll(
    blobs: ToyProject, steps: Callable[..., Steps], monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.train()
    worker = steps(FINISH)
    transactions = 0
    thread = run_in_a_thread(worker, monkeypatch)
    try:
        time.sleep(1)
        read = Database.read

        def counted(database: Database) -> Any:
            nonlocal transactions
            transactions += 1
            return read(database)

        monkeypatch.setattr(Database, "read", counted)
        time.sleep(1)
        assert transactions == 0
    finally:
        worker._stopping = True
        thread.join()


def test_a_second_worker_is_refused(blobs: ToyProject, steps: Callable[..., Steps]) -> None:
    with worker_lock(blobs.services.home.root), pytest.raises(Conflict, match="another worker runs on"):
        steps(FINISH).run()
    with worker_lock(blobs.services.home.root):
        pass


WHOLE = """
import json, sys
sys.path[:0] = json.loads(sys.argv[3])
from support.engine import MODULES, candidates
from nextlabel.app import build_services
from nextlabel.engine.project_files import ProjectConfig, Projects
from nextlabel.engine.plugins.registry import load
from nextlabel.engine.jobs.run_job import run_job
from nextlabel.engine.settings import Settings
from nextlabel.engine.jobs.worker import Worker
from nextlabel.store import jobs

config = ProjectConfig.model_validate(json.loads(sys.argv[2]))
settings = Settings(home=sys.argv[1], default_project="toy", train_threads=1)
services = build_services(settings, load(candidates(*MODULES)), Projects({"toy": config}, {}))
if len(sys.argv) > 4:
    with services.database.read() as connection:
        job = jobs.get(connection, int(sys.argv[4]))
    run_job(services, job)
else:
    program = sys.orig_argv[sys.orig_argv.index("-c") + 1]
    Worker(services, lambda job: [sys.executable, "-c", program, *sys.argv[1:], str(job.id)]).run()
"""


@pytest.mark.slow
def test_a_worker_trains_in_a_child_and_ends_at_sigterm(blobs: ToyProject) -> None:
    table: dict[str, Any] = json.loads(blobs.project.config.model_dump_json())
    arguments = [str(blobs.services.settings.home), json.dumps(table), json.dumps(sys.path)]
    with subprocess.Popen([sys.executable, "-c", WHOLE, *arguments], env=dict(os.environ)) as process:
        deadline = time.monotonic() + 40
        while not blobs.project.models.checkpoints():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        (done,) = blobs.engine.jobs(limit=1)
        assert done.log
        process.terminate()
        assert process.wait(20) == 0
    with worker_lock(blobs.services.home.root):
        pass


ONE_JOB = """
import json, sys
sys.path[:0] = {path!r}
from support.engine import MODULES, candidates
from nextlabel.app import build_services
from nextlabel.engine.project_files import ProjectConfig, Projects
from nextlabel.engine.plugins.registry import load
from nextlabel.engine.jobs.run_job import run_job
from nextlabel.engine.settings import Settings
from nextlabel.store import jobs

config = ProjectConfig.model_validate(json.loads({config!r}))
settings = Settings(home={home!r}, default_project="toy", train_threads=1)
services = build_services(settings, load(candidates(*MODULES)), Projects({{"toy": config}}, {{}}))
with services.database.read() as connection:
    job = jobs.get(connection, int(sys.argv[2]))
run_job(services, job)
"""


@pytest.mark.slow
def test_a_training_that_was_killed_is_resumed(make: Callable[..., ToyProject], run: Callable[..., Steps]) -> None:
    project = make(learner={"plugin": "toy-resuming"}).import_dataset()
    config, home = project.project.config.model_dump_json(), project.services.home
    worker = run(project, ONE_JOB.format(path=sys.path, config=config, home=str(home.root)))
    number = project.project.start_training()
    worker.until(lambda: "half-way" in job(project, number).log)
    (child,) = worker._children.values()
    child.process.kill()
    worker.until(lambda: job(project, number).state == "interrupted" and not worker._children)
    assert job(project, number).log[0] == "found 0 steps"
    sweep(project.services)
    again = project.project.start_training()
    worker.until(lambda: job(project, again).state == "succeeded")
    assert job(project, again).log[0] == "found 3 steps"
    until(lambda: not home.resume("toy").exists())
