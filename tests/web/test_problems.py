from __future__ import annotations

import inspect
import logging

import pytest

from nextlabel.contracts import errors
from nextlabel.web.problems import STATUSES, answer_to, status_of

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.NextlabelError)]
EXPECTED = {
    "BadRequest": 400, "Unauthorized": 401, "Forbidden": 403, "NotFound": 404, "Conflict": 409, "Gone": 410,
    "TooLarge": 413, "Unsupported": 415, "Unprocessable": 422, "NotReady": 503,
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_has_a_status(kind):
    assert status_of(kind("why")) == EXPECTED.get(kind.__name__, 500)
    assert STATUSES[errors.NextlabelError] == 500


def test_a_subclass_has_the_status_of_its_base():
    class Subclass(errors.Conflict):
        pass

    assert status_of(Subclass("why")) == 409


def test_errors_have_headers_and_faults():
    assert answer_to(errors.NotReady("soon", 7)).headers["Retry-After"] == "7"
    assert answer_to(errors.Unauthorized("no")).headers["WWW-Authenticate"].startswith("Bearer")
    assert answer_to(errors.Unprocessable("no", ["a", "b"])).get_json()["faults"] == ["a", "b"]


def test_a_file_name_that_is_not_utf8_is_escaped():
    body = answer_to(errors.Unprocessable("no image caf\udce9.png", ["caf\udce9"])).get_json()
    assert "caf\\udce9.png" in body["detail"]
    assert body["faults"] == ["caf\\udce9"]


def test_unknown_urls(client, problem):
    for address in ("/nope", "/labels/", "/projects", "/projects/digits/nope", "/queries/", "/static/nope.css"):
        problem(client.get(address), 404)


def test_wrong_methods_name_the_allowed_ones(client, problem):
    response = client.put("/labels")
    problem(response, 405)
    assert {"GET", "POST"} <= {method.strip() for method in response.headers["Allow"].split(",")}
    problem(client.post("/"), 405)
    problem(client.open("/healthz", method="BREW"), 405)


def test_options_and_head(client):
    response = client.options("/labels")
    assert (response.status_code, response.data) == (200, b"")
    assert "POST" in response.headers["Allow"]
    for address in ("/", "/info", "/items/0", "/projects/digits/", "/openapi.json"):
        response = client.head(address)
        assert (response.status_code, response.data) == (200, b"")


def test_unexpected_errors_are_logged_once_without_details_in_the_body(app, monkeypatch, problem, caplog):
    def broken(self):
        raise ZeroDivisionError("a secret 12345")

    monkeypatch.setattr("nextlabel.engine.predict.model_service.ModelService.checkpoints", broken)
    with caplog.at_level(logging.INFO):
        body = problem(app.test_client().get("/checkpoints?x=private"), 500)
    assert "12345" not in str(body)
    (record,) = caplog.records
    assert record.exc_info
    assert "private" not in record.getMessage()


def test_our_errors_without_a_status_are_logged_in_one_line(app, monkeypatch, problem, caplog):
    def missing(self):
        raise errors.DatasetMissing("put CIFAR-10 into NEXTLABEL_DATA")

    monkeypatch.setattr("nextlabel.engine.predict.model_service.ModelService.checkpoints", missing)
    assert problem(app.test_client().get("/checkpoints"), 500)["detail"] == "put CIFAR-10 into NEXTLABEL_DATA"
    (record,) = caplog.records
    assert record.getMessage() == "DatasetMissing: put CIFAR-10 into NEXTLABEL_DATA"
    assert not record.exc_info


def test_an_error_in_a_strategys_code_is_logged_with_its_traceback(app, monkeypatch, problem, caplog):
    def select(self, pool, size, rng):
        raise IndexError("out of bounds")

    monkeypatch.setattr("nextlabel.contracts.interfaces.Strategy.select", select)
    detail = "strategy 'random' failed: IndexError: out of bounds"
    assert problem(app.test_client().get("/query?strategy=random"), 500)["detail"] == detail
    (record,) = caplog.records
    assert record.getMessage() == f"PluginError: {detail}"
    assert 'raise IndexError("out of bounds")' in caplog.text
