"""readyz: whether a project can predict, and if not, why."""

from __future__ import annotations

import time

from nextlabel.app import build_engine, create_app
from nextlabel.engine.jobs.run_job import run_job
from nextlabel.store import jobs

ABSENT = """
[dataset]
plugin = "folder"
path = "nowhere"
[learner]
plugin = "cnn"
"""


def test_a_project_without_data_reports_it_and_others_are_ready(settings, tmp_path, trained, problem):
    (tmp_path / "projects").mkdir()
    (tmp_path / "projects" / "absent.toml").write_text(ABSENT)
    (tmp_path / "projects" / "digits.toml").write_text((trained / "projects" / "digits.toml").read_text())
    engine = build_engine(settings.model_copy(update={"projects": tmp_path / "projects", "default_project": "absent"}))
    client = create_app(engine.settings, engine).test_client()
    assert problem(client.get("/readyz"), 503)["detail"] == "project 'absent' cannot predict yet"
    engine.project().start_training()
    with engine.services.database.write() as connection:
        job = jobs.claim(connection, "test", ("train",), time.time())
    run_job(engine.services, job)
    detail = problem(client.get("/readyz"), 503)["detail"]
    assert detail == f"project 'absent' cannot predict yet: {engine.job(job.id).error}"
    assert "nowhere" in detail
    assert len(detail.splitlines()) == 1
    assert client.get("/projects/digits/readyz").json == {"ready": True, "project": "digits"}
    engine.services.database.dispose()
