"""The real server: gunicorn with two workers, as `nextlabel serve` runs it."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SERVE = """
import sys
from pathlib import Path
from nextlabel.app import create_app
from nextlabel.engine.settings import Settings
from nextlabel.web.gunicorn_app import run

home, projects, port = sys.argv[1:]
settings = Settings(
    home=Path(home), projects=Path(projects), default_project="digits", port=int(port), web_workers=2, web_threads=2
)
run(settings, create_app)
"""

SCHEMATHESIS = """
seed = 1
[generation]
max-examples = 8
deterministic = true
database = "none"
# DELETE cancels a job; it still exists
[checks.negative_data_rejection]
expected-statuses = ["400", "404", "405", "413", "415", "422"]
[checks.use_after_free]
enabled = false
# schemas cannot describe which bytes are an image, and which items and classes exist
[[operations]]
include-method = "POST"
checks.positive_data_acceptance.enabled = false
"""


class Server:
    def __init__(self, home, projects):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.log = home / "server.log"
        command = [sys.executable, "-c", SERVE, str(home), str(projects), str(self.port)]
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out)
        for _ in range(300):
            try:
                if self.get("/healthz")[0] == 200:
                    return
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
                time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def get(self, address, method="GET", **more):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, address, **more)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def raw(self, data):
        """Send bytes and return the status and the body of the response."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(data)
            received = b""
            while b"\r\n\r\n" not in received or len(received.partition(b"\r\n\r\n")[2]) < _length(received):
                piece = connection.recv(65536)
                if not piece:
                    break
                received += piece
        head, _, body = received.partition(b"\r\n\r\n")
        assert b"application/problem+json" in head
        return int(head.split()[1]), json.loads(body)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        finally:
            self.process.kill()
            self.process.wait()


def _length(received):
    match = re.search(rb"(?i)content-length: (\d+)", received)
    return int(match[1]) if match else 0


@pytest.fixture(scope="module")
def server(trained, tmp_path_factory):
    home = tmp_path_factory.mktemp("serving") / "home"
    shutil.copytree(trained / "home", home)
    running = Server(home, trained / "projects")
    yield running
    running.stop()


def test_nothing_is_printed(server):
    assert server.get("/info")[0] == 200
    assert server.log.read_text() == ""


def test_malformed_http_gets_a_problem_document(server):
    cases = {
        b"GARBAGE\r\n\r\n": 400,
        b"GET / HTTP/9.9\r\n\r\n": 400,
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n": 414,
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 200 + b"\r\n": 431,
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n": 403,
        b"GET / HTTP/1.0\r\n\r\n": 403,
    }
    for data, expected in cases.items():
        status, body = server.raw(data)
        assert (status, body["status"]) == (expected, expected)
        assert "detail" in body


def test_large_bodies_are_rejected_before_they_are_sent(server):
    head = "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n"
    for address, kind, length in (
        ("/predict", "image/png", 1_000_001),
        ("/predict", "multipart/form-data; boundary=b", 80_000_000),
        ("/predict", "application/json", 20_000_000),
        ("/items", "image/png", 20_000_001),
        ("/labels", "application/json", 10**18),
    ):
        assert server.raw(head.format(address, kind, length).encode())[0] == 413


def test_chunked_bodies_are_limited_and_may_be_malformed(server):
    head = b"POST /labels HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += b"Transfer-Encoding: chunked\r\n\r\n"
    assert server.raw(head + b"2\r\n{}\r\n0\r\n\r\n")[0] == 422
    assert server.raw(head + b"zz\r\n{}\r\n0\r\n\r\n")[0] == 400
    assert server.raw(head + b"f42401\r\n" + b" " * 16_000_001 + b"\r\n0\r\n\r\n")[0] == 413


def test_workers_share_metrics(server):
    def counted():
        text = server.get("/metrics")[2].decode()
        match = re.search(r'request_seconds_count\{method="GET",route="/checkpoints",status="200"\} (\S+)', text)
        return float(match[1]) if match else 0.0

    before = counted()
    for _ in range(20):
        assert server.get("/checkpoints")[0] == 200
    assert counted() == before + 20


def test_schemathesis_finds_no_undocumented_response(server, tmp_path):
    (tmp_path / "schemathesis.toml").write_text(SCHEMATHESIS)
    tool = Path(sys.executable).with_name("schemathesis")
    address = f"http://127.0.0.1:{server.port}"
    done = subprocess.run(
        [tool, "run", f"{address}/openapi.json", "--url", address, "--no-color"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.log.read_text() == ""


def test_requests_finish_when_the_server_stops(trained, tmp_path):
    shutil.copytree(trained / "home", tmp_path / "home")
    running = Server(tmp_path / "home", trained / "projects")
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
        body = json.dumps({"annotator": "ann", "labels": [{"id": "0", "skip": True}]}).encode()
        head = (
            f"POST /labels HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        )
        connection.sendall(head.encode() + b"\r\n\r\n" + body[:10])
        time.sleep(0.5)
        running.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        connection.sendall(body[10:])
        assert b" 201 " in connection.recv(1000)
    began = time.monotonic()
    assert running.process.wait(15) == 0
    assert time.monotonic() - began < 9
