"""An idle server: what its processes cost, and how soon it starts a job."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest
from serving import finished, serving, until, wait_ready

SECONDS = 15.0
LIMIT = 0.01
"""Share of a core per process. Quiet machines measure 0.001; a busy one, where tests run, needs some margin."""
PROJECT = """
[dataset]
plugin = "digits"
[learner]
plugin = "cnn"
epochs = 1
min_steps = 20
[labels]
initial = 20
"""


@pytest.mark.timeout(300)
def test_an_idle_server_uses_hardly_any_cpu_and_starts_jobs_at_once(tmp_path: Path) -> None:
    projects = tmp_path / "projects"
    projects.mkdir()
    (projects / "digits.toml").write_text(PROJECT)
    settings = {"NEXTLABEL_PROJECTS": str(projects), "NEXTLABEL_WEB_WORKERS": "2"}
    with serving(tmp_path / "home", **settings) as server:
        client = server.client()
        wait_ready(client)
        until(lambda: all(job["finished"] for job in client("GET", "/jobs").json()["jobs"]))
        client.close()
        time.sleep(5)
        roles = server.roles()
        assert sorted(roles.values()) == ["serve", "web", "web", "worker"]
        before = {process: cpu_seconds(process) for process in roles}
        time.sleep(SECONDS)
        shares = {role: (cpu_seconds(process) - before[process]) / SECONDS for process, role in roles.items()}
        assert max(shares.values()) < LIMIT, shares
        job = finished(client, client("POST", "/train").json()["job"])
        assert job["started"] - job["created"] < 0.5


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
