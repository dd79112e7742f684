"""The life of a server in a container: start, predict, label, train, SIGTERM during a training, and restart.

This single file needs only what nextlabel itself installs, so an image can run it from its standard input; there it
starts `nextlabel serve` itself. From outside an image, --start and --stop are the commands that start the container
(in the foreground, on the same volume each time) and stop it, and --address is its address. The last printed line
holds the figures as JSON. The exit status is not 0 if a check fails.
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
"""Seconds within which a server must end, as docs/operations.md promises."""
SERVE = [sys.executable, "-m", "nextlabel", "serve"]
WAITING = {"queued", "running"}


class Caller:
    """An HTTP client with the access token."""

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
    """A server that a command runs in the foreground. Another command ends it, or SIGTERM to the first."""

    def __init__(self, start: list[str], stop: list[str] | None = None, **environment: str) -> None:
        self.start_by, self.stop_by, self.environment = start, stop, environment
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        # its output must not mix with the lines of this program
        self.process = subprocess.Popen(
            self.start_by, env={**os.environ, **self.environment}, stdin=subprocess.DEVNULL, stdout=sys.stderr
        )

    def stop(self) -> float:
        """End it, and return how many seconds that took."""
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
    """Labels digits one at a time until the server ends; `stored` holds the keys of labels that got their 201."""

    def __init__(self, call: Caller, name: str, truth: Sequence[str]) -> None:
        super().__init__(daemon=True)
        self.call, self.name_of, self.truth = call, name, truth
        self.stored: list[str] = []
        self.fault: tuple[int, bytes] | None = None
        self.stop = threading.Event()

    def run(self) -> None:
        draw = random.Random(self.name_of)
        number = 0
        while not self.stop.is_set():
            number += 1
            key = f"{self.name_of}-{number}"
            item = draw.randrange(len(self.truth))
            label = {"id": str(item), "candidates": [self.truth[item]]}
            body = {"annotator": self.name_of, "labels": [label], "key": key}
            try:
                status, reply = self.call("POST", "/projects/digits/labels", body)
            except OSError:  # the server ends: this label got no 201
                return
            if status == 201:
                self.stored.append(key)
                time.sleep(0.1)
            elif status < 500:
                self.fault = (status, reply)
                return


def until(condition: Callable[[], Any], wait: float, event: str, alive: Callable[[], bool] = lambda: True) -> Any:
    """Return the first true value of `condition()`; an OSError counts as false."""
    began = time.monotonic()
    while time.monotonic() - began < wait:
        with suppress(OSError):
            value = condition()
            if value:
                return value
        assert alive(), f"the server ended before {event}"
        time.sleep(0.05)
    raise AssertionError(f"after {wait:g} s still not: {event}")


class Walk:
    """The steps of the test; `figures` are seconds and counts."""

    def __init__(self, server: Command, call: Caller, log: Callable[[str], None]) -> None:
        self.server, self.call, self.log = server, call, log
        self.figures: dict[str, float] = {}

    def start(self) -> float:
        """Start the server, and return the seconds until the default project predicts."""
        began = time.monotonic()
        self.server.start()
        until(lambda: self.call("GET", "/readyz")[0] == 200, 120, "/readyz returns 200", self.server.runs)
        return time.monotonic() - began

    def train(self) -> int:
        """Start a training as soon as no other of the project runs; return its job."""

        def accepted() -> bytes | None:
            status, reply = self.call("POST", "/projects/digits/train")
            assert status in {202, 409}, reply
            return reply if status == 202 else None

        return int(json.loads(until(accepted, 600, "no other training runs"))["job"])

    def job(self, number: int) -> dict[str, Any]:
        return dict(self.call.get(f"/projects/digits/jobs/{number}"))

    def checkpoints(self) -> dict[str, bool]:
        """Return the names of the checkpoints of digits, and whether each is live."""
        checkpoints = self.call.get("/projects/digits/checkpoints")["checkpoints"]
        return {checkpoint["checkpoint"]: checkpoint["live"] for checkpoint in checkpoints}

    def begin(self) -> None:
        self.figures["ready_s"] = self.start()
        self.log(f"/readyz answers {self.figures['ready_s']:.1f} s after the start")
        if self.call.token:
            assert Caller(self.call.address, None)("GET", "/info")[0] == 401
            self.log("without the token: 401")

    def predict(self) -> None:
        reply = prediction(self.call, "/predict", photograph())
        self.log(f"a JPG is predicted by {reply['checkpoint']}: {reply['label']} ({reply['probability']:.2f})")

    def label(self, truth: Sequence[str]) -> None:
        until(lambda: self.call("GET", "/projects/digits/readyz")[0] == 200, 600, "digits has its first checkpoint")
        items = self.call.get("/projects/digits/query?size=50&annotator=walk")["items"]
        labels = [{"id": item["id"], "candidates": [truth[int(item["id"])]]} for item in items]
        body = {"annotator": "walk", "labels": labels, "key": "walk"}
        status, reply = self.call("POST", "/projects/digits/labels", body)
        assert (status, json.loads(reply)) == (201, {"accepted": 50}), reply
        self.log("50 labels of items from /query: 201")

    def learn(self) -> None:
        before, began = self.checkpoints(), time.monotonic()
        number = self.train()
        ended = until(
            lambda: job if (job := self.job(number))["state"] not in WAITING else None, 900, "the training has ended"
        )
        assert ended["state"] == "succeeded", ended
        self.figures["training_s"] = time.monotonic() - began
        after = self.checkpoints()
        assert len(after) == len(before) + 1, (before, after)
        live = next(name for name, is_live in after.items() if is_live)
        until(lambda: self.serves(live), 10, "the live checkpoint predicts")
        self.log(f"a training: {self.figures['training_s']:.1f} s; checkpoints {', '.join(after)}, live {live}")

    def serves(self, checkpoint: str) -> bool:
        return bool(prediction(self.call, "/projects/digits/predict", photograph())["checkpoint"] == checkpoint)

    def end_in_training(self, truth: Sequence[str]) -> tuple[int, list[str]]:
        """Send SIGTERM while annotators label and a training runs; return its job, and the keys that got their 201."""
        annotators = [Annotator(self.call, name, truth) for name in ("ann", "bob")]
        for annotator in annotators:
            annotator.start()
        until(lambda: all(len(annotator.stored) >= 5 for annotator in annotators), 120, "labels are stored")
        number = self.train()
        until(lambda: self.job(number)["progress"] > 0, 600, "a training has progressed")
        self.figures["stop_in_training_s"] = self.server.stop()
        for annotator in annotators:
            annotator.stop.set()
            annotator.join(60)
        assert [annotator.fault for annotator in annotators] == [None, None]
        self.log(f"SIGTERM in a training, while labels were sent: ended in {self.figures['stop_in_training_s']:.1f} s")
        return number, [key for annotator in annotators for key in annotator.stored]

    def restart(self, number: int, stored: list[str]) -> None:
        self.figures["ready_again_s"] = self.start()
        lines = self.call("GET", "/projects/digits/labels?format=jsonl")[1].splitlines()
        exported = Counter(row["key"] for row in map(json.loads, lines) if row["key"])
        assert [key for key in stored if exported[key] != 1] == [], (
            "a label that got its 201 is missing, or stored twice"
        )
        assert exported["walk"] == 50
        assert self.job(number)["state"] == "interrupted", self.job(number)
        assert self.serves(next(name for name, live in self.checkpoints().items() if live))
        self.figures["labels_201"] = len(stored) + 50
        self.log(
            f"started again in {self.figures['ready_again_s']:.1f} s: all {len(stored) + 50} labels are there, once"
        )

    def end(self) -> None:
        self.figures["stop_idle_s"] = self.server.stop()
        self.log(f"SIGTERM without a job: ended in {self.figures['stop_idle_s']:.1f} s")


def walk(server: Command, call: Caller, log: Callable[[str], None]) -> dict[str, float]:
    """Run all steps; return seconds and counts."""
    truth = [str(digit) for digit in load_digits().target]
    steps = Walk(server, call, log)
    try:
        steps.begin()
        steps.predict()
        steps.label(truth)
        steps.learn()
        number, stored = steps.end_in_training(truth)
        steps.restart(number, stored)
        steps.end()
    finally:
        server.give_up()
    assert max(steps.figures["stop_in_training_s"], steps.figures["stop_idle_s"]) <= STOPS_WITHIN, steps.figures
    return {name: round(value, 1) for name, value in steps.figures.items()}


def prediction(call: Caller, path: str, image: bytes) -> dict[str, Any]:
    status, body = call("POST", path, image, "image/jpeg")
    assert status == 200, f"POST {path}: {status} {body!r}"
    reply = json.loads(body)
    assert reply["label"] in reply["probabilities"]
    return dict(reply)


def photograph() -> bytes:
    """A JPG that could show the sea below the sky."""
    out = BytesIO()
    image = Image.new("RGB", (640, 480), (120, 170, 230))
    image.paste((20, 60, 110), (0, 300, 640, 480))
    image.paste((230, 230, 225), (180, 250, 460, 310))
    image.save(out, "JPEG")
    return out.getvalue()


def refuses_without_token() -> None:
    """Check that the server refuses to start without a token where others can reach it."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("NEXTLABEL_TOKEN")}
    environment |= {"NEXTLABEL_HOST": "0.0.0.0", "NEXTLABEL_PORT": "0"}
    server = subprocess.run(SERVE, env=environment, capture_output=True, text=True, check=False)
    assert server.returncode != 0
    assert "needs an access token" in server.stderr, server.stderr


