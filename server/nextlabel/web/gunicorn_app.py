"""Runs the web processes with gunicorn, as a library.

gunicorn's arbiter holds the socket, forks the web processes and replaces one that dies. The app
is created in each of them after the fork, so that no database connection or thread is shared.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from flask import Flask

    from nextlabel.engine.settings import Settings

    CreateApp = Callable[[Settings], Flask]

GRACE = 7
"""Seconds that requests have to end when the server stops."""
_KEEP_ALIVE = 15
_BACKLOG = 1024


class Companion(Protocol):
    """A child process that runs as long as the web processes do."""

    def check(self) -> None:
        """Start the process unless it runs; called once a second, and whenever a child has ended."""

    def terminate(self) -> None:
        """Ask the process to end."""

    def wait(self) -> None:
        """Wait until the process has ended."""


def run(
    settings: Settings, create: CreateApp, listener: socket.socket | None = None, companion: Companion | None = None
) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP. Does not return: gunicorn ends the process.

    `create` creates the app, once in each web process. `listener` is used, and closed, in place
    of the address in `settings`.
    """
    _share_metrics(settings.home)
    bind = None if listener is None else f"fd://{listener.detach()}"
    _Arbiter(_Application(settings, create, bind), companion).run()


def _share_metrics(home: Path) -> None:
    """Let the web processes add up their request counts in files.

    prometheus_client reads the variable when it is imported, which must be after this.
    """
    folder = home / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder.absolute())


class _Arbiter(Arbiter):  # type: ignore[misc] # gunicorn has no types
    """gunicorn's arbiter, which ends in order at every signal, and looks after a companion."""

    def __init__(self, application: _Application, companion: Companion | None) -> None:
        self._companion = companion
        super().__init__(application)

    def manage_workers(self) -> None:
        super().manage_workers()
        if self._companion is not None:
            self._companion.check()

    def reap_workers(self) -> None:
        if self._companion is not None:
            self._companion.check()  # before gunicorn collects the exit status of every child
        super().reap_workers()

    def stop(self, graceful: bool = True) -> None:
        if self._companion is not None:
            self._companion.terminate()
        super().stop(graceful)
        if self._companion is not None:
            self._companion.wait()

    def handle_int(self) -> None:
        self.handle_term()  # gunicorn would cut off the requests under way

    def handle_hup(self) -> None:
        self.handle_term()  # gunicorn would reload


class _Application(BaseApplication):  # type: ignore[misc] # gunicorn has no types
    """Our settings for gunicorn, without its command line and configuration file."""

    def __init__(self, settings: Settings, create: CreateApp, bind: str | None) -> None:
        self._settings = settings
        self._create = create
        self._bind = bind
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's options."""
        for name, value in self._options().items():
            if name in self.cfg.settings:  # older versions have fewer
                self.cfg.set(name, value)

    def load(self) -> Flask:
        """Create the app, in a web process."""
        return self._create(self._settings)

    def _options(self) -> Mapping[str, Any]:
        host, port = self._settings.host, self._settings.port
        shared_memory = Path("/dev/shm")  # noqa: S108 - one empty file per web process, on no disk that could stall
        return {
            "bind": self._bind or (f"[{host}]:{port}" if ":" in host else f"{host}:{port}"),
            "workers": self._settings.web_workers or self._settings.cores,
            "threads": self._settings.web_threads,
            "worker_class": "nextlabel.web.gunicorn_worker.Worker",
            "preload_app": False,
            "graceful_timeout": GRACE,
            "keepalive": _KEEP_ALIVE,
            "backlog": _BACKLOG,
            "accesslog": None,
            "errorlog": "-",
            "loglevel": "warning",
            "proc_name": "nextlabel",
            # it would be a way in without the token, and a file outside the home folder
            "control_socket_disable": True,
            "worker_tmp_dir": str(shared_memory) if shared_memory.is_dir() else None,
        }
