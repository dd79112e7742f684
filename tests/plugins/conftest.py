"""Fixtures of the plugins' tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from nextlabel.engine.plugins.registry import Candidate, Registry, load

TESTS = str(Path(__file__).parents[1])
if TESTS not in sys.path:
    sys.path.append(TESTS)  # tiny_plugins is there, a package like a third-party plugin

from tiny_plugins import TINY  # noqa: E402 - found by the line above

ROLES = ("strategies", "learners", "backbones", "datasets", "projects")


@pytest.fixture(scope="session")
def registry() -> Registry:
    """Return a registry of the built-in plugins and the tiny ones only."""
    modules = [f"nextlabel_plugins.{role}" for role in ROLES] + [f"tiny_plugins.{name}" for name in TINY]
    return load([Candidate(EntryPoint(name, name, "nextlabel"), "tests", "0") for name in modules])


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Let torch use one thread."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