def print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run the test here, or from outside."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--start", help="command that runs the server in the foreground; default: nextlabel serve, here"
    )
    parser.add_argument("--stop", help="command that ends it; default: SIGTERM to the first one")
    parser.add_argument("--address", help="its address; default: this machine and NEXTLABEL_PORT")
    parser.add_argument("--token", default=os.environ.get("NEXTLABEL_TOKEN"), help="its access token [NEXTLABEL_TOKEN]")
    arguments = parser.parse_args()
    port = os.environ.get("NEXTLABEL_PORT", "8000")
    address = arguments.address or f"http://127.0.0.1:{port}"
    if arguments.start:
        server = Command(shlex.split(arguments.start), shlex.split(arguments.stop) if arguments.stop else None)
        print_line(json.dumps(walk(server, Caller(address, arguments.token), print_line)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        home = os.environ.get("NEXTLABEL_HOME") or temporary
        print_line(f"uid {os.getuid()}, Python {sys.version.split()[0]}, {home}, {len(os.sched_getaffinity(0))} cores")
        assert os.getuid() != 0 or home == temporary, "the image runs as root"
        assert not any(Path(home).iterdir()), f"{home} is not empty; use a new folder"
        refuses_without_token()
        print_line("without a token it refuses to listen where others can reach it")
        token = arguments.token or secrets.token_urlsafe()
        settings = {"HOME": home, "PORT": port, "HOST": "0.0.0.0", "TOKEN": token}
        server = Command(SERVE, **{f"NEXTLABEL_{name}": value for name, value in settings.items()})
        print_line(json.dumps(walk(server, Caller(address, token), print_line)))


if __name__ == "__main__":
    main()
