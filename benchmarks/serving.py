"""Starts a real server on a free port for a benchmark or a test, with an HTTP client for it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
IDLE = 5.0
"""Seconds after which an idle connection is replaced, before the server closes it."""


@dataclass
class Response:
    """The response to a request."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


class Client:
    """One connection, which stays open, and is reopened if the server closed it."""

    def __init__(self, port: int, timeout: float = 60.0) -> None:
        self._port, self._timeout = port, timeout
        self._connection: HTTPConnection | None = None
        self._used = 0.0

    def __call__(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Response:
        """Send a request; `body` is bytes or a JSON value. Raises OSError if no server answers."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        headers = {"Content-Type": kind} if data is not None else {}
        if time.monotonic() - self._used > IDLE:
            self.close()
        self._used = time.monotonic()
        for is_retry in (False, True):
            try:
                if self._connection is None:
                    self._connection = HTTPConnection("127.0.0.1", self._port, timeout=self._timeout)
                self._connection.request(method, path, data, headers)
                response = self._connection.getresponse()
                return Response(response.status, dict(response.headers), response.read())
            except Exception as error:
                self.close()
                # the server may have closed the open connection meanwhile; only a safe method is sent again
                if is_retry or method != "GET":
                    raise OSError(str(error)) from error
        raise AssertionError

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@dataclass
class Server:
    """`nextlabel serve` in a process group of its own. The default project is `digits`."""

    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    port: int = 0
    started_in: float = 0.0
    clients: list[Client] = field(default_factory=list)

    def start(self, wait: float = 120.0) -> Server:
        """Start, and wait until it prints its address."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("NEXTLABEL_")}
        environment |= {
            "NEXTLABEL_HOME": str(self.home),
            "NEXTLABEL_PORT": str(self.port),
            "NEXTLABEL_DEFAULT_PROJECT": "digits",
            **self.environment,
        }
        self.home.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        log = self.home / "serve.log"
        with log.open("a") as out:
            out.write("---\n")
            out.flush()
            start = log.stat().st_size
            self.process = subprocess.Popen(
                [sys.executable, "-m", "nextlabel", "serve"],
                env=environment, stdout=out, stderr=subprocess.STDOUT, text=True, start_new_session=True,
            )  # fmt: skip
        while time.monotonic() - began < wait:
            with log.open() as lines:
                lines.seek(start)
                text = lines.read()
            address = ADDRESS.search(text)
            if address:
                self.port = int(address[1])
                self.started_in = time.monotonic() - began
                return self
            if self.process.poll() is not None:
                raise RuntimeError(f"serve ended with {self.process.returncode}:\n{text}")
            time.sleep(0.02)
        raise RuntimeError(f"serve did not start in {wait} s:\n{text}")

    def client(self) -> Client:
        """Return a new client, which is closed when the server stops."""
        self.clients.append(Client(self.port))
        return self.clients[-1]

    def tree(self) -> list[psutil.Process]:
        """Return the running processes: serve itself and all below it."""
        assert self.process is not None
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.process.pid)
            return [root, *root.children(recursive=True)]
        return []

    def processes(self, word: str) -> list[psutil.Process]:
        """Return the processes with `word` in their command line."""
        matching = []
        for process in self.tree():
            with suppress(psutil.NoSuchProcess):
                if any(word in part for part in process.cmdline()):
                    matching.append(process)
        return matching

    def roles(self) -> dict[psutil.Process, str]:
        """Return the role of each process: "serve", "web", "worker" or "job"."""
        roles: dict[psutil.Process, str] = {}
        for process in self.tree():
            with suppress(psutil.NoSuchProcess):
                line = process.cmdline()
                if not roles:
                    roles[process] = "serve"
                elif "serve" in line:  # a fork of it
                    roles[process] = "web"
                else:
                    roles[process] = "worker" if "worker" in line else "job"
        return roles

    def with_role(self, role: str) -> list[psutil.Process]:
        """Return the processes with that role."""
        return [process for process, its_role in self.roles().items() if its_role == role]

    def kill_all(self) -> None:
        """Kill all processes, as kill -9 does."""
        for process in self.tree():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if self.process is not None:
            self.process.wait()

    def stop(self, grace: float = 20.0) -> int:
        """Send SIGTERM, and return the exit status."""
        assert self.process is not None
        for client in self.clients:
            client.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill_all()
            raise


@contextmanager
def serving(home: Path, **environment: str) -> Iterator[Server]:
    """Serve while the block runs."""
    server = Server(home, environment).start()
    try:
        yield server
    finally:
        server.stop()


def until(condition: Any, wait: float = 300.0, every: float = 0.05) -> Any:
    """Return the first true value of `condition()`; raises after `wait` seconds."""
    began = time.monotonic()
    while time.monotonic() - began < wait:
        value = condition()
        if value:
            return value
        time.sleep(every)
    raise TimeoutError(f"it did not happen within {wait} s")


def wait_ready(client: Client, wait: float = 300.0) -> None:
    """Wait until the default project predicts."""

    def ready() -> bool:
        with suppress(OSError):
            return client("GET", "/readyz").status == 200
        return False

    until(ready, wait)


def finished(client: Client, job: int, wait: float = 600.0) -> dict[str, Any]:
    """Wait until a job has ended, and return it."""

    def ended() -> Any:
        with suppress(OSError):
            row = client("GET", f"/jobs/{job}").json()
            return row if row["state"] not in ("queued", "running") else None
        return None

    return dict(until(ended, wait))
