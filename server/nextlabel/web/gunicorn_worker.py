"""The gunicorn worker class of the web processes: socket time limits, and errors as problem documents."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping

from gunicorn.http import errors  # type: ignore[import-untyped]
from gunicorn.util import write_nonblock  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

from nextlabel.web.problems import problem

SOCKET_TIMEOUT = 20
"""Seconds without a byte sent or received; otherwise a few stalled clients could occupy every thread."""
_STATUSES: Mapping[type[Exception], int] = {
    errors.LimitRequestLine: 414,
    errors.ExpectationFailed: 417,
    errors.LimitRequestHeaders: 431,
    errors.UnsupportedTransferCoding: 501,
    errors.ForbiddenProxyRequest: 403,
}


class Worker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """Also answers requests that are not HTTP, and so never reach the app, with a problem document."""

    def handle(self, conn: TConn) -> object:
        """Serve a connection, with a time limit for a client that stalls."""
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            conn.sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", SOCKET_TIMEOUT, 0))
        return super().handle(conn)

    def handle_error(self, req: object, client: socket.socket, addr: object, exc: Exception) -> None:
        """Answer a request that cannot be parsed or that failed; log the latter."""
        if isinstance(exc, errors.ParseException):
            status, detail = _STATUSES.get(type(exc), 400), f"this request is not valid HTTP: {type(exc).__name__}"
        else:
            self.log.error("Error handling a request of %s", addr, exc_info=exc)
            status, detail = 500, "the server failed"
        del req
        try:
            write_nonblock(client, as_bytes(status, detail))
        except OSError:  # the client has disconnected
            self.log.debug("The response to an invalid request could not be sent.")


def as_bytes(status: int, detail: str) -> bytes:
    """Return a problem document as the bytes of a response that closes the connection."""
    response = problem(status, detail)
    response.headers["Connection"] = "close"
    lines = [f"HTTP/1.1 {response.status}", *(f"{name}: {value}" for name, value in response.headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + response.get_data()
