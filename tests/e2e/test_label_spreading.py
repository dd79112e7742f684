"""The project `digits-spreading` on a real server: it trains, predicts new digits, and takes labels of its queries."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from serving import finished, serving, wait_ready
from sklearn.datasets import load_digits


def png(ink: np.ndarray) -> bytes:
    file = BytesIO()
    Image.fromarray(np.rint(ink.reshape(8, 8) * (255 / 16)).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_digits_spreading_is_served(tmp_path: Path) -> None:
    ink, truth = load_digits(return_X_y=True)
    with serving(tmp_path / "home", NEXTLABEL_DEFAULT_PROJECT="digits-spreading") as server:
        client = server.client()

        wait_ready(client)
        for labels in (15, 20, 25, 30):
            query = client("GET", "/query?annotator=ann").json()
            assert len(query["items"]) == 5
            answers = [{"id": item["id"], "candidates": [str(truth[int(item["id"])])]} for item in query["items"]]
            assert client("POST", "/labels", {"annotator": "ann", "labels": answers}).json() == {"accepted": 5}
            job = finished(client, client("POST", "/train").json()["job"])
            assert (job["state"], job["metrics"]["labels"]) == ("succeeded", labels)
        assert job["metrics"]["unlabelled_accuracy"] > 0.85
        numbers = np.arange(1797)
        np.random.RandomState(0).shuffle(numbers)
        correct = []
        for number in numbers[330:360]:  # not in the pool
            answer = client("POST", "/predict", png(ink[number]), "image/png").json()
            assert answer["project"] == "digits-spreading"
            correct.append(answer["label"] == str(truth[number]))
        assert np.mean(correct) > 0.8
