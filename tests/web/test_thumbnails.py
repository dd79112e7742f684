"""GET /items/<id>/image?size=: small, upright and cached."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from support.odd_images import odd_images, smooth, stored

pytestmark = pytest.mark.slow

ODD = {name: odd for name, odd in odd_images().items() if odd.status == 200}


def added(client, data):
    answer = client.post("/items", data=data, content_type="image/png")
    assert answer.status_code == 201, answer.get_data(as_text=True)
    return answer.get_json()["ids"][0]


def small(client, item, size=160):
    answer = client.get(f"/items/{item}/image?size={size}")
    assert (answer.status_code, answer.mimetype) == (200, "image/webp"), answer.get_data(as_text=True)
    return Image.open(io.BytesIO(answer.data)).convert("RGB")


@pytest.mark.parametrize("size", [160, 320])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_photograph_is_reduced_and_upright(client, size, orientation):
    item = added(client, stored(smooth(1200, 800), orientation, "JPEG", quality=90))
    shown = small(client, item, size)
    assert shown.size == (size, round(size * 2 / 3))
    like = np.asarray(smooth(*shown.size)).astype(int)
    assert np.abs(np.asarray(shown).astype(int) - like).mean() < 6


@pytest.mark.parametrize("name", ODD)
def test_odd_images(client, name):
    odd = ODD[name]
    shown = small(client, added(client, odd.data))
    assert max(shown.size) <= 160
    if odd.like is not None:
        assert shown.size == odd.like.size
        like = np.asarray(odd.like.convert("RGB")).astype(int)
        assert np.abs(np.asarray(shown).astype(int) - like).max() <= 16


def test_a_tiny_image_is_not_changed(client):
    data = np.asarray(Image.open(io.BytesIO(client.get("/items/0/image").data)).convert("RGB"))
    for size in (160, 320):
        np.testing.assert_array_equal(np.asarray(small(client, "0", size)), data)


@pytest.mark.parametrize("size", ["0", "1", "161", "640", "x", "-160", "1e2", "160.0", "", "\uff11\uff16\uff10"])
def test_other_sizes_are_errors(client, refused, size):
    detail = refused(lambda: client.get(f"/items/0/image?size={size}"), 422)["detail"]
    assert "160" in detail
    assert "320" in detail


def test_a_cached_thumbnail_is_not_sent_again(client, image):
    item = added(client, image(300, 300))
    first = client.get(f"/items/{item}/image?size=160")
    assert "private" in first.headers["Cache-Control"]
    assert "sandbox" in first.headers["Content-Security-Policy"]
    again = client.get(f"/items/{item}/image?size=160", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    other = client.get(f"/items/{item}/image?size=320", headers={"If-None-Match": first.headers["ETag"]})
    assert other.status_code == 200
    assert client.get("/items/0/image?size=160").headers["ETag"] != first.headers["ETag"]


def test_a_thumbnail_is_stored_on_disk(client, image, settings, monkeypatch):
    item = added(client, image(300, 300))
    first = client.get(f"/items/{item}/image?size=160").data
    (file,) = [path for path in (settings.home / "thumbnails").rglob("*") if path.is_file()]
    assert file.read_bytes() == first
    monkeypatch.setattr("nextlabel.engine.browse.item_service.make_thumbnail", None)  # not called again
    assert client.get(f"/items/{item}/image?size=160").data == first


def test_a_broken_or_missing_file_is_an_error_but_its_page_works(client, image, problem, settings):
    item = added(client, image(300, 300))
    file = settings.home / "uploads" / item[:2] / item
    file.write_bytes(file.read_bytes()[:200])
    assert "does not decode" in problem(client.get(f"/items/{item}/image?size=160"), 422)["detail"]
    assert "no longer" not in client.get(f"/items/{item}/image?size=160").headers.get("ETag", "")
    file.unlink()
    problem(client.get(f"/items/{item}/image?size=160"), 410)
    assert client.get("/projects/digits/pool?order=newest").status_code == 200
    assert client.get(f"/projects/digits/pool/{item}").status_code == 200


def test_an_unknown_item_is_not_found(client, problem):
    problem(client.get("/items/nope/image?size=160"), 404)
