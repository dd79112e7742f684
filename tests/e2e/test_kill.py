"""kill -9 of the web process, the worker, its job, or all, while labels stream in."""

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
TARGETS = ("web", "web master", "worker", "job", "all")


class Annotator(threading.Thread):
    """Labels one item after the other; a label without an answer is sent again with its key."""

    def __init__(self, port: int, number: int) -> None:
        super().__init__(daemon=True)
        self.client = Client(port, timeout=10)
        self.number = number
        self.stored: set[str] = set()
        self.over = threading.Event()
        self.fault: object = None
        self.sent = 0

    def run(self) -> None:
        draw = random.Random(self.number)
        while not self.over.is_set():
            self.sent += 1
            key = f"{self.number}-{self.sent}"
            label = {"id": str(draw.randrange(1797)), "candidates": [str(draw.randrange(10))]}
            body = {"annotator": f"person {self.number}", "labels": [label], "key": key}
            while not self.over.is_set():
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
    if target == "all":
        return server.tree()
    masters = server.processes("web")
    if target == "web master":
        return masters[:1]
    if target == "web":
        return masters[1:2]
    jobs = server.processes("run-job")
    return jobs[:1] if target == "job" else server.processes("worker")[:1]


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
    people = [Annotator(server.port, number) for number in range(2)]
    for person in people:
        person.start()
    yield people
    for person in people:
        person.over.set()
    for person in people:
        person.join(20)
        person.client.close()


@pytest.mark.timeout(60 + 60 * ROUNDS)
def test_what_was_stored_survives_a_kill(server: Server, annotators: list[Annotator]) -> None:
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
    # the last job, whatever became of it, can be run again
    again = until(lambda: started_training(client), 60)
    assert finished(client, again, 120)["state"] == "succeeded"
    assert [person.fault for person in annotators] == [None, None]
    assert sum(len(person.stored) for person in annotators) > ROUNDS
    assert set(killed) >= {"web", "web master", "worker", "all"}
    # nothing half-written remains visible
    for folder in (server.home / "checkpoints" / "digits").iterdir():
        assert (folder / "card.json").exists() or folder.name.startswith(".")


def kill(server: Server, target: str) -> int:
    count = 0
    for process in victims(server, target):
        with suppress(psutil.NoSuchProcess):
            process.kill()
            count += 1
    if target == "all":
        server.process.wait()
        server.start()
    return count


def the_live_checkpoint_answers(client: Client, job: dict[str, object]) -> None:
    checkpoints = client("GET", "/checkpoints").json()["checkpoints"]
    assert (job["state"] == "succeeded") == any(c["job"] == job["job"] for c in checkpoints)
    (live,) = [c["checkpoint"] for c in checkpoints if c["live"]]
    said = until(lambda: named(client, digit_jpeg(7), live), 10)
    assert abs(sum(said["probabilities"].values()) - 1) < 1e-4


def nothing_is_lost_or_doubled(client: Client, annotators: list[Annotator]) -> None:
    known = set().union(*(person.stored.copy() for person in annotators))
    lines = client("GET", "/labels?format=jsonl").body.splitlines()
    held = Counter(row["key"] for row in map(json.loads, lines) if row["key"])
    assert not known - set(held), "a label that got its 201 is gone"
    assert not [key for key, count in held.items() if count > 1], "a label stands twice"


def started_training(client: Client) -> int | None:
    with suppress(OSError):
        answer = client("POST", "/train")
        if answer.status == 202:
            return int(answer.json()["job"])
        if answer.status == 409:
            running = [j for j in client("GET", "/jobs").json()["jobs"] if j["state"] in {"queued", "running"}]
            return int(running[0]["job"]) if running else None
    return None


def named(client: Client, image: bytes, checkpoint: str) -> dict[str, object] | None:
    with suppress(OSError):
        answer = client("POST", "/predict", image, "image/jpeg")
        if answer.status == 200 and answer.json()["checkpoint"] == checkpoint:
            return answer.json()
    return None
