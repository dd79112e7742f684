"""projects and plugins, and the one-line errors of any command."""

from __future__ import annotations

import pytest

from nextlabel.app import create_app

pytestmark = pytest.mark.slow


def test_plugins_lists_the_same_as_info(shell, engine):
    assert shell.json("plugins")["plugins"] == engine.info()["plugins"]


def test_plugins_as_text(shell, quick):
    output = shell("plugins").stdout
    assert "  nearest (quick-plugins 1.0): predicts the class with the nearest mean" in output
    assert "size = 8: side in pixels that images are resized to" in output
    assert "needs probabilities" in output


def test_plugins_touches_no_home_folder(shell, quick):
    shell("plugins")
    assert not quick.home.exists()


def test_a_broken_plugin_is_a_one_line_error_beside_the_list(shell, quick, tmp_path, monkeypatch, distribute):
    distribute(tmp_path, "broken-plugins", broken="no_such_module")
    distribute(tmp_path, "misspelt-plugins", misspelt="misspelt")
    (tmp_path / "misspelt.py").write_text(
        "from nextlabel.contracts import hookimpl\n@hookimpl\ndef nextlabel_strategy():\n    return ()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    result = shell("plugins")
    first, second = result.stderr.splitlines()
    assert "broken-plugins 1.0" in first
    assert "no_such_module" in first
    assert "misspelt-plugins 1.0" in second
    assert "did you mean 'nextlabel_strategies'" in second
    assert "margin" in result.stdout


def test_clashing_plugins_are_listed_but_refused_elsewhere(shell, quick, tmp_path, monkeypatch, distribute):
    distribute(tmp_path, "second-plugins", again="nextlabel_nearest")
    monkeypatch.syspath_prepend(tmp_path)
    assert "quick-plugins" in shell("plugins").stderr
    for command in (["projects"], ["train", "quick"], ["serve", "--port", "0"]):
        line = shell.refused(*command)
        assert "quick-plugins" in line
        assert "second-plugins" in line


def test_projects_lists_the_progress_of_each(shell, trained):
    output = {entry["name"]: entry for entry in shell.json("projects")["projects"]}
    assert set(output) == {"quick", "sleepy"}
    quick = output["quick"]
    assert (quick["items"], quick["labelled"], quick["checkpoint"]) == (300, 20, "r1")
    assert quick["learner"] == "nearest"
    assert (output["sleepy"]["items"], output["sleepy"]["checkpoint"]) == (0, None)


def test_projects_has_the_keys_of_info(shell, trained):
    app = create_app(trained)
    entries = {entry["name"]: entry for entry in app.test_client().get("/info").json["projects"]}
    app.extensions["nextlabel"].services.database.dispose()
    for entry in shell.json("projects")["projects"]:
        assert entries[entry["name"]].items() <= entry.items()


def test_a_broken_project_is_a_one_line_error(shell, quick, tmp_path, monkeypatch):
    (tmp_path / "even.toml").write_text('[dataset]\nplugin = "digits"\n[learner]\nplugin = "cnn"\n')
    (tmp_path / "odd.toml").write_text('[dataset]\nplugin = "digit"\n[learner]\nplugin = "cnn"\n')
    monkeypatch.setenv("NEXTLABEL_PROJECTS", str(tmp_path))
    result = shell("projects")
    assert "did you mean 'digits'" in result.stderr
    assert "even" in result.stdout
    assert "did you mean 'digits'" in shell.refused("train", "odd")


def test_a_wrong_setting_is_a_one_line_error(shell, quick, monkeypatch):
    monkeypatch.setenv("NEXTLABEL_PROT", "1")
    assert "did you mean 'NEXTLABEL_PORT'" in shell.refused("projects")
    monkeypatch.delenv("NEXTLABEL_PROT")
    monkeypatch.setenv("NEXTLABEL_PORT", "many")
    assert "NEXTLABEL_PORT" in shell.refused("projects")


def test_a_damaged_database_is_a_one_line_error(shell, quick):
    quick.home.mkdir()
    (quick.home / "nextlabel.db").write_text("this is no database, and long enough to look like one")
    assert "the database cannot be used" in shell.refused("projects")


def test_an_unusable_home_is_a_one_line_error(shell, quick, tmp_path):
    (tmp_path / "file").touch()
    assert "file" in shell.refused("projects", "--home", str(tmp_path / "file" / "home"))
