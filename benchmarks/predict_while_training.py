"""`POST /predict` while a training runs, against the same server at rest: the ratio of the 95th percentiles.

python benchmarks/predict_while_training.py [--check] [--seconds 10]
"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from serving import Client, Server, serving, until, wait_ready
from sklearn.datasets import load_digits


def digit_jpeg(number: int) -> bytes:
    """Return a digit as a JPEG."""
    out = BytesIO()
    pixels = (load_digits().images[number] * 15.9).astype(np.uint8)
    Image.fromarray(pixels).resize((64, 64)).save(out, "JPEG", quality=90)
    return out.getvalue()


def latencies(client: Client, image: bytes, seconds: float, going: Callable[[], bool] | None = None) -> list[float]:
    """Return the seconds that each of a series of requests takes, for as long as `going()` is true."""
    durations = []
    began = time.perf_counter()
    while time.perf_counter() - began < seconds and (going is None or going()):
        start = time.perf_counter()
        response = client("POST", "/predict", image, "image/jpeg")
        durations.append(time.perf_counter() - start)
        assert response.status == 200, response.body
    return durations


class Running:
    """Whether a job runs. It sends few requests per second, because they are load too."""

    def __init__(self, client: Client, job: int) -> None:
        self._client, self._job = client, job
        self._checked, self._state = 0.0, "queued"

    def state(self) -> str:
        """Return the job's current state."""
        self._state = self._client("GET", f"/jobs/{self._job}").json()["state"]
        return self._state

    def __call__(self) -> bool:
        """Return whether the job runs, as of at most a quarter of a second ago."""
        if time.monotonic() - self._checked > 0.25:
            self._checked = time.monotonic()
            self.state()
        return self._state == "running"


def while_training(server: Server, image: bytes, seconds: float) -> list[float]:
    """Return the durations of requests that were sent while a training ran."""
    client, observer = server.client(), server.client()
    durations: list[float] = []
    while sum(durations) < 0.9 * seconds:  # the time between the requests needs no further training
        running = Running(observer, observer("POST", "/train").json()["job"])
        until(lambda running=running: running.state() != "queued")
        client.close()  # the server closes idle connections
        durations += latencies(client, image, seconds - sum(durations), running)
        until(lambda running=running: running.state() not in ("queued", "running"))
    return durations


def main() -> None:
    """Measure both and print the ratio."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="two seconds each, only to see that it runs")
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    seconds = 2.0 if arguments.check else arguments.seconds
    with TemporaryDirectory() as folder, serving(Path(folder)) as server:
        client = server.client()
        wait_ready(client)
        image = digit_jpeg(7)
        latencies(client, image, 0.5)
        rest = np.array(latencies(client, image, seconds)) * 1e3
        busy = np.array(while_training(server, image, seconds)) * 1e3
    for name, durations in (("at rest", rest), ("while training", busy)):
        p50, p95, p99 = np.percentile(durations, [50, 95, 99])
        print(f"{name:>15}: p50 {p50:.2f}  p95 {p95:.2f}  p99 {p99:.2f} ms  ({len(durations)} requests)")
    print(f"ratio of p95: {np.percentile(busy, 95) / np.percentile(rest, 95):.2f}")


if __name__ == "__main__":
    main()
