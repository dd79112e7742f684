"""serve: which processes it starts and restarts, what it refuses, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest

from nextlabel.cli import serve as serve_command
from nextlabel.cli.serve import _check, _serve
from nextlabel.contracts.errors import Conflict
from nextlabel.engine.jobs.worker import worker_lock
from nextlabel.store.file_lock import file_lock

pytestmark = pytest.mark.slow


class Serving:
    """A running server."""

    def __init__(self, process):
        self.process = process
        self.address = process.stdout.readline().strip()
        match = re.fullmatch(r"nextlabel serves at http://127\.0\.0\.1:(\d+)", self.address)
        assert match, self.address + process.stderr.read()
        self.port = int(match[1])

    def get(self, path, **headers):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, json.loads(body)

    def child(self, role):
        """Return the worker, or the first of the web processes, which are forks with serve's own command line."""
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):  # it may end meanwhile
                if ("worker" in child.cmdline()) == (role == "worker"):
                    return child
        return None


@pytest.fixture
def serve(start, trained):
    return lambda *arguments: Serving(start("serve", "--port", "0", *arguments))


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def is_alive(process):
    """Return whether the process still runs. A zombie only waits for its exit status to be read."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def handles(process, number):
    """Return whether the process has a handler for the signal."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"SigCgt:\s*(\w+)", status)[1], 16) >> (number - 1) & 1


def test_it_answers_once_the_address_is_printed(serve):
    server = serve()
    assert server.get("/healthz") == (200, {"alive": True})
    assert server.get("/query?size=1")[1]["checkpoint"] == "r1"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_all_processes_in_order(serve, number):
    server = serve()
    family = psutil.Process(server.process.pid).children(recursive=True)
    assert len(family) >= 2
    server.process.send_signal(number)
    out, err = server.process.communicate(timeout=10)
    assert (server.process.returncode, out, err) == (0, "", "")
    assert [member for member in family if is_alive(member)] == []


def test_sigterm_ends_it_during_the_start(start, trained):
    with worker_lock(trained.home):  # so that it waits
        process = start("serve", "--port", "0")
        until(lambda: handles(process, signal.SIGTERM))
        process.terminate()
        assert process.wait(timeout=20) == 0
        assert process.stdout.read() == ""


def test_ctrl_c_in_a_terminal_interrupts_no_request(serve):
    """The terminal sends SIGINT to the whole group: the web processes and the worker are in groups of their own."""
    server = serve()
    group = os.getpgid(server.process.pid)
    until(lambda: group not in {os.getpgid(child.pid) for child in psutil.Process(server.process.pid).children()})


def test_after_a_kill_nothing_is_left_and_it_restarts_at_once(serve, start):
    server = serve()
    family = psutil.Process(server.process.pid).children(recursive=True)
    server.process.kill()
    server.process.communicate()
    again = Serving(start("serve", "--port", str(server.port)))
    assert again.get("/healthz")[0] == 200
    assert [member for member in family if is_alive(member)] == []


@pytest.mark.parametrize(
    ("role", "line"),
    [
        ("worker", "the worker ended with signal SIGKILL; it is started again"),
        ("web", "was sent SIGKILL"),
    ],
)
def test_a_process_that_dies_is_restarted(serve, role, line):
    server = serve()
    until(lambda: server.child("worker") is not None)  # just forked, it still has serve's command line
    before = server.child(role)
    before.kill()
    until(lambda: not is_alive(before) and (child := server.child(role)) is not None and child.pid != before.pid)
    # a client that connects meanwhile waits, and is not refused
    assert server.get("/healthz")[0] == 200
    server.process.terminate()
    assert line in server.process.communicate(timeout=10)[1]


def test_a_taken_port_is_a_one_line_error(start, quick):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        process = start("serve", "--port", str(other.getsockname()[1]))
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (1, "")
    assert "is taken; choose another with --port" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("host", "reason"), [("0.0.0.0", "needs an access token"), ("nowhere.invalid", "needs an access token")]
)
def test_an_address_that_others_reach_needs_a_token(shell, quick, host, reason):
    assert reason in shell.refused("serve", "--host", host, "--port", "0")


def test_an_address_of_another_machine_is_refused(shell, quick, monkeypatch):
    monkeypatch.setenv("NEXTLABEL_TOKEN", "a long enough token")
    assert "192.0.2.1" in shell.refused("serve", "--host", "192.0.2.1", "--port", "0")


def test_with_a_token_it_listens_anywhere(start, trained, monkeypatch):
    monkeypatch.setenv("NEXTLABEL_TOKEN", "a long enough token")
    server = Serving(start("serve", "--host", "0.0.0.0", "--port", "0"))
    assert server.get("/info")[0] == 401
    assert server.get("/info", Authorization="Bearer a long enough token")[0] == 200


def test_a_broken_plugin_is_reported_and_the_rest_is_served(serve, tmp_path, monkeypatch, distribute):
    distribute(tmp_path / "more", "broken-plugins", broken="no_such_module")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "more"), os.environ["PYTHONPATH"]]))
    server = serve()
    assert "no_such_module" in server.get("/info")[1]["faults"][0]
    server.process.send_signal(signal.SIGINT)
    lines = server.process.communicate(timeout=10)[1].splitlines()
    assert len(lines) == 1
    assert "broken-plugins 1.0 was left out" in lines[0]


def test_a_second_server_is_refused_and_changes_nothing(quick, monkeypatch):
    monkeypatch.setattr(serve_command, "_TAKE_OVER_WITHIN", 0.2)
    with (
        file_lock(quick.home / "serve.lock"),
        socket.socket() as listener,
        pytest.raises(Conflict, match="another server"),
    ):
        _serve(quick, listener)
    assert sorted(path.name for path in quick.home.iterdir()) == ["serve.lock"]


def test_a_second_server_stopped_while_it_waits_changes_nothing(quick, start):
    with file_lock(quick.home / "serve.lock"):
        process = start("serve", "--port", "0")
        until(lambda: handles(process, signal.SIGTERM))
        process.terminate()
        assert process.wait(timeout=20) == 0
    assert sorted(path.name for path in quick.home.iterdir()) == ["serve.lock"]


def test_due_work_is_queued_before_the_first_request(quick, engine):
    _check(quick)
    assert [(job.project, job.kind, job.state) for job in engine.jobs()] == [("quick", "train", "queued")]
