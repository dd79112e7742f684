"""The web processes: gunicorn, from inside.

The arbiter forks; everything heavy is made in each worker after the fork, so that no
database connection or thread is ever shared across one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from flask import Flask

    from nextlabel.engine.settings import Settings

GRACE = 7
"""Seconds that requests have to end in when the server stops; less than `serve` waits for us."""
_KEEP_ALIVE = 15
_BACKLOG = 1024


def run(settings: Settings, create: Callable[[Settings], Flask]) -> None:
    """Serve until SIGTERM or SIGINT. Does not return: gunicorn ends the process.

    `create` makes the app, once in each worker. A listening socket handed over by the rules of
    systemd's socket activation is used in place of the settings' address.
    """
    share_metrics(settings.home)
    Server(settings, create).run()


def share_metrics(home: Path) -> None:
    """Let the workers count their requests together.

    prometheus_client looks when it is imported, so this comes before any worker.
    """
    folder = home / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder.absolute())


class Server(BaseApplication):  # type: ignore[misc] # gunicorn has no types
    """Gunicorn with our settings, and no command line or configuration file of its own."""

    def __init__(self, settings: Settings, create: Callable[[Settings], Flask]) -> None:
        self._settings = settings
        self._create = create
        super().__init__()

    def load_config(self) -> None:
        """Set what gunicorn is to do."""
        for name, value in self._options().items():
            if name in self.cfg.settings:  # older versions know fewer
                self.cfg.set(name, value)

    def load(self) -> Flask:
        """Make the app, in a worker."""
        return self._create(self._settings)

    def _options(self) -> Mapping[str, Any]:
        host = self._settings.host
        heartbeats = Path("/dev/shm")  # noqa: S108 - a touched file a worker, on no disk that could stall
        return {
            "bind": f"[{host}]:{self._settings.port}" if ":" in host else f"{host}:{self._settings.port}",
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
            # it would be a way in beside the token, and a file outside the home folder
            "control_socket_disable": True,
            "worker_tmp_dir": str(heartbeats) if heartbeats.is_dir() else None,
        }
