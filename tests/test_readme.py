"""The README is true: its plugin works, and its answers have the server's keys."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from io import BytesIO
from itertools import pairwise
from shutil import copy

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from PIL import Image
from support.docs import README, ROOT, as_module, blocks
from support.engine import ToyProject

from nextlabel import app
from nextlabel.cli.main_group import cli
from nextlabel.engine.jobs.startup import queue_startup_jobs
from nextlabel.engine.settings import Settings
from nextlabel.testing import check_plugin

ADDRESS = "127.0.0.1:8000"
DIGITS = (
    'title="Digits"\ndataset={plugin="digits"}\nlearner={plugin="nearest"}\nstrategy={plugin="margin"}\n'
    "labels={initial=10}\n"
)
SHOWN = [
    (command, answer)
    for block in blocks(README, "console")
    for command, answer in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
]
"""Each command with its output."""


@pytest.fixture
def client(quick: Settings, tmp_path, monkeypatch) -> Iterator[FlaskClient]:
    """A server of the shipped checkpoint, and of a `digits` project that trains at once."""
    (tmp_path / "projects").mkdir()
    (tmp_path / "projects" / "digits.toml").write_text(DIGITS)
    copy(ROOT / "plugins" / "nextlabel_plugins" / "projects" / "photos.toml", tmp_path / "projects")
    monkeypatch.setenv("NEXTLABEL_PROJECTS", str(tmp_path / "projects"))
    monkeypatch.setenv("NEXTLABEL_DEFAULT_PROJECT", "photos")
    monkeypatch.setenv("NEXTLABEL_DATA", str(tmp_path / "no data sets"))
    assert CliRunner().invoke(cli, ["train", "digits"]).exit_code == 0
    settings = Settings.from_environment()
    engine = app.build_engine(settings)
    queue_startup_jobs(engine.services)
    ToyProject(engine.services, engine.project()).work()  # it reads and scores the sample
    made = app.create_app(settings, engine)
    yield made.test_client()
    made.extensions["nextlabel"].services.database.dispose()


def send(client: FlaskClient, command: str) -> bytes:
    """Send the request that a curl command would."""
    words = shlex.split(command)
    assert words[:2] == ["curl", "-s"]
    path = next(word for word in words if word.startswith(ADDRESS)).removeprefix(ADDRESS)
    given = dict(pairwise(words))
    options: dict[str, object] = {}
    if "-d" in given:
        options["data"] = given["-d"]
    if "-F" in given:
        name, _, file = given["-F"].partition("=@")
        options["data"] = {name: (BytesIO(photo()), file)}
    if "-H" in given:
        name, _, value = given["-H"].partition(": ")
        options["headers"] = {name: value}
    response = client.open(path, method=given.get("-X", "POST" if "data" in options else "GET"), **options)
    assert response.status_code < 300, response.text
    return bytes(response.data)


def photo() -> bytes:
    """Return a JPEG in place of the reader's photograph."""
    out = BytesIO()
    Image.effect_noise((640, 480), 60).convert("RGB").save(out, "JPEG")
    return out.getvalue()


def shape(value: object, key: str = "") -> object:
    """Return the keys of a document, recursively; for `probabilities`, whose keys are classes, their number."""
    if key == "probabilities":
        return len(value)
    if isinstance(value, dict):
        return {name: shape(inner, name) for name, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value).__name__


def test_the_answers_have_the_servers_keys(client):
    answered = [(command, answer) for command, answer in SHOWN if answer]
    assert len(answered) >= 4
    for command, answer in answered:
        assert shape(json.loads(send(client, command))) == shape(json.loads(answer)), command


def test_the_plugin_works(tmp_path, monkeypatch):
    (source,) = blocks(README, "python")
    assert len([line for line in source.splitlines() if line.strip()]) <= 10
    check_plugin(as_module(source, tmp_path, "a_readme", monkeypatch))


def test_the_help_is_up_to_date():
    # click leaves two columns of an 80-column terminal empty
    printed = CliRunner().invoke(cli, ["--help"], prog_name="nextlabel", terminal_width=78).stdout
    assert f"```\n{printed}```" in README


def test_the_first_screen_is_the_two_commands_two_answers_and_a_plugin():
    screen = README.partition("\n## ")[0]
    for wanted in ("make serve", "make test", "/predict", "/query", "def nextlabel_strategies"):
        assert wanted in screen
    assert len(screen.splitlines()) < 50


def test_rooms_exist():
    named = re.findall(r"`([\w.]+(?:/[\w.]+)*(?:/|\.py))`", README)
    assert len(named) >= 9
    assert [name for name in named if not (ROOT / name).exists()] == []
