"""nextlabel run-web: the web processes, on a socket that `serve` holds. Not for people."""

from __future__ import annotations

import os

import click

from nextlabel.app import create_app
from nextlabel.cli.lifeline import tie_to_parent
from nextlabel.engine.settings import Settings
from nextlabel.web.gunicorn_app import run

_FIRST = 3
"""Where sockets are handed over by the rules of systemd's socket activation, which gunicorn follows."""


@click.command("run-web", hidden=True)
@click.argument("socket", type=int)
@click.argument("parent", type=int)
def command(socket: int, parent: int) -> None:
    """Answer on the listening SOCKET until PARENT is gone."""
    tie_to_parent(parent)
    if socket != _FIRST:
        os.dup2(socket, _FIRST)
        os.close(socket)
    os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
    run(Settings.from_environment(), create_app)
