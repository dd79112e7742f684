"""Tests that need PyTorch Geometric."""

from __future__ import annotations

import os

import pytest

from nextlabel.contracts.errors import PluginError
from nextlabel_plugins.geometric import load_geometric


def require_geometric() -> None:
    """Skip the test, or the file, without PyTorch Geometric. With CI set, where it is installed, raise PluginError."""
    try:
        load_geometric("test")
    except PluginError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error), allow_module_level=True)
