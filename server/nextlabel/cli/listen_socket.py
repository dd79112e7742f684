"""The server's socket: bound before anything starts, so that what is wrong is said at once.

`serve` holds it; web processes that die and come back take it over, and nobody who connects
meanwhile is refused.
"""

from __future__ import annotations

import errno
import socket
import time
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address

from nextlabel.contracts.errors import SettingsError
from nextlabel.engine.settings import Settings

BACKLOG = 1024
_PATIENCE = 2.0
"""Seconds in which processes that were killed -9 have let go of the port."""


def check_host(settings: Settings) -> None:
    """Raise SettingsError for an address others can reach, where no token keeps them out."""
    if settings.token is None and not is_loopback(settings.host):
        raise SettingsError(
            f"to listen on {settings.host}, where others can reach it, the server needs an access token: "
            "set NEXTLABEL_TOKEN (or NEXTLABEL_TOKEN_FILE), or leave NEXTLABEL_HOST as it is"
        )


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach `host`."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens; SettingsError where the address cannot be had."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise SettingsError(f"there is no address {host!r}: {error.strerror}") from None
    deadline = time.monotonic() + _PATIENCE
    while True:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                raise SettingsError(f"cannot listen on port {port} of {host}: {error.strerror}") from None
            if time.monotonic() > deadline:
                raise SettingsError(
                    f"port {port} of {host} is taken; choose another with --port, or 0 for any free one"
                ) from None
            time.sleep(0.1)
        else:
            return listener


def address(host: str, port: int) -> str:
    """Return what to type into a browser."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - a name for it, not a bind
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"


def answers(host: str, port: int) -> bool:
    """Tell whether the server answers."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - as above
    connection = HTTPConnection(reachable, port, timeout=0.5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200  # noqa: PLR2004
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
