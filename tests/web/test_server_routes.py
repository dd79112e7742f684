from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families


def test_info_tells_projects_plugins_and_limits(client, settings):
    body = client.get("/info").get_json()
    checkpoints = {project["name"]: project["checkpoint"] for project in body["projects"]}
    assert checkpoints["digits"] == "r1"
    assert body["default_project"] == "digits"
    assert {"strategies", "learners", "datasets"} <= set(body["plugins"])
    assert body["limits"]["max_upload_bytes"] == settings.max_upload_bytes


def test_probes(client, problem):
    assert client.get("/healthz").get_json() == {"alive": True}
    assert client.get("/readyz").get_json() == {"ready": True, "project": "digits"}
    assert client.get("/projects/digits/readyz").status_code == 200
    problem(client.get("/projects/nope/readyz"), 404)


def samples(client):
    answer = client.get("/metrics")
    assert answer.mimetype == "text/plain"
    families = text_string_to_metric_families(answer.get_data(as_text=True))
    return {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}


def test_metrics_tell_what_is_stored_and_how_long_requests_take(client):
    client.get("/checkpoints")
    client.get("/items/no-such-item")
    client.get("/nope")
    found = samples(client)
    assert found["nextlabel_items", ("project", "digits"), ("state", "all")] == 1797
    assert 0 < found["nextlabel_live_metric", ("metric", "accuracy"), ("project", "digits")] <= 1
    assert found["nextlabel_training", ("project", "digits")] == 0

    def count(route, status):
        labels = (("method", "GET" if route != "none" else "none"), ("route", route), ("status", status))
        return found.get(("nextlabel_request_seconds_count", *labels))

    assert count("/checkpoints", "200") == 1
    assert count("/items/<path:item>", "404") == 1
    assert count("none", "404") == 1


def test_apps_count_apart(build):
    one, other = build().test_client(), build().test_client()
    one.get("/checkpoints")
    assert not any("/checkpoints" in str(key) for key in samples(other))


def test_the_answers_of_an_api_are_kept_by_nobody(client):
    for address in ("/info", "/labels", "/", "/items/0", "/nope"):
        assert client.get(address).headers["Cache-Control"] == "no-store"
