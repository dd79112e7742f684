"""A server on an empty home folder, without any data set, lets annotators label photographs and train on them."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from serving import finished, serving, until


@pytest.mark.timeout(900)
def test_photographs_are_queried_labelled_and_trained_on(tmp_path: Path) -> None:
    with serving(tmp_path / "fresh", NEXTLABEL_DATA="", NEXTLABEL_DEFAULT_PROJECT="") as server:
        client = server.client()
        waiting = client("GET", "/query")
        if waiting.status != 200:  # the sample is still to be read and scored
            assert (waiting.status, waiting.headers["Retry-After"]) == (503, "2")
        until(lambda: client("GET", "/query").status == 200)
        query = client("GET", "/query").json()
        assert (query["project"], query["strategy"], query["checkpoint"]) == ("photos", "margin", "proden-1")
        assert len(query["items"]) == 10
        scores = [item["score"] for item in query["items"] if item["reason"] == "strategy"]
        assert scores == sorted(scores, reverse=True)
        assert len(scores) >= 8
        for item in query["items"]:
            image = client("GET", item["url"])
            assert image.status == 200
            assert Image.open(BytesIO(image.body)).size == (32, 32)
        labels = [{"id": item["id"], "candidates": [item["suggestion"]["label"]]} for item in query["items"]]
        sent = client("POST", "/labels", json.dumps({"annotator": "ann", "labels": labels}).encode())
        assert (sent.status, sent.json()) == (201, {"accepted": 10})
        training = client("POST", "/train")
        assert training.status == 202
        assert finished(client, training.json()["job"])["state"] == "succeeded"
        names = [checkpoint["checkpoint"] for checkpoint in client("GET", "/checkpoints").json()["checkpoints"]]
        assert names == ["proden-1", "r2"]
