"""Promises of the Dockerfile and compose.yaml, checked in their text; no container engine is needed."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.docs import ROOT, page

from nextlabel import app
from nextlabel.cli.main_group import cli
from nextlabel.engine.settings import PREFIX, Settings

HOME = "/var/lib/nextlabel"
SETTINGS = {PREFIX + name.upper() for name in Settings.model_fields}


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions: name and arguments, a line each."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines if line.strip())]


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage, its FROM first."""
    grouped: list[list[tuple[str, str]]] = []
    for name, rest in instructions():
        if name == "FROM":
            grouped.append([])
        grouped[-1].append((name, rest))
    return grouped


def last(instruction: str) -> str:
    """The last instruction of that name in the last stage, which is the one that counts."""
    return [rest for name, rest in stages()[-1] if name == instruction][-1]


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps a path out: the last pattern that names it, or a folder it is in, decides."""
    out = False
    parts = path.split("/")
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            pattern = line.removeprefix("!")
            if pattern.startswith("**/"):
                named = any(fnmatch(part, pattern.removeprefix("**/")) for part in parts)
            else:
                named = fnmatch("/".join(parts[: pattern.count("/") + 1]), pattern)
            if named:
                out = not line.startswith("!")
    return out


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8")))


def test_both_stages_use_one_base():
    bases = [rest.split()[0] for name, rest in instructions() if name == "FROM"]
    assert bases == ["python:3.11-slim"] * 2


def test_its_user_may_write_only_the_volume():
    user, _, group = last("USER").partition(":")
    assert int(user) > 0
    assert int(group) > 0
    command = next(rest for name, rest in stages()[-1] if name == "RUN")
    assert f"--uid {user} --gid {group}" in command
    assert f"chown {user}:{group} {HOME} /data" in command
    assert last("VOLUME") == last("WORKDIR") == HOME
    order = [name for name, _ in stages()[-1]]
    assert order.index("RUN") < order.index("USER") < order.index("VOLUME")
    # what is copied belongs to root
    assert not [rest for name, rest in stages()[-1] if name in {"COPY", "ADD"} and "--chown" in rest]


def test_signals_reach_the_server():
    entry, command = json.loads(last("ENTRYPOINT")), json.loads(last("CMD"))
    assert entry == ["nextlabel"]
    assert cli.get_command(None, command[0]) is not None
    assert last("STOPSIGNAL") == "SIGTERM"


def test_its_health_check_needs_no_token(quick):
    app.prepare(quick)
    engine = app.build_engine(quick.model_copy(update={"token": "a long enough token"}))
    check = json.loads(last("HEALTHCHECK").partition("CMD ")[2])
    assert check[:2] == ["python", "-c"]
    compile(check[2], "HEALTHCHECK", "exec")
    client = app.create_app(engine.settings, engine).test_client()
    assert "/healthz" in check[2]
    assert client.get("/healthz").status_code == 200
    assert client.get("/info").status_code == 401
    engine.services.database.dispose()


def test_its_settings_exist_and_none_of_them_is_a_secret():
    environment = " ".join(rest for name, rest in instructions() if name in {"ENV", "ARG"})
    named = dict(re.findall(rf"({PREFIX}\w+)=(\S+)", environment))
    assert set(named) <= SETTINGS
    assert named[f"{PREFIX}HOME"] == HOME
    assert last("EXPOSE") == named[f"{PREFIX}PORT"]
    assert not [name for name in named if "TOKEN" in name]


def test_copied_files_exist_and_are_not_ignored():
    copied = [rest.split()[:-1] for name, rest in stages()[0] if name == "COPY"]
    assert len(copied) >= 2
    for path in (path for paths in copied for path in paths):
        assert (ROOT / path).exists(), path
        assert not ignored(path), path
        if (ROOT / path).is_dir():
            inside = [
                found for found in (ROOT / path).rglob("*") if found.is_file() and "__pycache__" not in found.parts
            ]
            assert not [found for found in inside if ignored(str(found.relative_to(ROOT)))]


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        "var/nextlabel.db",
        ".env",
        "tests/conftest.py",
        "server/nextlabel/__pycache__/app.cpython-311.pyc",
        "dist/nextlabel-0.1.0.tar.gz",
    ],
)
def test_local_files_stay_out_of_the_image(path):
    assert ignored(path)


def test_the_parts_of_the_wheel_are_copied():
    hatch = (ROOT / "pyproject.toml").read_text("utf-8")
    copied = {path for name, rest in stages()[0] if name == "COPY" for path in rest.split()[:-1]}
    for named in ("server", "plugins", "trained", "README.md", "LICENSE"):
        assert named in hatch
        assert named in copied


def test_compose_gives_settings_that_exist(compose):
    server = compose["services"]["nextlabel"]
    assert set(server["environment"]) <= SETTINGS
    assert server["environment"][f"{PREFIX}TOKEN"].startswith(f"${{{PREFIX}TOKEN:?")
    assert f"nextlabel:{HOME}" in server["volumes"]
    assert "nextlabel" in compose["volumes"]
    assert server["read_only"] is True
    # no other machine is let in by default
    assert all(entry.startswith("127.0.0.1:") for entry in server["ports"])


def test_compose_mounts_data_sets_and_project_files_where_the_image_reads_them(compose):
    server = compose["services"]["nextlabel"]
    environment = " ".join(rest for name, rest in stages()[-1] if name == "ENV")
    text = page("deploying.md")
    created = next(rest for name, rest in stages()[-1] if name == "RUN")
    for name, source, options in (("DATA", "data", ""), ("PROJECTS", "./projects", ":ro")):
        setting = f"{PREFIX}{name}"
        target = re.search(rf"{setting}=(\S+)", environment)[1]
        assert setting not in server["environment"]  # there it names a folder of the host
        assert f"${{{setting}:-{source}}}:{target}{options}" in server["volumes"]
        assert re.search(rf"mkdir [^&]*{target}\b", created)
        assert f"| `{target}`{', read-only' if options else ''} |" in text
        assert f"`{setting}=/srv/{name.lower()}` in `.env`" in text
    assert "data" in compose["volumes"]


def test_compose_waits_longer_than_the_server_takes_to_end(compose):
    from nextlabel.cli.supervised_process import GRACE

    assert int(compose["services"]["nextlabel"]["stop_grace_period"].removesuffix("s")) > GRACE + 1


def test_its_page_names_existing_settings_and_files():
    text = page("deploying.md")
    assert set(re.findall(rf"{PREFIX}[A-Z_]+", text)) <= SETTINGS
    for path in re.findall(r"\b(?:tests|docs)/[\w/.]+\b", text):
        assert (ROOT / path).exists(), path
    for argument in re.findall(r"--build-arg (\w+)=", text):
        assert ("ARG", f'{argument}=""') in stages()[0]


def test_the_base_is_a_python_that_is_supported():
    version = re.search(r"python:(\d+\.\d+)", (ROOT / "Dockerfile").read_text("utf-8"))
    assert version is not None
    assert f'requires-python = ">={version[1]}"' in Path(ROOT / "pyproject.toml").read_text("utf-8")
