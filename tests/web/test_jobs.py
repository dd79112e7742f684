from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

JOB = {
    "job", "project", "kind", "state", "progress", "metrics", "log", "error", "created", "started", "finished",
}  # fmt: skip


def test_training_is_queued_shown_and_cancelled(client, refused):
    response = client.post("/train")
    assert response.status_code == 202
    number = response.get_json()["job"]
    assert response.headers["Location"] == f"/jobs/{number}"
    assert f"job {number}" in refused(lambda: client.post("/projects/digits/train"), 409)["detail"]
    job = client.get(response.headers["Location"]).get_json()
    assert set(job) == JOB
    assert (job["kind"], job["state"], job["progress"]) == ("train", "queued", 0)
    assert client.delete(f"/projects/digits/jobs/{number}").get_json()["state"] == "cancelled"
    assert client.delete(f"/jobs/{number}").get_json()["state"] == "cancelled"
    assert client.post("/train").status_code == 202


def test_jobs_are_listed_newest_first(client):
    client.post("/train")
    jobs = client.get("/jobs").get_json()["jobs"]
    assert [job["job"] for job in jobs] == [2, 1]
    done = jobs[1]
    assert (done["state"], done["progress"]) == ("succeeded", 1)
    assert {"accuracy", "labels", "loss"} <= set(done["metrics"])
    assert client.get("/projects/digits/jobs?before=2&limit=1").get_json()["jobs"] == [done]


@pytest.mark.parametrize("number", ["99", "0", "-1", "x", "1.5", "9" * 40, "%00"])
def test_unknown_jobs(client, refused, number):
    refused(lambda: client.get(f"/jobs/{number}"), 404)
    refused(lambda: client.delete(f"/jobs/{number}"), 404)


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "before=0", "before=x", "state=queued"])
def test_invalid_query_parameters(client, refused, query):
    refused(lambda: client.get(f"/jobs?{query}"), 422)


def test_checkpoints_are_listed_and_promoted(client, refused):
    body = client.get("/checkpoints").get_json()
    (checkpoint,) = body["checkpoints"]
    assert (body["project"], checkpoint["checkpoint"], checkpoint["live"]) == ("digits", "r1", True)
    assert set(checkpoint) == {"checkpoint", "project", "live", "verdict", "metrics", "created", "job"}
    assert client.post("/checkpoints/r1/promote").get_json() == checkpoint
    assert "valid: r1" in refused(lambda: client.post("/checkpoints/r2/promote"), 404)["detail"]
    refused(lambda: client.post("/checkpoints/a%00b/promote"), 404)


def test_an_untrained_project_is_not_ready(tmp_path, trained, problem):
    from nextlabel.app import build_engine, create_app, prepare
    from nextlabel.engine.settings import Settings

    settings = Settings(home=tmp_path / "fresh", projects=trained / "projects", default_project="digits")
    prepare(settings)
    engine = build_engine(settings)
    client = create_app(settings, engine).test_client()
    try:
        for response in (client.get("/readyz"), client.get("/projects/digits/readyz"), client.get("/query")):
            problem(response, 503)
            assert int(response.headers["Retry-After"]) > 0
        response = client.post("/predict", json={"ids": ["0"]})
        problem(response, 503)
        assert client.get("/healthz").get_json() == {"alive": True}
        assert client.get("/").status_code == 200
        assert client.get("/projects/digits/").status_code == 200
    finally:
        engine.services.database.dispose()
