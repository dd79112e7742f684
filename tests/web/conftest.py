"""A home folder with a trained `digits` project, created once; each test gets a copy."""

from __future__ import annotations

import io
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from nextlabel.app import build_engine, create_app
from nextlabel.engine.engine import Engine
from nextlabel.engine.settings import Settings

PROJECT = """
title = "Digits"
[dataset]
plugin = "digits"
[learner]
plugin = "cnn"
epochs = 1
min_steps = 60
[strategy]
plugin = "margin"
[labels]
initial = 20
"""

# in a separate process, so that torch is not loaded in tests of the web
TRAIN = """
import sys, time
from pathlib import Path
from nextlabel.app import build_services, prepare
from nextlabel.engine.scheduling import queue_once
from nextlabel.engine.jobs.run_job import run_job
from nextlabel.engine.settings import Settings
from nextlabel.store import jobs

settings = Settings(home=Path(sys.argv[1]), projects=Path(sys.argv[2]), default_project="digits", train_threads=1)
prepare(settings)
services = build_services(settings)
queue_once(services.database, "digits", "train")
while True:
    with services.database.write() as connection:
        job = jobs.claim(connection, "test", ("import", "train", "score"), time.time())
    if job is None:
        break
    run_job(services, job)
    with services.database.read() as connection:
        assert jobs.get(connection, job.id).state == "succeeded", jobs.get(connection, job.id)
"""


def run_jobs(home: Path, projects: Path) -> None:
    """Run every queued job, after queueing a training of `digits`."""
    command = [sys.executable, "-c", TRAIN, str(home), str(projects)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web")
    (folder / "projects").mkdir()
    (folder / "projects" / "digits.toml").write_text(PROJECT)
    run_jobs(folder / "home", folder / "projects")
    return folder


@pytest.fixture
def settings(trained: Path, tmp_path: Path) -> Settings:
    shutil.copytree(trained / "home", tmp_path / "home")
    return Settings(
        home=tmp_path / "home",
        projects=trained / "projects",
        default_project="digits",
        max_upload_bytes=50_000,
        max_batch=4,
    )


@pytest.fixture
def build(settings: Settings) -> Iterator[Callable[..., Flask]]:
    """Create apps on the home folder of this test, with changed settings."""
    engines: list[Engine] = []

    def create(**changes: Any) -> Flask:
        engines.append(build_engine(settings.model_copy(update=changes)))
        return create_app(engines[-1].settings, engines[-1])

    yield create
    for engine in engines:
        engine.services.database.dispose()


@pytest.fixture
def app(build: Callable[..., Flask]) -> Flask:
    return build()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def image(width: int = 8, height: int = 8, kind: str = "PNG", seed: int = 0) -> bytes:
    """An image of noise."""
    out = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


@pytest.fixture(name="image")
def image_maker() -> Callable[..., bytes]:
    return image


@pytest.fixture
def stored(settings: Settings) -> Callable[[], dict[str, Any]]:
    """Everything that is stored: every row of every table, and every upload."""

    def read() -> dict[str, Any]:
        connection = sqlite3.connect(settings.home / "nextlabel.db")
        try:
            names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            rows: dict[str, Any] = {name: list(connection.execute(f"SELECT * FROM {name}")) for name in names}
        finally:
            connection.close()
        rows["uploads"] = sorted(str(path) for path in (settings.home / "uploads").rglob("*"))
        return rows

    return read


def is_problem(response: TestResponse, status: int) -> dict[str, Any]:
    """Check the shape of a problem document and return it."""
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.content_type == "application/problem+json"
    body: dict[str, Any] = response.get_json()
    assert body["type"] == "about:blank"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert set(body) <= {"type", "title", "status", "detail", "faults"}
    assert "Traceback" not in str(body)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    return body


@pytest.fixture
def refused(stored: Callable[[], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Send a request that must be rejected: check status, body, and that nothing was stored."""

    def check(send: Callable[[], TestResponse], status: int) -> dict[str, Any]:
        before = stored()
        body = is_problem(send(), status)
        assert stored() == before
        return body

    return check


@pytest.fixture
def problem() -> Callable[[TestResponse, int], dict[str, Any]]:
    return is_problem
