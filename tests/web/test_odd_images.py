"""Odd images sent to POST /predict get a prediction or a clear error, never a server error."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from support.odd_images import odd_images

CASES = odd_images()
MAX_UPLOAD = 10_000_000
"""Upload limit in bytes, large enough that no case fails because of it."""


@pytest.fixture
def client(build):
    return build(max_upload_bytes=MAX_UPLOAD).test_client()


def test_synthetic_images(client, problem):
    for name, odd in CASES.items():
        answer = client.post("/predict", data={"image": (io.BytesIO(odd.data), "x.jpg")})
        assert answer.status_code == odd.status, (name, answer.get_data(as_text=True))
        if odd.status == 200:
            assert sum(answer.get_json()["probabilities"].values()) == pytest.approx(1, abs=1e-4)
        else:
            problem(answer, odd.status)


def test_refused_images_are_not_added_to_the_pool(client, problem):
    for name, odd in CASES.items():
        if odd.status != 200:
            answer = client.post("/items", data={"image": (io.BytesIO(odd.data), "x.png")})
            assert answer.status_code == odd.status, (name, answer.get_data(as_text=True))
            problem(answer, odd.status)


def test_eight_orientations_give_the_same_prediction(client):
    answers = [client.post("/predict", data=CASES[f"orientation {way}"].data, content_type="image/jpeg").get_json()
               for way in range(1, 9)]  # fmt: skip
    for answer in answers[1:]:
        assert answer["label"] == answers[0]["label"]
        assert answer["probabilities"] == pytest.approx(answers[0]["probabilities"], abs=0.02)


def test_real_images(client, problem):
    folder = Path(os.environ.get("NEXTLABEL_DATA") or "/nowhere") / "odd_images"
    if not folder.is_dir():
        pytest.skip("there is no folder odd_images where NEXTLABEL_DATA points to")
    counts = dict.fromkeys((200, 413, 415, 422), 0)  # 413: the header claims more pixels than allowed
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        answer = client.post("/predict", data=path.read_bytes(), content_type="image/jpeg")
        assert answer.status_code in counts, path
        counts[answer.status_code] += 1
        if answer.status_code != 200:
            assert problem(answer, answer.status_code)["detail"]
    assert counts[200] > 150
    assert counts[415] + counts[422] > 150
    for scene in ("Landscape", "Portrait"):
        files = [folder / "exif_orientation" / f"{scene}_{way}.jpg" for way in range(1, 9)]
        answers = [
            client.post("/predict", data=file.read_bytes(), content_type="image/jpeg").get_json() for file in files
        ]
        assert len({answer["label"] for answer in answers}) == 1
