"""The life of a server as a container has it: start, predict, label, train, SIGTERM in a training, and back again.

It is one file that needs nothing but what nextlabel itself installs, so that an image can be given it on its
standard input; there it starts `nextlabel serve` itself. From outside an image, --start and --stop name the commands
that start it (in the foreground, on one and the same volume each time) and end it, and --address where it answers.
The last line it prints is its figures as JSON; it ends with another status than 0 where anything is not as it must be.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from sklearn.datasets import load_digits

STOPS_WITHIN = 10.0
"""Seconds a server has to end in, as docs/operations.md says."""
SERVE = [sys.executable, "-m", "nextlabel", "serve"]
WAITING = {"queued", "running"}


class Caller:
    """Talks to the server as somebody who has its token."""

    def __init__(self, address: str, token: str | None) -> None:
        self.address, self.token = address.rstrip("/"), token

    def __call__(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> tuple[int, bytes]:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        headers = {"Content-Type": kind} if data is not None else {}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def get(self, path: str) -> Any:
        status, body = self("GET", path)
        assert status == 200, f"GET {path}: {status} {body!r}"
        return json.loads(body)


class Command:
    """A server that a command runs in the foreground; another command, or SIGTERM to the first, ends it."""

    def __init__(self, start: list[str], stop: list[str] | None = None, **environment: str) -> None:
        self.start_by, self.stop_by, self.environment = start, stop, environment
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        # what it prints must not come between the lines of this program
        self.process = subprocess.Popen(
            self.start_by, env={**os.environ, **self.environment}, stdin=subprocess.DEVNULL, stdout=sys.stderr
        )

    def stop(self) -> float:
        """Return how many seconds it took to end."""
        assert self.process is not None
        began = time.monotonic()
        if self.stop_by is None:
            self.process.send_signal(signal.SIGTERM)
        else:
            subprocess.run(self.stop_by, check=True, stdout=sys.stderr)
        self.process.wait(60)
        return time.monotonic() - began

    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def give_up(self) -> None:
        if self.runs():
            with suppress(subprocess.SubprocessError):
                self.stop()


class Annotator(threading.Thread):
    """Labels digits one at a time until nobody answers; keeps the keys of those that got their 201."""

    def __init__(self, call: Caller, name: str, truth: Sequence[str]) -> None:
        super().__init__(daemon=True)
        self.call, self.name_of, self.truth = call, name, truth
        self.stored: list[str] = []
        self.fault: tuple[int, bytes] | None = None
        self.over = threading.Event()

    def run(self) -> None:
        draw = random.Random(self.name_of)
        number = 0
        while not self.over.is_set():
            number += 1
            key = f"{self.name_of}-{number}"
            item = draw.randrange(len(self.truth))
            label = {"id": str(item), "candidates": [self.truth[item]]}
            body = {"annotator": self.name_of, "labels": [label], "key": key}
            try:
                status, said = self.call("POST", "/projects/digits/labels", body)
            except OSError:  # it stops: nothing was promised for this one
                return
            if status == 201:
                self.stored.append(key)
                time.sleep(0.1)
            elif status < 500:
                self.fault = (status, said)
                return


def until(condition: Callable[[], Any], wait: float, what: str, alive: Callable[[], bool] = lambda: True) -> Any:
    """Return the first true value of `condition()`, which may fail to reach anybody meanwhile."""
    began = time.monotonic()
    while time.monotonic() - began < wait:
        with suppress(OSError):
            value = condition()
            if value:
                return value
        assert alive(), f"the server ended before {what}"
        time.sleep(0.05)
    raise AssertionError(f"after {wait:g} s still not: {what}")


class Walk:
    """Somebody who goes through all of it; `figures` are seconds and counts."""

    def __init__(self, server: Command, call: Caller, say: Callable[[str], None]) -> None:
        self.server, self.call, self.say = server, call, say
        self.figures: dict[str, float] = {}

    def start(self) -> float:
        """Return how many seconds it took until the default project predicts."""
        began = time.monotonic()
        self.server.start()
        until(lambda: self.call("GET", "/readyz")[0] == 200, 120, "/readyz says 200", self.server.runs)
        return time.monotonic() - began

    def train(self) -> int:
        """Start a training as soon as no other one of the project runs; return its job."""

        def accepted() -> bytes | None:
            status, said = self.call("POST", "/projects/digits/train")
            assert status in {202, 409}, said
            return said if status == 202 else None

        return int(json.loads(until(accepted, 600, "no other training runs"))["job"])

    def job(self, number: int) -> dict[str, Any]:
        return dict(self.call.get(f"/projects/digits/jobs/{number}"))

    def checkpoints(self) -> dict[str, bool]:
        """Return those of digits, and which one is live."""
        found = self.call.get("/projects/digits/checkpoints")["checkpoints"]
        return {one["checkpoint"]: one["live"] for one in found}

    def begin(self) -> None:
        self.figures["ready_s"] = self.start()
        self.say(f"/readyz answers {self.figures['ready_s']:.1f} s after the start")
        if self.call.token:
            assert Caller(self.call.address, None)("GET", "/info")[0] == 401
            self.say("without the token: 401")

    def predict(self) -> None:
        said = prediction(self.call, "/predict", photograph())
        self.say(f"a JPG is answered by {said['checkpoint']}: {said['label']} ({said['probability']:.2f})")

    def label(self, truth: Sequence[str]) -> None:
        until(lambda: self.call("GET", "/projects/digits/readyz")[0] == 200, 600, "digits has trained itself")
        asked = self.call.get("/projects/digits/query?size=50&annotator=walk")["items"]
        labels = [{"id": item["id"], "candidates": [truth[int(item["id"])]]} for item in asked]
        body = {"annotator": "walk", "labels": labels, "key": "walk"}
        status, said = self.call("POST", "/projects/digits/labels", body)
        assert (status, json.loads(said)) == (201, {"accepted": 50}), said
        self.say("50 labels of digits that /query asked for: 201")

    def learn(self) -> None:
        before, began = self.checkpoints(), time.monotonic()
        number = self.train()
        ended = until(lambda: job if (job := self.job(number))["state"] not in WAITING else None, 900, "it has trained")
        assert ended["state"] == "succeeded", ended
        self.figures["training_s"] = time.monotonic() - began
        after = self.checkpoints()
        assert len(after) == len(before) + 1, (before, after)
        live = next(name for name, is_live in after.items() if is_live)
        until(lambda: self.tells(live), 10, "the live checkpoint answers")
        self.say(f"a training: {self.figures['training_s']:.1f} s; checkpoints {', '.join(after)}, live {live}")

    def tells(self, checkpoint: str) -> bool:
        return bool(prediction(self.call, "/projects/digits/predict", photograph())["checkpoint"] == checkpoint)

    def end_in_training(self, truth: Sequence[str]) -> tuple[int, list[str]]:
        """SIGTERM while people label and a training runs; return its job, and the keys that got their 201."""
        people = [Annotator(self.call, name, truth) for name in ("ann", "bob")]
        for person in people:
            person.start()
        until(lambda: all(len(person.stored) >= 5 for person in people), 120, "people label")
        number = self.train()
        until(lambda: self.job(number)["progress"] > 0, 600, "a training is under way")
        self.figures["stop_in_training_s"] = self.server.stop()
        for person in people:
            person.over.set()
            person.join(60)
        assert [person.fault for person in people] == [None, None]
        self.say(f"SIGTERM in a training, while labels came in: ended in {self.figures['stop_in_training_s']:.1f} s")
        return number, [key for person in people for key in person.stored]

    def come_back(self, number: int, stored: list[str]) -> None:
        self.figures["ready_again_s"] = self.start()
        lines = self.call("GET", "/projects/digits/labels?format=jsonl")[1].splitlines()
        held = Counter(row["key"] for row in map(json.loads, lines) if row["key"])
        assert [key for key in stored if held[key] != 1] == [], "a label that got its 201 is gone, or stands twice"
        assert held["walk"] == 50
        assert self.job(number)["state"] == "interrupted", self.job(number)
        assert self.tells(next(name for name, live in self.checkpoints().items() if live))
        self.figures["labels_201"] = len(stored) + 50
        self.say(
            f"started again in {self.figures['ready_again_s']:.1f} s: all {len(stored) + 50} labels are there, once"
        )

    def end(self) -> None:
        self.figures["stop_idle_s"] = self.server.stop()
        self.say(f"SIGTERM when nothing runs: ended in {self.figures['stop_idle_s']:.1f} s")


def walk(server: Command, call: Caller, say: Callable[[str], None]) -> dict[str, float]:
    """Go through all of it; return seconds and counts."""
    truth = [str(digit) for digit in load_digits().target]
    one = Walk(server, call, say)
    try:
        one.begin()
        one.predict()
        one.label(truth)
        one.learn()
        number, stored = one.end_in_training(truth)
        one.come_back(number, stored)
        one.end()
    finally:
        server.give_up()
    assert max(one.figures["stop_in_training_s"], one.figures["stop_idle_s"]) <= STOPS_WITHIN, one.figures
    return {name: round(value, 1) for name, value in one.figures.items()}


def prediction(call: Caller, path: str, image: bytes) -> dict[str, Any]:
    status, body = call("POST", path, image, "image/jpeg")
    assert status == 200, f"POST {path}: {status} {body!r}"
    said = json.loads(body)
    assert said["label"] in said["probabilities"]
    return dict(said)


def photograph() -> bytes:
    """A JPG of what could be a sea below a sky."""
    out = BytesIO()
    image = Image.new("RGB", (640, 480), (120, 170, 230))
    image.paste((20, 60, 110), (0, 300, 640, 480))
    image.paste((230, 230, 225), (180, 250, 460, 310))
    image.save(out, "JPEG")
    return out.getvalue()


def refuses_without_token() -> None:
    """See that nobody can be let in by forgetting the token."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("NEXTLABEL_TOKEN")}
    environment |= {"NEXTLABEL_HOST": "0.0.0.0", "NEXTLABEL_PORT": "0"}
    done = subprocess.run(SERVE, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "needs an access token" in done.stderr, done.stderr


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Walk here, or from outside."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--start", help="command that runs the server in the foreground; here unless given")
    parser.add_argument("--stop", help="command that ends it; SIGTERM to the first one unless given")
    parser.add_argument("--address", help="where it answers; this machine, at NEXTLABEL_PORT, unless given")
    parser.add_argument("--token", default=os.environ.get("NEXTLABEL_TOKEN"), help="its access token [NEXTLABEL_TOKEN]")
    given = parser.parse_args()
    port = os.environ.get("NEXTLABEL_PORT", "8000")
    address = given.address or f"http://127.0.0.1:{port}"
    if given.start:
        server = Command(shlex.split(given.start), shlex.split(given.stop) if given.stop else None)
        say(json.dumps(walk(server, Caller(address, given.token), say)))
        return
    with tempfile.TemporaryDirectory() as spare:
        home = os.environ.get("NEXTLABEL_HOME") or spare
        say(f"uid {os.getuid()}, Python {sys.version.split()[0]}, {home}, {len(os.sched_getaffinity(0))} cores")
        assert os.getuid() != 0 or home == spare, "the image runs as root"
        assert not any(Path(home).iterdir()), f"{home} is not empty: the walk wants a fresh one"
        refuses_without_token()
        say("without a token it refuses to listen where others reach it")
        token = given.token or secrets.token_urlsafe()
        settings = {"HOME": home, "PORT": port, "HOST": "0.0.0.0", "TOKEN": token}
        server = Command(SERVE, **{f"NEXTLABEL_{name}": value for name, value in settings.items()})
        say(json.dumps(walk(server, Caller(address, token), say)))


if __name__ == "__main__":
    main()
