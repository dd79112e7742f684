"""Starts a real server on a free port for a benchmark or a test, and talks HTTP to it."""

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
"""Seconds after which a connection is opened anew: the server closes idle ones."""


@dataclass
class Answer:
    """What a request got."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


class Client:
    """One connection, kept open and reopened when the server closed it."""

    def __init__(self, port: int, timeout: float = 60.0) -> None:
        self._port, self._timeout = port, timeout
        self._connection: HTTPConnection | None = None
        self._used = 0.0

    def __call__(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Answer:
        """Send a request; `body` is bytes, or anything JSON can say. Raises OSError where nobody answers."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        headers = {"Content-Type": kind} if data is not None else {}
        if time.monotonic() - self._used > IDLE:
            self.close()
        self._used = time.monotonic()
        for fresh in (False, True):
            try:
                if self._connection is None:
                    self._connection = HTTPConnection("127.0.0.1", self._port, timeout=self._timeout)
                self._connection.request(method, path, data, headers)
                response = self._connection.getresponse()
                return Answer(response.status, dict(response.headers), response.read())
            except Exception as error:
                self.close()
                # a kept-open connection may have been closed in between; only a safe method is sent again
                if fresh or method != "GET":
                    raise OSError(str(error)) from error
        raise AssertionError

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@dataclass
class Server:
    """`nextlabel serve` in a process group of its own; the default project is `digits` unless given."""

    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    port: int = 0
    started_in: float = 0.0
    clients: list[Client] = field(default_factory=list)

    def start(self, wait: float = 120.0) -> Server:
        """Start, and wait until it says where it serves."""
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
            here = out.tell()
            self.process = subprocess.Popen(
                [sys.executable, "-m", "nextlabel", "serve"],
                env=environment, stdout=out, stderr=subprocess.STDOUT, text=True, start_new_session=True,
            )  # fmt: skip
        while time.monotonic() - began < wait:
            with log.open() as said:
                said.seek(here)
                text = said.read()
            found = ADDRESS.search(text)
            if found:
                self.port = int(found[1])
                self.started_in = time.monotonic() - began
                return self
            if self.process.poll() is not None:
                raise RuntimeError(f"serve ended with {self.process.returncode}:\n{text}")
            time.sleep(0.02)
        raise RuntimeError(f"serve did not start in {wait} s:\n{text}")

    def client(self) -> Client:
        """Return a new connection, closed when the server stops."""
        self.clients.append(Client(self.port))
        return self.clients[-1]

    def tree(self) -> list[psutil.Process]:
        """Return the processes that run: serve itself and all below it."""
        assert self.process is not None
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.process.pid)
            return [root, *root.children(recursive=True)]
        return []

    def processes(self, word: str) -> list[psutil.Process]:
        """Return those whose command line holds `word`."""
        found = []
        for process in self.tree():
            with suppress(psutil.NoSuchProcess):
                if any(word in part for part in process.cmdline()):
                    found.append(process)
        return found

    def kill_all(self) -> None:
        """Kill everything at once, as kill -9 does."""
        for process in self.tree():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if self.process is not None:
            self.process.wait()

    def stop(self, grace: float = 20.0) -> int:
        """Ask it to end, and return its exit status."""
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
    """Wait for a job's end and return it."""

    def ended() -> Any:
        with suppress(OSError):
            answer = client("GET", f"/jobs/{job}").json()
            return answer if answer["state"] not in ("queued", "running") else None
        return None

    return dict(until(ended, wait))
