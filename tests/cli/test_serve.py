"""serve: what it starts, keeps alive, refuses and leaves behind."""

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


class Serving:
    """A server that runs."""

    def __init__(self, process):
        self.process = process
        self.address = process.stdout.readline().strip()
        found = re.fullmatch(r"nextlabel serves at http://127\.0\.0\.1:(\d+)", self.address)
        assert found, self.address + process.stderr.read()
        self.port = int(found[1])

    def get(self, path, **headers):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, json.loads(body)

    def child(self, name):
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):  # it may end while we look
                if name in child.cmdline():
                    return child
        return None


@pytest.fixture
def serve(start, trained):
    return lambda *arguments: Serving(start("serve", "--port", "0", *arguments))


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.05)


def lives(process):
    """Tell whether it still does anything; a zombie only waits for somebody to ask how it ended."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def test_it_answers_once_it_says_so(serve):
    server = serve()
    assert server.get("/healthz") == (200, {"alive": True})
    assert server.get("/query?size=1")[1]["checkpoint"] == "r1"


def caught(process, number):
    """Whether the process has a handler of the signal."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"SigCgt:\s*(\w+)", status)[1], 16) >> (number - 1) & 1


def test_sigterm_ends_everything_in_order(serve):
    server = serve()
    family = psutil.Process(server.process.pid).children(recursive=True)
    assert len(family) >= 3
    server.process.terminate()
    out, err = server.process.communicate(timeout=10)
    assert (server.process.returncode, out, err) == (0, "", "")
    assert [member for member in family if lives(member)] == []


def test_sigterm_ends_it_while_it_still_starts(start, trained):
    with worker_lock(trained.home):  # so that it waits
        process = start("serve", "--port", "0")
        until(lambda: caught(process, signal.SIGTERM))
        process.terminate()
        assert process.wait(timeout=20) == 0
        assert process.stdout.read() == ""


def test_nothing_outlives_a_kill_and_it_comes_up_again_at_once(serve, start):
    server = serve()
    family = psutil.Process(server.process.pid).children(recursive=True)
    server.process.kill()
    server.process.communicate()
    again = Serving(start("serve", "--port", str(server.port)))
    assert again.get("/healthz")[0] == 200
    assert [member for member in family if lives(member)] == []


@pytest.mark.parametrize("name", ["worker", "run-web"])
def test_what_dies_is_started_again(serve, name):
    server = serve()
    before = server.child(name)
    before.kill()
    until(lambda: (found := server.child(name)) is not None and found.pid != before.pid)
    # who connects meanwhile waits, and is not refused
    assert server.get("/healthz")[0] == 200
    server.process.terminate()
    assert "ended with signal SIGKILL; it is started again" in server.process.communicate(timeout=10)[1]


def test_a_taken_port_is_one_line(start, quick):
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
def test_an_address_others_reach_needs_a_token(shell, quick, host, reason):
    assert reason in shell.refused("serve", "--host", host, "--port", "0")


def test_an_address_that_is_not_there(shell, quick, monkeypatch):
    monkeypatch.setenv("NEXTLABEL_TOKEN", "a long enough token")
    assert "192.0.2.1" in shell.refused("serve", "--host", "192.0.2.1", "--port", "0")


def test_with_a_token_it_may_listen_anywhere(start, trained, monkeypatch):
    monkeypatch.setenv("NEXTLABEL_TOKEN", "a long enough token")
    server = Serving(start("serve", "--host", "0.0.0.0", "--port", "0"))
    assert server.get("/info")[0] == 401
    assert server.get("/info", Authorization="Bearer a long enough token")[0] == 200


def test_a_broken_plugin_is_told_and_the_rest_is_served(serve, tmp_path, monkeypatch, distribute):
    distribute(tmp_path / "more", "broken-plugins", broken="no_such_module")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "more"), os.environ["PYTHONPATH"]]))
    server = serve()
    assert "no_such_module" in server.get("/info")[1]["faults"][0]
    server.process.send_signal(signal.SIGINT)
    lines = server.process.communicate(timeout=10)[1].splitlines()
    assert len(lines) == 1
    assert "broken-plugins 1.0 was left out" in lines[0]


def test_a_second_server_is_refused_before_it_changes_anything(quick, start, monkeypatch):
    monkeypatch.setattr(serve_command, "_LAST_WORKER", 0.2)
    monkeypatch.setattr(serve_command.Supervisor, "watch_signals", lambda _: None)
    with (
        file_lock(quick.home / "serve.lock"),
        socket.socket() as listener,
        pytest.raises(Conflict, match="another server"),
    ):
        _serve(quick, listener)
    assert sorted(path.name for path in quick.home.iterdir()) == ["serve.lock"]


def test_a_second_server_that_is_stopped_while_it_waits_changes_nothing(quick, monkeypatch):
    monkeypatch.setattr(serve_command.Supervisor, "watch_signals", lambda self: self._stop(15, None))
    with file_lock(quick.home / "serve.lock"), socket.socket() as listener:
        _serve(quick, listener)
    assert sorted(path.name for path in quick.home.iterdir()) == ["serve.lock"]


def test_what_is_left_to_do_is_on_record_before_anything_answers(quick, engine):
    _check(quick)
    assert [(job.project, job.kind, job.state) for job in engine.jobs()] == [("quick", "train", "queued")]
