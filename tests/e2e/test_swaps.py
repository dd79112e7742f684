"""Twenty swaps under load: no request fails, and each prediction is by the checkpoint that it names."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from predict_while_training import digit_jpeg
from serving import Server, finished, serving, wait_ready

SWAPS = 20
CLIENTS = 4
PROJECT = """title = "Digits"
seed = 3
[dataset]
plugin = "digits"
[learner]
plugin = "cnn"
epochs = 1
min_steps = 20
[strategy]
plugin = "margin"
[labels]
initial = 50
"""


def answer(server: Server, image: bytes) -> dict[str, object]:
    reply = server.client()("POST", "/predict", image, "image/jpeg")
    assert reply.status == 200, reply.body
    return reply.json()


@pytest.mark.timeout(300)
def test_swaps_under_load_fail_no_request_and_mix_no_model(tmp_path: Path) -> None:
    projects = tmp_path / "projects"
    projects.mkdir()
    (projects / "digits.toml").write_text(PROJECT)
    image = digit_jpeg(7)
    with serving(tmp_path / "home", NEXTLABEL_PROJECTS=str(projects)) as server:
        client = server.client()
        wait_ready(client)
        while len(client("GET", "/checkpoints").json()["checkpoints"]) < 2:
            job = client("POST", "/train").json()["job"]
            assert finished(client, job)["state"] == "succeeded"
        names = [c["checkpoint"] for c in client("GET", "/checkpoints").json()["checkpoints"]][:2]
        expected = {}
        for name in names:
            assert client("POST", f"/checkpoints/{name}/promote").status == 200
            time.sleep(1.2)  # served within a second
            expected[name] = answer(server, image)
            assert expected[name]["checkpoint"] == name
        assert expected[names[0]] != expected[names[1]]

        seen: Counter[str] = Counter()
        faults: list[object] = []
        stop = threading.Event()

        def load() -> None:
            own = server.client()
            while not stop.is_set():
                reply = own("POST", "/predict", image, "image/jpeg")
                prediction = reply.json()
                if reply.status != 200 or prediction["checkpoint"] not in expected:
                    faults.append(prediction)
                    continue
                seen[prediction["checkpoint"]] += 1
                probabilities = expected[prediction["checkpoint"]]["probabilities"]
                if not np.allclose(
                    [prediction["probabilities"][c] for c in probabilities], list(probabilities.values()), atol=1e-6
                ):
                    faults.append(prediction)

        threads = [threading.Thread(target=load) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for swap in range(SWAPS):
            assert client("POST", f"/checkpoints/{names[swap % 2]}/promote").status == 200
            time.sleep(0.7)
        stop.set()
        for thread in threads:
            thread.join()
        assert faults == []
        assert set(seen) == set(names)
