"""Reads the documentation, and the sources that it describes."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from importlib import import_module, invalidate_caches
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
README = (ROOT / "README.md").read_text("utf-8")


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def blocks(text: str, kind: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def code(text: str) -> list[str]:
    """Return everything that is set as code, piece by piece."""
    fenced = re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```\w*\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return [*fenced, *re.findall(r"^ {4}.*$", rest, re.MULTILINE), *re.findall(r"`([^`]+)`", rest)]


def signatures(owner: type | ModuleType) -> dict[str, str]:
    """Return the signatures of the public functions of a module or class, as written in its source."""
    module = owner if isinstance(owner, ModuleType) else sys.modules[owner.__module__]
    nodes = ast.parse(inspect.getsource(module)).body
    if not isinstance(owner, ModuleType):
        nodes = next(node for node in nodes if isinstance(node, ast.ClassDef) and node.name == owner.__name__).body
    return {
        node.name: f"def {node.name}({ast.unparse(node.args)}) -> {ast.unparse(node.returns)}"
        for node in nodes
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and not node.decorator_list[1:]
    }


def as_module(source: str, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import `source` as a module, for this test only."""
    (folder / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(folder)
    invalidate_caches()
    # setting it first makes monkeypatch remove the import after the test
    monkeypatch.setitem(sys.modules, name, ModuleType(name))
    del sys.modules[name]
    return import_module(name)
