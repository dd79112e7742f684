"""Settings are read from the environment."""

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


def test_options_override_the_environment() -> None:
    environment = {"NEXTLABEL_PORT": "81", "NEXTLABEL_HOST": "0.0.0.0", "NEXTLABEL_DATA": "", "PATH": "/bin"}
    settings = Settings.from_environment(environment, port=82, host=None)
    assert (settings.port, settings.host, settings.data) == (82, "0.0.0.0", Path("var/data"))


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
def test_invalid_settings_are_described(name: str, value: str, reason: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({name: value})
    assert reason in str(caught.value)


def test_data_sets_are_in_the_home_folder_by_default() -> None:
    assert Settings(home=Path("/home")).data == Path("/home/data")
    assert Settings.from_environment({"NEXTLABEL_HOME": "/home", "NEXTLABEL_DATA": "/data"}).data == Path("/data")


def test_secrets_are_never_shown() -> None:
    settings = Settings(token="very-secret", database_url="postgresql://me:secret@host/db")
    assert "secret" not in repr(settings)
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"NEXTLABEL_TOKEN": "secret", "NEXTLABEL_PORT": "x"})
    assert "secret" not in str(caught.value)


def test_settings_can_be_passed_to_another_process() -> None:
    settings = Settings(home=Path("/somewhere"), token="very-secret", max_query=7, data=Path("/data"))
    assert Settings.from_environment(settings.environment()) == settings


def test_the_token_can_be_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from a file\n")
    settings = Settings.from_environment({"NEXTLABEL_TOKEN_FILE": str(file)})
    assert settings.token == "from a file"
    # a child process inherits the variable and also gets the token
    inherited = {"NEXTLABEL_TOKEN_FILE": str(file), **settings.environment()}
    assert Settings.from_environment(inherited) == settings


def test_an_unreadable_token_file_is_described(tmp_path: Path) -> None:
    (tmp_path / "short").write_text("short\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for environment, reason in [
        ({"NEXTLABEL_TOKEN_FILE": str(tmp_path / "none")}, "No such file"),
        ({"NEXTLABEL_TOKEN_FILE": str(tmp_path)}, "Is a directory"),
        ({"NEXTLABEL_TOKEN_FILE": str(tmp_path / "bytes")}, "not text"),
        ({"NEXTLABEL_TOKEN_FILE": str(tmp_path / "short")}, "at least 8"),
        ({"NEXTLABEL_TOKEN_FILE": str(tmp_path / "short"), "NEXTLABEL_TOKEN": "long enough"}, "both"),
    ]:
        with pytest.raises(SettingsError) as caught:
            Settings.from_environment(environment)
        assert reason in str(caught.value)


def test_every_setting_has_a_description() -> None:
    assert all(field.description for field in Settings.model_fields.values())
