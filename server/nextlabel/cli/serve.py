"""nextlabel serve: the web processes and the job worker."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from nextlabel import app
from nextlabel.cli.listen_socket import address, bind, check_host
from nextlabel.cli.options import with_settings
from nextlabel.cli.parent_watch import end_with_parent
from nextlabel.cli.supervised_process import SupervisedProcess
from nextlabel.engine.jobs.startup import queue_startup_jobs
from nextlabel.engine.jobs.worker import worker_lock
from nextlabel.engine.settings import Settings
from nextlabel.store import jobs
from nextlabel.store.file_lock import file_lock
from nextlabel.web.gunicorn_app import run

if TYPE_CHECKING:
    from nextlabel.web.gunicorn_app import CreateApp

_TAKE_OVER_WITHIN = 10.0
"""Seconds that an earlier server and its worker have to end; a job that runs gets half of them."""


@click.command("serve")
@with_settings("host", "port")
def command(settings: Settings) -> None:
    """Answer over HTTP, and train in the background."""
    check_host(settings)
    with bind(settings.host, settings.port) as listener:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            # until gunicorn handles them: process 1 of a container ignores a signal without a handler
            signal.signal(number, lambda *_: sys.exit(0))
        _serve(settings.model_copy(update={"port": listener.getsockname()[1]}), listener)


def _serve(settings: Settings, listener: socket.socket) -> None:
    refusal = f"another server runs on {settings.home}; one is enough"
    # first of all: a newer version started by mistake beside an older one must change nothing
    with file_lock(settings.home / "serve.lock", refusal, wait=_TAKE_OVER_WITHIN):
        with worker_lock(settings.home, wait=_TAKE_OVER_WITHIN):
            for fault in app.prepare(settings):
                _print_error(fault)
            _check(settings)
        worker = SupervisedProcess("worker", partial(_start_worker, settings), _print_error)
        run(settings, _web_app_factory(os.getpid()), listener, worker)


def _check(settings: Settings) -> None:
    """Queue the work that is due. Raises if plugins clash or the default project is unknown; prints other faults."""
    engine = app.build_engine(settings)
    for fault in engine.faults():
        _print_error(fault)
    if settings.default_project not in engine.services.projects.faults:
        engine.project()
    with engine.services.database.write() as connection:
        # we hold the worker's lock, so every job that the table calls running died with its worker
        jobs.interrupt_orphans(connection, f"serve-{os.getpid()}", time.time())
    # before the first request: an image that is uploaded first would keep out a data set not looked for yet
    queue_startup_jobs(engine.services)
    engine.services.database.dispose()


def _start_worker(settings: Settings) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "-m", "nextlabel", "worker", "--parent", str(os.getpid())],
        stdin=subprocess.DEVNULL,
        env={**os.environ, **settings.environment()},
        # Ctrl-C in the terminal reaches this process alone, which ends the others in order
        start_new_session=True,
    )


def _web_app_factory(parent: int) -> CreateApp:
    """Return what creates the app in each web process, a fork of the process `parent`."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.write(writer, b"1")

    def create(settings: Settings) -> Any:
        os.setsid()  # Ctrl-C reaches the parent alone
        end_with_parent(parent)
        web = app.create_app(settings)
        # the first web process that can answer takes the one byte and prints the address
        with suppress(BlockingIOError):
            os.read(reader, 1)
            click.echo(f"nextlabel serves at {address(settings.host, settings.port)}")
        return web

    return create


def _print_error(line: str) -> None:
    click.echo(line, err=True)
