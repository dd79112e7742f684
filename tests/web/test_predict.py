from __future__ import annotations

import io
from json import dumps

import pytest

pytestmark = pytest.mark.slow


def upload(data: bytes, name: str = "x.png"):
    return io.BytesIO(data), name


def test_one_image_in_a_form(client, image):
    response = client.post("/predict", data={"image": upload(image())})
    assert response.status_code == 200
    body = response.get_json()
    assert list(body) == ["project", "checkpoint", "label", "probability", "probabilities"]
    assert body["project"] == "digits"
    assert body["checkpoint"] == "r1"
    shares = list(body["probabilities"].values())
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1, abs=1e-5)
    assert body["probabilities"][body["label"]] == body["probability"] == shares[0]


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_a_raw_image_gets_the_same_response_as_in_a_form(client, image, kind):
    data = image(kind=kind.upper())
    raw = client.post("/predict", data=data, content_type=f"image/{kind}")
    form = client.post("/projects/digits/predict", data={"image": upload(data)})
    assert raw.status_code == 200
    assert raw.get_json() == form.get_json()


def test_several_images_in_the_order_sent(client, image):
    blobs = [image(seed=seed) for seed in range(3)]
    several = client.post("/predict", data={"image": [upload(blob) for blob in blobs]}).get_json()
    assert set(several) == {"project", "checkpoint", "predictions"}
    single = [client.post("/predict", data={"image": upload(blob)}).get_json() for blob in blobs]
    expected = [prediction["probabilities"] for prediction in single]
    assert [prediction["probabilities"] for prediction in several["predictions"]] == expected


def test_items_of_the_pool_are_predicted_by_id(client):
    several = client.post("/predict", json={"ids": ["3", "4"]}).get_json()
    assert [set(prediction) for prediction in several["predictions"]] == [{"label", "probability", "probabilities"}] * 2
    one = client.post("/predict", json={"ids": ["3"]}).get_json()
    assert one["predictions"] == several["predictions"][:1]
    assert one["label"] == several["predictions"][0]["label"]


def test_top_shortens_the_probabilities(client, image):
    body = client.post("/predict?top=3", data={"image": upload(image())}).get_json()
    assert len(body["probabilities"]) == 3
    assert next(iter(body["probabilities"])) == body["label"]


def test_the_size_limit_of_images(client, refused, settings):
    size = settings.max_upload_bytes
    # one byte more than the limit is 413; at the limit the body is read, and is not an image
    for body, status in ((b"x" * size, 415), (b"x" * (size + 1), 413)):
        problem = refused(lambda body=body: client.post("/predict", data=body, content_type="image/png"), status)
        assert ("50,000" in problem["detail"]) == (status == 413)
        refused(lambda body=body: client.post("/predict", data={"image": upload(body)}), status)


BAD_JSON = {
    "empty": b"",
    "cut off": b'{"ids": ["1"',
    "not a number": b'{"vectors": [[NaN]]}',
    "infinity": b'{"vectors": [[-Infinity]]}',
    "not UTF-8": b'{"ids": ["\xff"]}',
    "UTF-16": '{"ids": ["1"]}'.encode("utf-16"),
    "half a surrogate pair": b'{"ids": ["\\ud800"]}',
    "too deep": b"[" * 100_000 + b"]" * 100_000,
    "a huge integer": b'{"ids": [' + b"1" * 100_000 + b"]}",
    "two documents": b"{}{}",
}


@pytest.mark.parametrize("body", BAD_JSON.values(), ids=BAD_JSON)
def test_a_body_that_is_not_json_is_a_bad_request(client, refused, body):
    refused(lambda: client.post("/predict", data=body, content_type="application/json"), 400)


WRONG_SHAPES = {
    "a list": [],
    "a word": "ids",
    "null": None,
    "nothing": {},
    "both": {"ids": ["1"], "vectors": [[1.0]]},
    "no ids": {"ids": []},
    "ids that are no text": {"ids": [1, None]},
    "an empty id": {"ids": [""]},
    "a NUL": {"ids": ["a\0b"]},
    "a long id": {"ids": ["x" * 1001]},
    "an overflowing number": {"vectors": [["1e999"]]},
    "more": {"ids": ["1"], "top": 3},
    "very many fields": {str(number): number for number in range(10_000)},
}


