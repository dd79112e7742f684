"""projects and plugins."""

from __future__ import annotations

from nextlabel.app import create_app


def test_plugins_says_what_info_says(shell, engine):
    assert shell.json("plugins")["plugins"] == engine.info()["plugins"]


def test_plugins_for_a_person(shell, quick):
    said = shell("plugins").stdout
    assert "  nearest (quick-plugins 1.0): the class whose mean is nearest" in said
    assert "size = 8: side images are resized to" in said
    assert "needs probabilities" in said


def test_plugins_touches_no_home_folder(shell, quick):
    shell("plugins")
    assert not quick.home.exists()


def test_a_broken_plugin_is_one_line_and_the_rest_is_listed(shell, quick, tmp_path, monkeypatch, distribute):
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


def test_clashing_plugins_are_shown_here_and_refused_elsewhere(shell, quick, tmp_path, monkeypatch, distribute):
    distribute(tmp_path, "second-plugins", again="nextlabel_nearest")
    monkeypatch.syspath_prepend(tmp_path)
    assert "quick-plugins" in shell("plugins").stderr
    for command in (["projects"], ["train", "quick"], ["serve", "--port", "0"]):
        line = shell.refused(*command)
        assert "quick-plugins" in line
        assert "second-plugins" in line


def test_projects_tells_how_far_each_has_come(shell, trained):
    said = {entry["name"]: entry for entry in shell.json("projects")["projects"]}
    assert set(said) == {"quick", "sleepy"}
    quick = said["quick"]
    assert (quick["items"], quick["labelled"], quick["checkpoint"]) == (300, 20, "r1")
    assert quick["learner"] == "nearest"
    assert (said["sleepy"]["items"], said["sleepy"]["checkpoint"]) == (0, None)


def test_projects_has_the_keys_of_info(shell, trained):
    app = create_app(trained)
    told = {entry["name"]: entry for entry in app.test_client().get("/info").json["projects"]}
    app.extensions["nextlabel"].services.database.dispose()
    for entry in shell.json("projects")["projects"]:
        assert told[entry["name"]].items() <= entry.items()


def test_a_broken_project_is_one_line(shell, quick, tmp_path, monkeypatch):
    (tmp_path / "even.toml").write_text('[dataset]\nplugin = "digits"\n[learner]\nplugin = "cnn"\n')
    (tmp_path / "odd.toml").write_text('[dataset]\nplugin = "digit"\n[learner]\nplugin = "cnn"\n')
    monkeypatch.setenv("NEXTLABEL_PROJECTS", str(tmp_path))
    result = shell("projects")
    assert "did you mean 'digits'" in result.stderr
    assert "even" in result.stdout
    assert "did you mean 'digits'" in shell.refused("train", "odd")


def test_a_wrong_setting_is_one_line(shell, quick, monkeypatch):
    monkeypatch.setenv("NEXTLABEL_PROT", "1")
    assert "did you mean 'NEXTLABEL_PORT'" in shell.refused("projects")
    monkeypatch.delenv("NEXTLABEL_PROT")
    monkeypatch.setenv("NEXTLABEL_PORT", "many")
    assert "NEXTLABEL_PORT" in shell.refused("projects")


def test_what_is_no_database_is_one_line(shell, quick):
    quick.home.mkdir()
    (quick.home / "nextlabel.db").write_text("this is no database, and long enough to look like one")
    assert "the database cannot be used" in shell.refused("projects")


def test_a_home_that_cannot_be_made_is_one_line(shell, quick, tmp_path):
    (tmp_path / "file").touch()
    assert "file" in shell.refused("projects", "--home", str(tmp_path / "file" / "home"))
