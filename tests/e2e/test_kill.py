"""kill -9 of a web process, serve, the worker, its job, or all of them, while labels stream in."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from predict_while_training import digit_jpeg
from serving import Client, Server, finished, until, wait_ready

ROUNDS = 50 if os.environ.get("CI") else 5
PROJECT = """title = "Digits"
[dataset]
plugin = "digits"
[learner]
plugin = "cnn"
epochs = 1
min_steps = 60
[strategy]
plugin = "margin"
[labels]
initial = 20
"""
TARGETS = ("web", "serve", "worker", "job", "all")


class Annotator(threading.Thread):
    """Labels one item after the other. A label without a response is sent again with its key."""

    def __init__(self, port: int, number: int) -> None:
        super().__init__(daemon=True)
        self.client = Client(port, timeout=10)
        self.number = number
        self.stored: set[str] = set()
        self.stop = threading.Event()
        self.fault: object = None
        self.sent = 0

    def run(self) -> None:
        draw = random.Random(self.number)
        while not self.stop.is_set():
            self.sent += 1
            key = f"{self.number}-{self.sent}"
            label = {"id": str(draw.randrange(1797)), "candidates": [str(draw.randrange(10))]}
            body = {"annotator": f"person {self.number}", "labels": [label], "key": key}
            while not self.stop.is_set():
                with suppress(OSError):
                    answer = self.client("POST", "/labels", body)
                    if answer.status == 201:
                        self.stored.add(key)
                        break
                    if answer.status < 500:
                        self.fault = answer.body
                        return
                time.sleep(0.02)


def victims(server: Server, target: str) -> list[psutil.Process]:
    return server.tree() if target == "all" else server.with_role(target)[:1]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    projects = tmp_path / "projects"
    projects.mkdir()
    (projects / "digits.toml").write_text(PROJECT)
    running = Server(tmp_path / "home", {"NEXTLABEL_PROJECTS": str(projects)}).start()
    wait_ready(running.client())
    yield running
    if running.process.poll() is None:
        running.stop()


@pytest.fixture
def annotators(server: Server) -> Iterator[list[Annotator]]:
    annotators = [Annotator(server.port, number) for number in range(2)]
    for annotator in annotators:
        annotator.start()
    yield annotators
    for annotator in annotators:
        annotator.stop.set()
    for annotator in annotators:
        annotator.join(20)
        annotator.client.close()


@pytest.mark.timeout(60 + 60 * ROUNDS)
def test_stored_labels_survive_a_kill(server: Server, annotators: list[Annotator]) -> None:
    draw = random.Random(20)
    client = server.client()
    killed: Counter[str] = Counter()
    for number in range(ROUNDS):
        target = TARGETS[number % len(TARGETS)]
        job = until(lambda: started_training(client), 60)
        time.sleep(draw.uniform(0.0, 2.5))
        killed[target] += kill(server, target)
        wait_ready(client, 60)
        ended = finished(client, job, 120)
        assert ended["state"] in {"succeeded", "interrupted"}, (target, ended)
        the_live_checkpoint_answers(client, ended)
        nothing_is_lost_or_doubled(client, annotators)
    # the last job can be run again, however it ended
    again = until(lambda: started_training(client), 60)
    assert finished(client, again, 120)["state"] == "succeeded"
    assert [annotator.fault for annotator in annotators] == [None, None]
    assert sum(len(annotator.stored) for annotator in annotators) > ROUNDS
    assert set(killed) >= {"web", "serve", "worker", "all"}
    # nothing half-written remains visible
    for folder in (server.home / "checkpoints" / "digits").iterdir():
        assert (folder / "card.json").exists() or folder.name.startswith(".")


def kill(server: Server, target: str) -> int:
    count = 0
    family = server.tree()
    for process in victims(server, target):
        with suppress(psutil.NoSuchProcess):
            process.kill()
            count += 1
    if target in {"serve", "all"}:  # nothing outlives serve
        server.process.wait()
        psutil.wait_procs(family, 5)
        assert [process for process in family if is_alive(process)] == []
        server.start()
    return count


def is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def the_live_checkpoint_answers(client: Client, job: dict[str, object]) -> None:
    checkpoints = client("GET", "/checkpoints").json()["checkpoints"]
    assert (job["state"] == "succeeded") == any(c["job"] == job["job"] for c in checkpoints)
    (live,) = [c["checkpoint"] for c in checkpoints if c["live"]]
    prediction = until(lambda: prediction_of(client, digit_jpeg(7), live), 10)
    assert abs(sum(prediction["probabilities"].values()) - 1) < 1e-4


def nothing_is_lost_or_doubled(client: Client, annotators: list[Annotator]) -> None:
    stored = set().union(*(annotator.stored.copy() for annotator in annotators))
    lines = client("GET", "/labels?format=jsonl").body.splitlines()
    exported = Counter(row["key"] for row in map(json.loads, lines) if row["key"])
    assert not stored - set(exported), "a label that got its 201 is missing"
    assert not [key for key, count in exported.items() if count > 1], "a label is stored twice"


def started_training(client: Client) -> int | None:
    with suppress(OSError):
        answer = client("POST", "/train")
        if answer.status == 202:
            return int(answer.json()["job"])
        if answer.status == 409:
            running = [j for j in client("GET", "/jobs").json()["jobs"] if j["state"] in {"queued", "running"}]
            return int(running[0]["job"]) if running else None
    return None


def prediction_of(client: Client, image: bytes, checkpoint: str) -> dict[str, object] | None:
    with suppress(OSError):
        answer = client("POST", "/predict", image, "image/jpeg")
        if answer.status == 200 and answer.json()["checkpoint"] == checkpoint:
            return answer.json()
    return None
