"""kill -9 of the web process, the worker, its job, or all, while labels stream in."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from predict_while_training import picture
from serving import Client, Server, finished, until, wait_ready

ROUNDS = 50 if os.environ.get("CI") else 5
PROJECT = """title = "Digits"
[dataset]
plugin = "digits"
[learner]
plugin = "cnn"
epochs = 1
steps = 60
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


def history(client: Client) -> Counter[str]:
    lines = client("GET", "/labels?format=jsonl").body.splitlines()
    return Counter(row["key"] for row in map(json.loads, lines) if row["key"])


@pytest.mark.timeout(60 + 60 * ROUNDS)
def test_what_was_stored_survives_a_kill(tmp_path: Path) -> None:
    projects = tmp_path / "projects"
    projects.mkdir()
    (projects / "digits.toml").write_text(PROJECT)
    draw = random.Random(20)
    image = picture(7)
    server = Server(tmp_path / "home", {"NEXTLABEL_PROJECTS": str(projects)}).start()
    client = server.client()
    wait_ready(client)
    annotators = [Annotator(server.port, number) for number in range(2)]
    for annotator in annotators:
        annotator.start()
    killed: Counter[str] = Counter()
    newest = "r1"
    try:
        for number in range(ROUNDS):
            target = TARGETS[number % len(TARGETS)]
            job = until(lambda: started_training(client), 60)
            time.sleep(draw.uniform(0.0, 2.5))
            for process in victims(server, target):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
                    killed[target] += 1
            if target == "all":
                server.process.wait()
                server.start()
            wait_ready(client, 60)
            ended = finished(client, job, 120)
            assert ended["state"] in {"succeeded", "interrupted"}, (target, ended)
            checkpoints = client("GET", "/checkpoints").json()["checkpoints"]
            assert (ended["state"] == "succeeded") == any(c["job"] == job for c in checkpoints)
            live = [c["checkpoint"] for c in checkpoints if c["live"]]
            assert len(live) == 1
            assert int(live[0][1:]) >= int(newest[1:]) or ended["state"] == "succeeded"
            newest = live[0]
            said = until(lambda: named(client, image, live[0]), 10)
            assert abs(sum(said["probabilities"].values()) - 1) < 1e-4
            held = history(client)
            known = set().union(*(annotator.stored.copy() for annotator in annotators))
            assert not known - set(history(client)), "a label that got its 201 is gone"
            assert not [key for key, count in held.items() if count > 1], "a label stands twice"
        # the last job, whatever became of it, can be run again
        again = until(lambda: started_training(client), 60)
        assert finished(client, again, 120)["state"] == "succeeded"
    finally:
        for annotator in annotators:
            annotator.over.set()
        for annotator in annotators:
            annotator.join(20)
            annotator.client.close()
        if server.process.poll() is None:
            server.stop()
    assert [annotator.fault for annotator in annotators] == [None, None]
    assert sum(len(annotator.stored) for annotator in annotators) > ROUNDS
    assert set(killed) >= {"web", "web master", "worker", "all"}
    # every folder left is one the store names: nothing half-written remains visible
    checkpoints = tmp_path / "home" / "checkpoints" / "digits"
    for folder in checkpoints.iterdir():
        assert (folder / "card.json").exists() or folder.name.startswith(".")


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
