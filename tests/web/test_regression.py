"""A regression project over HTTP: trained, predicted, queried, labelled with values, and trained again."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from nextlabel.app import build_engine, create_app, prepare
from nextlabel.engine.engine import Engine
from nextlabel.engine.jobs.run_job import run_job
from nextlabel.engine.settings import Settings
from nextlabel.store import jobs

PROJECT = """title = "Waves"
[dataset]
plugin = "sine"
points = 60
[learner]
plugin = "gp"
[strategy]
plugin = "random"
[labels]
initial = 20
[stop]
rmse = {goal}
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], Engine]]:
    """Return a function that opens the project with a goal; its folder and checkpoints are the same each time."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    engines: list[Engine] = []
    (tmp_path / "projects").mkdir()

    def build(goal: float) -> Engine:
        (tmp_path / "projects" / "waves.toml").write_text(PROJECT.format(goal=goal))
        settings = Settings(
            home=tmp_path / "home", projects=tmp_path / "projects", default_project="waves", train_threads=1
        )
        prepare(settings)
        engines.append(build_engine(settings))
        return engines[-1]

    yield build
    for opened in engines:
        opened.services.database.dispose()


def client_of(engine: Engine) -> FlaskClient:
    return create_app(engine.settings, engine).test_client()


def work(engine: Engine) -> None:
    """Run the queued training."""
    with engine.services.database.write() as connection:
        job = jobs.claim(connection, "test", ("train",), time.time())
    assert job is not None
    run_job(engine.services, job)
    assert engine.job(job.id).state == "succeeded", engine.job(job.id).error


def plain(client: FlaskClient, address: str) -> str:
    text = client.get(address, headers={"Accept": "text/html"}).get_data(as_text=True)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_the_loop(engine: Callable[[float], Engine], problem: Callable[..., dict[str, Any]]) -> None:
    opened = engine(0.5)
    client = client_of(opened)
    assert client.post("/train").status_code == 202
    work(opened)
    answer = client.post("/predict", json={"vectors": [[1.5], [90.0]]}).get_json()
    near, far = answer["predictions"]
    assert abs(near["mean"] - 1) < 0.4
    assert 0 < near["std"] < far["std"]
    for vectors in ([[1.0, 2.0]], [[]]):
        refusal = problem(client.post("/predict", json={"vectors": vectors}), 422)
        assert "a vector must have 1 number;" in refusal["detail"]
    problem(client.post("/predict", json={"vectors": [["one"]]}), 422)
    (item,) = client.get("/query?size=1").get_json()["items"]

    def label(**content: Any) -> Any:
        return client.post("/labels", json={"annotator": "ann", "labels": [{"id": item["id"], **content}]})

    for content in ({"candidates": ["1"]}, {"value": "high"}):
        problem(label(**content), 422)
    assert len(client.get("/labels").get_json()["labels"]) == 20  # the data set's
    assert label(value=math.sin(int(item["id"]) * 20 / 9999)).status_code == 201
    assert client.post("/train").status_code == 202
    work(opened)
    status = client.get("/status").get_json()
    assert (status["checkpoint"], status["labelled"], status["unseen"]) == ("r2", 21, 0)


def test_the_goal_is_an_error(engine: Callable[[float], Engine]) -> None:
    opened = engine(0.5)
    client = client_of(opened)
    client.post("/train")
    assert "at most 0.5: not measured yet." in plain(client, "/projects/waves/progress")
    work(opened)
    error = client.get("/status").get_json()["metrics"]["rmse"]
    for goal, reached in ((error * 1.01, True), (error * 0.99, False)):
        client = client_of(engine(goal))
        status = client.get("/status").get_json()
        assert (status["stop"], status["reached"]) == ({"rmse": goal}, reached)
        progress = client.get("/projects/waves/progress", headers={"Accept": "text/html"}).get_data(as_text=True)
        assert f"error of at most {goal:.4g}: {'reached' if reached else 'not reached'}." in progress
        assert progress.count('<g class="series goal">') == 2  # in the wide and in the narrow chart
        assert '<path class="key goal"' in progress
        assert "Error by labels" in plain(client, "/projects/waves/progress")
        home = plain(client, "/")
        assert ("goal reached" in home, f"goal: {goal:g}" in home) == (reached, not reached)
