"""Binds the server's socket before anything else starts, so that a wrong address is an error at once."""

from __future__ import annotations

import errno
import socket
import time
from ipaddress import ip_address

from nextlabel.contracts.errors import SettingsError
from nextlabel.engine.settings import Settings

_BACKLOG = 1024
_RETRY_FOR = 2.0
"""Seconds that processes killed with kill -9 need to release the port."""
_RETRY_EVERY = 0.1


def check_host(settings: Settings) -> None:
    """Raise SettingsError if other machines can reach the address and no access token is set."""
    if settings.token is None and not is_loopback(settings.host):
        raise SettingsError(
            f"to listen on {settings.host}, where others can reach it, the server needs an access token: "
            "set NEXTLABEL_TOKEN (or NEXTLABEL_TOKEN_FILE), or leave NEXTLABEL_HOST as it is"
        )


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach `host`."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises SettingsError if the address cannot be used."""
    try:
        family, _, _, _, resolved = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise SettingsError(f"the host {host!r} cannot be resolved: {error.strerror}") from None
    deadline = time.monotonic() + _RETRY_FOR
    while True:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(resolved)
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                raise SettingsError(f"cannot listen on port {port} of {host}: {error.strerror}") from None
            if time.monotonic() > deadline:
                raise SettingsError(
                    f"port {port} of {host} is taken; choose another with --port, or 0 for any free one"
                ) from None
            time.sleep(_RETRY_EVERY)
        else:
            return listener


def address(host: str, port: int) -> str:
    """Return the server's address for a browser on this machine."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://{f'[{reachable}]' if ':' in reachable else reachable}:{port}"
