"""The list of commands and its cost."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from nextlabel.cli.main_group import COMMANDS, HIDDEN, cli

HEAVY = {"torch", "torchvision", "sklearn", "flask", "sqlalchemy", "numpy", "pydantic", "onnxruntime", "rich"}
LOADED = """
import sys
from nextlabel.cli import main
sys.argv = ["nextlabel", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def test_help_loads_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert "simulate" in done.stdout
    assert not HEAVY & set(done.stderr.split())


def test_help_lists_the_commands(shell):
    output = shell("--help").stdout
    listed = [line.split()[0] for line in output.partition("Commands:\n")[2].splitlines() if line[2:3].strip()]
    assert listed == list(COMMANDS)
    assert not set(HIDDEN) & set(output.split())


@pytest.mark.parametrize("name", [*COMMANDS, *HIDDEN])
def test_each_command_has_a_help_text(shell, name):
    output = shell(name, "--help").stdout
    assert output.startswith(f"Usage: nextlabel {name}")
    options = [option for option in cli.get_command(None, name).params if isinstance(option, click.Option)]
    assert [option for option in options if not option.help] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_a_summary_does_not_contradict_the_command(name):
    command = cli.get_command(None, name)
    assert command.name == name
    assert not command.hidden


def test_version(shell):
    from importlib.metadata import version

    assert shell("--version").stdout.strip().endswith(version("nextlabel"))


def test_an_unknown_command_is_a_usage_error(shell):
    assert "trian" in shell.refused("trian", status=2)


def test_python_m_nextlabel():
    done = subprocess.run([sys.executable, "-m", "nextlabel", "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: nextlabel")
