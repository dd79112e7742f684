"""A third-party package on a running server: listed in /info, and used by /query?strategy=."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from serving import serving, wait_ready

PROJECT = """title = "Rings"
dataset = {plugin = "my-dataset"}
learner = {plugin = "my-learner"}
strategy = {plugin = "random"}
labels = {initial = 10}
"""


@pytest.mark.timeout(180)
def test_a_third_party_package_is_served(tmp_path: Path) -> None:
    packages, target, projects = tmp_path / "packages", tmp_path / "site", tmp_path / "projects"
    projects.mkdir()
    packages.mkdir()
    (projects / "rings.toml").write_text(PROJECT)
    for kind in ("strategy", "learner", "dataset"):
        command = [
            sys.executable,
            "-m",
            "nextlabel",
            "new-plugin",
            f"my-{kind}",
            "--kind",
            kind,
            "--dir",
            str(packages),
        ]
        subprocess.run(command, check=True, capture_output=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index", "--no-deps"]
    pip += ["--no-build-isolation", "--target", str(target)]
    subprocess.run([*pip, *map(str, packages.iterdir())], check=True)
    settings = {"PYTHONPATH": str(target), "NEXTLABEL_PROJECTS": str(projects), "NEXTLABEL_DEFAULT_PROJECT": "rings"}
    with serving(tmp_path / "home", **settings) as server:
        client = server.client()
        wait_ready(client)
        plugins = client("GET", "/info").json()["plugins"]
        assert {"my-strategy", "margin"} <= {offer["name"] for offer in plugins["strategies"]}
        assert "my-learner" in {offer["name"] for offer in plugins["learners"]}
        answer = client("GET", "/query?strategy=my-strategy&size=3&annotator=ann")
        assert answer.status == 200, answer.body
        assert answer.json()["strategy"] == "my-strategy"
        assert len(answer.json()["items"]) == 3
        assert client("GET", "/query?strategy=my-strategi").status == 404
