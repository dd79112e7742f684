"""nextlabel serve: the web processes and the worker, kept alive."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

import click

from nextlabel import app
from nextlabel.cli.listen_socket import address, answers, bind, check_host
from nextlabel.cli.options import with_settings
from nextlabel.cli.supervisor import Child, Supervisor
from nextlabel.contracts.errors import Conflict
from nextlabel.engine.jobs.startup import queue_startup_jobs
from nextlabel.engine.jobs.worker import worker_lock
from nextlabel.engine.process import file_lock
from nextlabel.engine.settings import Settings
from nextlabel.store import jobs

_LAST_WORKER = 10.0
"""Seconds an earlier server and its worker have to end: a job it runs gets half of them."""


@click.command("serve")
@with_settings("host", "port")
def command(settings: Settings) -> None:
    """Answer over HTTP, and train in the background."""
    check_host(settings)
    with bind(settings.host, settings.port) as listener:
        _serve(settings.model_copy(update={"port": listener.getsockname()[1]}), listener)


def _serve(settings: Settings, listener: socket.socket) -> None:
    web = Child("web server", lambda: start(settings, "run-web", str(listener.fileno()), keep=listener))
    worker = Child("worker", lambda: start(settings, "worker", "--parent"))
    supervisor = Supervisor([web, worker], _say)
    supervisor.watch_signals()  # before anything else: a process 1 without a handler never sees its SIGTERM
    where = address(settings.host, settings.port)
    refusal = f"another server runs on {settings.home}; one is enough"
    # before anything is changed there: a newer version that is started by mistake beside an older one changes nothing
    with _waited_for(lambda: file_lock(settings.home / "serve.lock", refusal), supervisor):
        with _waited_for(lambda: worker_lock(settings.home), supervisor):
            if supervisor.stopping:
                return
            for fault in app.prepare(settings):
                _say(fault)
            _check(settings)
        supervisor.run(
            ready=lambda: answers(settings.host, settings.port),
            when_ready=lambda: click.echo(f"nextlabel serves at {where}"),
        )


def start(settings: Settings, name: str, *arguments: str, keep: socket.socket | None = None) -> subprocess.Popen[bytes]:
    """Start one of our own commands as a child that ends with this process."""
    return subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "-m", "nextlabel", name, *arguments, str(os.getpid())],
        stdin=subprocess.DEVNULL,
        env={**os.environ, **settings.environment()},
        pass_fds=() if keep is None else (keep.fileno(),),
        # a Ctrl-C in the terminal reaches this process alone, which ends them in order
        start_new_session=True,
    )


def _check(settings: Settings) -> None:
    """Refuse plugins that clash, or an unknown default project; tell the rest, and queue what is left to do."""
    engine = app.build_engine(settings)
    for fault in engine.faults():
        _say(fault)
    if settings.default_project not in engine.services.projects.faults:
        engine.project()
    with engine.services.database.write() as connection:
        # the worker's lock is ours, so whatever the table says still runs died with its worker
        jobs.interrupt_orphans(connection, f"serve-{os.getpid()}", time.time())
    # before anything answers: an image that is sent first would keep a data set out that nobody has looked for yet
    queue_startup_jobs(engine.services)
    engine.services.database.dispose()


def _waited_for(lock: Callable[[], AbstractContextManager[None]], supervisor: Supervisor) -> ExitStack:
    """Take a lock that a server which is about to end may still hold; Conflict where it does not end."""
    held, deadline = ExitStack(), time.monotonic() + _LAST_WORKER
    while not supervisor.stopping:
        try:
            held.enter_context(lock())
            break
        except Conflict:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    return held


def _say(line: str) -> None:
    click.echo(line, err=True)
