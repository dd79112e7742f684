"""Settings: one table, read once from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextlabel.contracts.errors import SettingsError
from nextlabel.engine.settings import Settings


def test_defaults() -> None:
    settings = Settings.from_environment({})
    assert (settings.home, settings.port, settings.default_project) == (Path("var"), 8000, "photos")
    assert settings.url == f"sqlite:///{Path('var').absolute()}/nextlabel.db"
    assert settings.cores >= 1


def test_the_environment_is_read_and_what_is_given_comes_first() -> None:
    environment = {"NEXTLABEL_PORT": "81", "NEXTLABEL_HOST": "0.0.0.0", "NEXTLABEL_DATA": "", "PATH": "/bin"}
    settings = Settings.from_environment(environment, port=82, host=None)
    assert (settings.port, settings.host, settings.data) == (82, "0.0.0.0", None)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("NEXTLABEL_PROT", "80", "there is no setting NEXTLABEL_PROT; did you mean 'NEXTLABEL_PORT'"),
        ("NEXTLABEL_PORT", "http", "NEXTLABEL_PORT: Input should be a valid integer"),
        ("NEXTLABEL_PORT", "70000", "NEXTLABEL_PORT: Input should be less than or equal to 65535"),
        ("NEXTLABEL_LEASE_SECONDS", "0", "NEXTLABEL_LEASE_SECONDS: Input should be greater than 0"),
        ("NEXTLABEL_TOKEN", "short", "NEXTLABEL_TOKEN: String should have at least 8"),
    ],
)
def test_what_cannot_be_used_is_told(name: str, value: str, reason: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({name: value})
    assert reason in str(caught.value)


def test_a_secret_is_never_shown() -> None:
    settings = Settings(token="very-secret", database_url="postgresql://me:secret@host/db")
    assert "secret" not in repr(settings)
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"NEXTLABEL_TOKEN": "secret", "NEXTLABEL_PORT": "x"})
    assert "secret" not in str(caught.value)


def test_another_process_can_be_given_them() -> None:
    settings = Settings(home=Path("/somewhere"), token="very-secret", max_query=7, data=Path("/data"))
    assert Settings.from_environment(settings.environment()) == settings


def test_a_token_can_lie_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from a file\n")
    settings = Settings.from_environment({"NEXTLABEL_TOKEN_FILE": str(file)})
    assert settings.token == "from a file"
    # a process below inherits the variable and is handed the token too
    inherited = {"NEXTLABEL_TOKEN_FILE": str(file), **settings.environment()}
    assert Settings.from_environment(inherited) == settings


def test_a_token_that_cannot_be_had_from_its_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "short").write_text("short\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for given, reason in [
        ({"NEXTLABEL_TOKEN_FILE": str(tmp_path / "none")}, "No such file"),
        ({"NEXTLABEL_TOKEN_FILE": str(tmp_path)}, "Is a directory"),
        ({"NEXTLABEL_TOKEN_FILE": str(tmp_path / "bytes")}, "not text"),
        ({"NEXTLABEL_TOKEN_FILE": str(tmp_path / "short")}, "at least 8"),
        ({"NEXTLABEL_TOKEN_FILE": str(tmp_path / "short"), "NEXTLABEL_TOKEN": "long enough"}, "both"),
    ]:
        with pytest.raises(SettingsError) as caught:
            Settings.from_environment(given)
        assert reason in str(caught.value)


def test_every_setting_has_a_line_of_help() -> None:
    assert all(field.description for field in Settings.model_fields.values())
