"""The form of the prediction page: the result, and every error, is a page."""

from __future__ import annotations

import io
import re
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image
from support.odd_images import saved, smooth, stored

from nextlabel.engine.images.decoding import prepare
from nextlabel.web.headers import PAGE_POLICY

PAGE = "/projects/digits/"
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def send(client, data, address=PAGE, **more):
    files = {"image" if data is not None else "other": (io.BytesIO(data or b""), "x.jpg")}
    return client.post(address, data=files, headers=BROWSER, **more)


def page_text(answer):
    text = re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True))
    return re.sub(r"\s+", " ", text)


def test_the_result_is_that_of_the_predict_route(client):
    data = saved(smooth(300, 100))
    prediction = client.post("/predict", data=data, content_type="image/png").get_json()
    answer = send(client, data)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    text = answer.get_data(as_text=True)
    assert f"<h2>{prediction['label']}</h2>" in text
    for name, probability in prediction["probabilities"].items():
        assert re.search(rf'<th scope="row">{name}</th>.*?{100 * probability:.1f} %', text, re.DOTALL)
    assert "The model only sees the middle: 33 % of the image" in page_text(answer)
    assert "What the model sees: 8 \u00d7 8 pixels" in page_text(answer)
    assert re.search(r'<rect class="frame" x="100.0" y="0.0" width="100.0" height="100.0"/>', text)
    assert answer.headers["Content-Security-Policy"] == PAGE_POLICY
    assert "data:image" not in text
    assert " style=" not in text


def test_the_result_includes_the_exact_model_input(client):
    data = saved(smooth(300, 100))
    text = send(client, data).get_data(as_text=True)
    (sent,) = re.findall(r'<canvas data-sent data-width="300" data-height="100" width="300" height="100"', text)
    assert sent
    (model_input,) = re.findall(r'data-input="([^"]+)" width="8" height="8"', text)
    shown = np.asarray(Image.open(io.BytesIO(b64decode(model_input))))
    np.testing.assert_array_equal(shown, prepare(data, (8, 8), 1)[..., 0])


def send_several(client, *blobs, query=""):
    files = [(io.BytesIO(blob), f"image {number}.png") for number, blob in enumerate(blobs)]
    return client.post(PAGE + query, data={"image": files}, headers=BROWSER)


def test_several_images_are_a_list_and_one_may_be_rejected(client, stored):
    before = stored()
    good = [saved(smooth(64, 64)), saved(smooth(20, 30))]
    answer = send_several(client, good[0], b"a shopping list", good[1])
    assert (answer.status_code, answer.headers["Content-Security-Policy"]) == (200, PAGE_POLICY)
    rows = re.findall(r"<tr>(.*?)</tr>", answer.get_data(as_text=True).partition("<tbody>")[2], re.DOTALL)
    texts = [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)) for row in rows]
    assert [f"image {number}.png" in row for number, row in enumerate(texts)] == [True] * 3
    assert "this is text" in texts[1]
    for row, data in ((0, good[0]), (2, good[1])):
        alone = client.post("/predict", data=data, content_type="image/png").get_json()
        assert f" {alone['label']} " in texts[row]
        assert f"{100 * alone['probability']:.1f} %" in texts[row]
    assert stored() == before


def test_the_list_mentions_cropped_images(client):
    page = send_several(client, saved(smooth(64, 64)), saved(smooth(300, 100))).get_data(as_text=True)
    rows = re.findall(r"<tr>(.*?)</tr>", page.partition("<tbody>")[2], re.DOTALL)
    assert ["The model only sees the middle: 33 % of the image" in row for row in rows] == [False, True]


def test_an_empty_file_does_not_prevent_the_others(client):
    page = send_several(client, saved(smooth(64, 64)), b"").get_data(as_text=True)
    assert page.count("data-row") >= 1
    assert "the file is empty" in page


def test_a_single_image_as_a_list(client):
    assert "data-row" in send_several(client, saved(smooth(8, 8)), query="?list=1").get_data(as_text=True)
    assert "data-row" not in send_several(client, saved(smooth(8, 8))).get_data(as_text=True)


def test_too_many_images_are_an_error(client):
    answer = send_several(client, *[saved(smooth(8, 8))] * 5)
    assert answer.status_code == 413
    assert "at most 4 images" in answer.get_data(as_text=True)


def test_a_square_image_has_no_frame(client):
    answer = send(client, saved(smooth(64, 64)))
    assert 'class="frame"' not in answer.get_data(as_text=True)
    assert "only sees the middle" not in page_text(answer)


def test_every_exif_orientation_gives_the_same_result(client):
    results = {send(client, stored(smooth(60, 40), orientation)).get_data() for orientation in range(1, 9)}
    assert len(results) == 1


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (saved(smooth(64, 64), "GIF"), 415, "GIF"),
        (b"a shopping list", 415, "text"),
        (saved(smooth(64, 64), "JPEG")[:500], 422, "does not decode"),
        (b"x" * 50_001, 413, "50,000 bytes"),
        (b"", 415, "empty"),
        (None, 400, "no image"),
    ],
)
def test_an_error_is_a_page_with_the_reason_and_the_form(client, stored, data, status, reason):
    before = stored()
    answer = send(client, data)
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    error = re.search(r'<p id="error"[^>]*>([^<]+)</p>', answer.get_data(as_text=True))
    assert error is not None
    assert reason in error[1]
    assert "<form" in answer.get_data(as_text=True)
    assert stored() == before


def test_browsers_get_error_pages_and_programs_get_json(client, problem):
    for address in ("/projects/nope/", "/projects/digits/pool/nope", "/nowhere"):
        page = client.get(address, headers=BROWSER)
        assert (page.status_code, page.mimetype) == (404, "text/html")
        assert 'role="alert"' in page.get_data(as_text=True)
        assert page.headers["Vary"] == "Accept"
        problem(client.get(address), 404)
        problem(client.get(address, headers={"Accept": "application/json, text/html;q=0.5"}), 404)
    assert send(client, b"x", "/projects/<b>/").status_code == 404
    assert b"<b>" not in send(client, b"x", "/projects/<b>/").data
    # the API answers browsers with JSON too
    problem(client.get("/items/nope", headers=BROWSER), 404)
    problem(client.post("/predict", data=b"x", content_type="image/png", headers=BROWSER), 415)


def test_the_form_without_a_token_redirects_to_the_login(build):
    answer = send(build(token="a long token").test_client(), saved(smooth(8, 8)))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/projects/digits/")


def test_another_site_cannot_submit_the_form(client):
    answer = send(
        client, saved(smooth(8, 8)), base_url="http://localhost", environ_base={"HTTP_ORIGIN": "http://x.test"}
    )
    assert answer.status_code == 403


def test_an_image_as_request_body_in_a_list(client, image):
    answer = client.post("/projects/digits/?list=1", data=image(), content_type="image/png")
    assert answer.status_code == 200
    assert "the image</th>" in answer.get_data(as_text=True)
