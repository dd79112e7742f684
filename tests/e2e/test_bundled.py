"""A server on an empty home folder with a bundled checkpoint predicts at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from predict_while_training import digit_jpeg
from serving import serving, until

from nextlabel.cli.main_group import cli
from nextlabel.engine.settings import Settings


@pytest.mark.timeout(300)
def test_it_predicts_at_once_and_then_imports_the_data_set(quick: Settings, tmp_path: Path) -> None:
    trained = tmp_path / "trained"
    training = CliRunner().invoke(cli, ["train", "quick", "--out", str(trained / "quick" / "tiny")])
    assert training.exit_code == 0, training.output
    settings = {
        "NEXTLABEL_PROJECTS": str(quick.projects),
        "NEXTLABEL_DEFAULT_PROJECT": "quick",
        "NEXTLABEL_BLOCKED_PLUGINS": "projects",
        "NEXTLABEL_TRAINED": str(trained),
        "PYTHONPATH": os.environ["PYTHONPATH"],
    }
    with serving(tmp_path / "fresh", **settings) as server:
        client = server.client()
        answer = client("POST", "/predict", digit_jpeg(7), "image/jpeg")
        assert answer.status == 200, answer.body
        assert answer.json()["checkpoint"] == "tiny"
        assert client("GET", "/readyz").status == 200
        until(lambda: (reply := client("GET", "/query?size=3")).status == 200 and len(reply.json()["items"]) == 3)
        assert client("GET", "/query?size=3").json()["checkpoint"] == "tiny"
        kinds = {job["kind"] for job in client("GET", "/jobs").json()["jobs"]}
        assert kinds == {"import", "score"}
