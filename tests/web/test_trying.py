"""The prediction page's own form: the answer, and every refusal, is a page."""

from __future__ import annotations

import io
import re

import pytest
from odd_pictures import saved, smooth, stored

PAGE = "/projects/digits/"
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def send(client, data, address=PAGE, **more):
    files = {"image" if data is not None else "other": (io.BytesIO(data or b""), "x.jpg")}
    return client.post(address, data=files, headers=BROWSER, **more)


def told(answer):
    """The words of a page."""
    text = re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True))
    return re.sub(r"\s+", " ", text)


def test_the_answer_is_that_of_predict_with_what_the_model_saw(client):
    data = saved(smooth(300, 100))
    said = client.post("/predict", data=data, content_type="image/png").get_json()
    answer = send(client, data)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    text = answer.get_data(as_text=True)
    assert f"<h2>{said['label']}</h2>" in text
    for name, probability in said["probabilities"].items():
        assert re.search(rf'<th scope="row">{name}</th>.*?{100 * probability:.1f} %', text, re.DOTALL)
    assert "Only the middle is seen: 33 % of the picture" in told(answer)
    assert "What the model sees: 8 \u00d7 8 pixels" in told(answer)
    assert re.search(r'<rect class="frame" x="100.0" y="0.0" width="100.0" height="100.0"/>', text)
    assert text.count("data:image/") == 2
    assert "img-src 'self' data:;" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert " style=" not in text


def test_a_square_one_has_no_frame(client):
    answer = send(client, saved(smooth(64, 64)))
    assert 'class="frame"' not in answer.get_data(as_text=True)
    assert "Only the middle" not in told(answer)


def test_eight_ways_up_are_one_answer(client):
    answers = {send(client, stored(smooth(60, 40), way)).get_data() for way in range(1, 9)}
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (saved(smooth(64, 64), "GIF"), 415, "GIF"),
        (b"a shopping list", 415, "text"),
        (saved(smooth(64, 64), "JPEG")[:500], 422, "does not decode"),
        (b"x" * 50_001, 413, "50,000 bytes"),
        (b"", 400, "empty"),
        (None, 400, "no picture"),
    ],
)
def test_a_refusal_is_a_page_with_the_reason_and_the_form(client, stored, data, status, reason):
    before = stored()
    answer = send(client, data)
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    fault = re.search(r'<p id="fault"[^>]*>([^<]+)</p>', answer.get_data(as_text=True))
    assert fault is not None
    assert reason in fault[1]
    assert "<form" in answer.get_data(as_text=True)
    assert stored() == before


def test_who_looks_at_pages_gets_a_page_of_the_error_and_a_program_the_document(client, problem):
    for address in ("/projects/nope/", "/projects/digits/pool/nope", "/nowhere"):
        page = client.get(address, headers=BROWSER)
        assert (page.status_code, page.mimetype) == (404, "text/html")
        assert 'role="alert"' in page.get_data(as_text=True)
        assert page.headers["Vary"] == "Accept"
        problem(client.get(address), 404)
        problem(client.get(address, headers={"Accept": "application/json, text/html;q=0.5"}), 404)
    assert send(client, b"x", "/projects/<b>/").status_code == 404
    assert b"<b>" not in send(client, b"x", "/projects/<b>/").data
    # the API answers in one shape, whoever asks
    problem(client.get("/items/nope", headers=BROWSER), 404)
    problem(client.post("/predict", data=b"x", content_type="image/png", headers=BROWSER), 415)


def test_the_form_without_the_token_leads_to_where_it_is_asked_for(build):
    answer = send(build(token="a long token").test_client(), saved(smooth(8, 8)))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/projects/digits/")


def test_a_form_of_another_site_is_refused(client):
    answer = send(
        client, saved(smooth(8, 8)), base_url="http://localhost", environ_base={"HTTP_ORIGIN": "http://x.test"}
    )
    assert answer.status_code == 403