@pytest.mark.parametrize("body", WRONG_SHAPES.values(), ids=WRONG_SHAPES)
def test_json_that_does_not_fit_is_unprocessable_with_faults(client, refused, body):
    assert refused(lambda: client.post("/predict", data=dumps(body), content_type="application/json"), 422)["faults"]


def test_a_number_too_large_for_a_double_is_a_fault(client, refused):
    body = b'{"vectors": [[1e999]]}'
    problem = refused(lambda: client.post("/predict", data=body, content_type="application/json"), 422)
    assert problem["faults"] == ["vectors[0][0]: Input should be a finite number"]


def test_a_list_of_millions_is_a_single_fault(client, refused):
    body = b'{"ids": [' + b"1," * 2_000_000 + b"1]}"
    problem = refused(lambda: client.post("/predict", data=body, content_type="application/json"), 422)
    assert problem["faults"] == ["ids: List should have at most 100000 items after validation, not 2000001"]


def test_json_over_the_limit_is_rejected_unread(client, refused):
    body = b" " * 16_000_001
    problem = refused(lambda: client.post("/predict", data=body, content_type="application/json"), 413)
    assert "16,000,000" in problem["detail"]


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", "application/x-www-form-urlencoded", ""])
def test_other_media_types_are_unsupported(client, refused, kind):
    assert "image" in refused(lambda: client.post("/predict", data=b"image=1", content_type=kind), 415)["detail"]


def test_unreadable_images(client, refused, image):
    whole = image(64, 64)
    cases = [
        (b"", 415),
        (b"GIF89a" + b"\0" * 50, 415),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415),
        (b"\0" * 100, 415),
        (whole[: len(whole) // 2], 422),
    ]
    for data, status in cases:
        refused(lambda data=data: client.post("/predict", data=data, content_type="image/png"), status)
        refused(lambda data=data: client.post("/predict", data={"image": upload(data)}), status)


def test_too_many_pixels(build, refused, image):
    client = build(max_pixels=100).test_client()
    problem = refused(lambda: client.post("/predict", data={"image": upload(image(11, 10))}), 413)
    assert "100" in problem["detail"]


def test_forms_without_an_image_are_bad_requests(client, refused):
    form = "multipart/form-data; boundary=b"
    bodies = [b"", b"--b--\r\n", b"--b\r\nContent-Disposition: form-data; name=image\r\n\r\nx\r\n--b--\r\n", b"junk"]
    for body in bodies:
        refused(lambda body=body: client.post("/predict", data=body, content_type=form), 400)
    refused(lambda: client.post("/predict", data=b"x", content_type="multipart/form-data"), 400)
    refused(lambda: client.post("/predict", data={"file": upload(b"x")}), 400)


def test_too_many_images_or_form_parts(client, refused, image):
    five = {"image": [upload(image(seed=seed)) for seed in range(5)]}
    problem = refused(lambda: client.post("/predict", data=five), 413)
    assert "4 images" in problem["detail"]
    part = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\ny\r\n'
    body = part * 20_000 + b"--b--\r\n"
    refused(lambda: client.post("/predict", data=body, content_type="multipart/form-data; boundary=b"), 413)


def test_too_many_ids(client, refused):
    problem = refused(lambda: client.post("/predict", json={"ids": ["1"] * 5}), 413)
    assert "4" in problem["detail"]


@pytest.mark.parametrize("query", ["top=0", "top=-1", "top=x", "top=", "top=1.5", "tip=1", "top=" + "9" * 50])
def test_invalid_query_parameters(client, refused, image, query):
    data = image()
    refused(lambda: client.post(f"/predict?{query}", data=data, content_type="image/png"), 422)


def test_unknown_items_and_projects(client, refused):
    assert "'no-such'" in refused(lambda: client.post("/predict", json={"ids": ["no-such"]}), 404)["detail"]
    problem = refused(lambda: client.post("/projects/digit/predict", json={"ids": ["1"]}), 404)
    assert "did you mean 'digits'" in problem["detail"]


def test_vectors_in_a_project_of_images(client, refused):
    assert "takes images" in refused(lambda: client.post("/predict", json={"vectors": [[1.0]]}), 422)["detail"]
