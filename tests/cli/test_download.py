"""nextlabel download: a data set and a backbone that download themselves, or do not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from nextlabel.engine.settings import Settings

PLUGINS = '''
"""A data set and a backbone with something to download."""
from nextlabel.contracts import Backbone, BackbonePlugin, Dataset, DatasetPlugin, Preprocessing, hookimpl
from nextlabel.contracts.errors import DatasetMissing


class Moons(Dataset):
    def read(self, root, seed):
        raise AssertionError("not read")

    def download(self, root):
        print("75 %")
        if (root / "offline").exists():
            raise DatasetMissing("the moons cannot be downloaded: no network")
        (root / "moons").mkdir(parents=True, exist_ok=True)


class Lens(Backbone):
    preprocessing = Preprocessing(size=8, mean=(0.0,) * 3, std=(1.0,) * 3)

    def write_onnx(self, path):
        raise AssertionError("not written")

    def download(self):
        print("100 %")


@hookimpl
def nextlabel_datasets():
    yield DatasetPlugin("moons", "two half circles", Moons)


@hookimpl
def nextlabel_backbones():
    yield BackbonePlugin("lens", "a lens", Lens)
'''
PROJECT = """
dataset = {{plugin = "{dataset}"}}
features = {{plugin = "{backbone}"}}
learner = {{plugin = "nearest"}}
"""


@pytest.fixture
def project(
    quick: Settings, distribute: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[str, str], None]:
    """Return a function that writes the project file `sky` with this data set and backbone."""
    folder = tmp_path / "site"
    distribute(folder, "sky-plugins", sky="sky_plugins")
    (folder / "sky_plugins.py").write_text(PLUGINS)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("NEXTLABEL_PROJECTS", str(tmp_path / "projects"))
    monkeypatch.setenv("NEXTLABEL_DEFAULT_PROJECT", "sky")
    monkeypatch.setenv("NEXTLABEL_DATA", str(tmp_path / "data"))
    (tmp_path / "projects").mkdir()

    def write(dataset: str, backbone: str) -> None:
        text = PROJECT.format(dataset=dataset, backbone=backbone)
        (tmp_path / "projects" / "sky.toml").write_text(text)

    return write


def test_it_downloads_both_and_names_the_folder(shell, project, tmp_path):
    project("moons", "lens")
    result = shell("download", "sky")
    assert result.stdout.splitlines() == [
        f"the data set moons of project sky is in {tmp_path / 'data'}",
        "the weights of the backbone lens are on this machine",
    ]
    assert result.stderr.splitlines() == ["75 %", "100 %"]
    assert (tmp_path / "data" / "moons").is_dir()


def test_json_is_alone_on_standard_output(shell, project, tmp_path):
    project("moons", "efficientnet-lite0")
    assert json.loads(shell("download", "sky", "--json").stdout) == {
        "project": "sky",
        "dataset": "moons",
        "folder": str(tmp_path / "data"),
        "backbone": None,
    }


def test_a_project_files_path(shell, project, tmp_path, monkeypatch):
    project("moons", "lens")
    (tmp_path / "projects" / "sky.toml").rename(tmp_path / "sea.toml")
    monkeypatch.setenv("NEXTLABEL_DEFAULT_PROJECT", "sea")
    first = shell("download", str(tmp_path / "sea.toml")).stdout.splitlines()[0]
    assert first == f"the data set moons of project sea is in {tmp_path / 'data'}"


def test_nothing_to_download(shell, project, tmp_path):
    project("digits", "efficientnet-lite0")
    assert shell("download", "sky").stdout == "project sky has nothing to download\n"
    assert not (tmp_path / "data").exists()


def test_a_failed_download_and_an_unknown_project_are_one_line(shell, project, tmp_path):
    project("moons", "lens")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "offline").touch()
    assert shell.refused("download", "sky") == "Error: the moons cannot be downloaded: no network"
    assert "sky" in shell.refused("download", "sea")


def test_it_creates_no_home_folder(shell, project, quick):
    project("moons", "lens")
    shell("download", "sky")
    assert not quick.home.exists()
