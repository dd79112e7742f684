from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families


def test_info_has_projects_plugins_and_limits(client, settings):
    body = client.get("/info").get_json()
    checkpoints = {project["name"]: project["checkpoint"] for project in body["projects"]}
    assert checkpoints["digits"] == "r1"
    assert body["default_project"] == "digits"
    assert {"strategies", "learners", "datasets"} <= set(body["plugins"])
    assert body["limits"]["max_upload_bytes"] == settings.max_upload_bytes


def test_health_checks(client, problem):
    assert client.get("/healthz").get_json() == {"alive": True}
    assert client.get("/readyz").get_json() == {"ready": True, "project": "digits"}
    assert client.get("/projects/digits/readyz").status_code == 200
    problem(client.get("/projects/nope/readyz"), 404)


def samples(client):
    response = client.get("/metrics")
    assert response.mimetype == "text/plain"
    families = text_string_to_metric_families(response.get_data(as_text=True))
    return {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}


def test_metrics_of_stored_data_and_request_times(client):
    client.get("/checkpoints")
    client.get("/items/no-such-item")
    client.get("/nope")
    metrics = samples(client)
    assert metrics["nextlabel_items", ("project", "digits"), ("state", "all")] == 1797
    assert 0 < metrics["nextlabel_live_metric", ("metric", "accuracy"), ("project", "digits")] <= 1
    assert metrics["nextlabel_training", ("project", "digits")] == 0

    def count(route, status):
        labels = (("method", "GET" if route != "none" else "none"), ("route", route), ("status", status))
        return metrics.get(("nextlabel_request_seconds_count", *labels))

    assert count("/checkpoints", "200") == 1
    assert count("/items/<path:item>", "404") == 1
    assert count("none", "404") == 1


def test_apps_have_separate_metrics(build):
    first, second = build().test_client(), build().test_client()
    first.get("/checkpoints")
    assert not any("/checkpoints" in str(key) for key in samples(second))


def test_responses_are_not_cached(client):
    for address in ("/info", "/labels", "/", "/items/0", "/nope"):
        assert client.get(address).headers["Cache-Control"] == "no-store"
