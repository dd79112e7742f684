"""Fixtures that run commands, inside this process or as processes of their own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nextlabel.cli.main_group import cli
from nextlabel.engine.settings import Settings


@dataclass
class Shell:
    """Runs commands in this process."""

    def __call__(self, *arguments: str, status: int = 0) -> Result:
        result = CliRunner().invoke(cli, list(arguments), prog_name="nextlabel")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == status, result.output
        return result

    def json(self, *arguments: str) -> Any:
        """Return the document that --json prints; nothing else may be printed."""
        result = self(*arguments, "--json")
        assert result.stderr == ""
        return json.loads(result.stdout)

    def refused(self, *arguments: str, status: int = 1) -> str:
        """Return the single line of an error message."""
        result = self(*arguments, status=status)
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        return str(result.stderr.splitlines()[-1])


@pytest.fixture
def shell() -> Shell:
    return Shell()


@pytest.fixture
def trained(shell: Shell, quick: Settings) -> Settings:
    """A home folder in which `quick` has a checkpoint."""
    shell("train", "quick")
    return quick


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Let SIGINT interrupt, also in a background script, where it is ignored; children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def start(ctrl_c: None) -> Any:
    """Start a command as a process; it is killed at the end if it still runs."""
    processes: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **options: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "nextlabel", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()
