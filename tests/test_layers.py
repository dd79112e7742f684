"""The arrows between the rooms, held by reading every import there is."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST = 250

MAY_IMPORT = {
    "contracts": set(),
    "charts": set(),
    "store": {"contracts"},
    "engine": {"charts", "contracts", "store"},
    "testing": {"contracts", "engine"},
    "import_export": {"contracts", "store", "engine"},
    "web": {"charts", "contracts", "store", "engine", "import_export"},
    "app": {"contracts", "store", "engine", "web"},
    "cli": {"contracts", "store", "engine", "import_export", "web", "app"},
    "__main__": {"cli"},
    "__init__": set(),
    "plugins": {"contracts"},
}
"""app, cli -> web -> import_export -> engine -> store -> contracts <- plugins; testing -> engine."""
HEAVY = {"torch", "torchvision", "sklearn", "flask"}


@dataclass(frozen=True)
class Import:
    """One import, where it stands, and when it happens."""

    file: Path
    line: int
    module: str
    late: bool
    """Inside a function: only when that is called."""
    typing: bool
    """For type checking alone: never."""

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line} imports {self.module}"

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]


def sources() -> list[Path]:
    return sorted([*ROOT.glob("server/**/*.py"), *ROOT.glob("plugins/**/*.py")])


def room(file: Path) -> str:
    relative = file.relative_to(ROOT)
    if relative.parts[0] == "plugins":
        return "plugins"
    return relative.parts[2] if len(relative.parts) > 3 else relative.stem


def imports(file: Path) -> Iterator[Import]:
    def walk(node: ast.AST, late: bool, typing: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(file, child.lineno, alias.name, late, typing)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{file}:{child.lineno}: a relative import hides where it points"
                for alias in child.names:
                    yield Import(file, child.lineno, f"{child.module}.{alias.name}", late, typing)
            else:
                function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                guarded = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
                yield from walk(child, late or function, typing or guarded)

    yield from walk(ast.parse(file.read_text("utf-8")), late=False, typing=False)


def all_imports() -> list[Import]:
    return [found for file in sources() for found in imports(file)]


ALL = all_imports()


def told(found: list[Import]) -> list[str]:
    return [str(each) for each in found]


def test_every_room_is_known():
    assert {room(file) for file in sources()} <= set(MAY_IMPORT)
    assert len(ALL) > 500


def test_arrows_point_one_way():
    wrong = []
    for found in ALL:
        here, parts = room(found.file), found.module.split(".")
        if parts[0] != "nextlabel":
            continue
        there = parts[1]
        if there != here and there not in MAY_IMPORT[here]:
            wrong.append(found)
    assert told(wrong) == []


def test_nothing_imports_the_plugins_in_the_box():
    assert told([found for found in ALL if found.top == "nextlabel_plugins" and room(found.file) != "plugins"]) == []


def test_contracts_stand_on_numpy_and_pluggy():
    allowed = set(sys.stdlib_module_names) | {"nextlabel", "numpy", "pluggy"}
    inside = [found for found in ALL if room(found.file) == "contracts"]
    assert told([found for found in inside if found.top not in allowed and not found.typing]) == []
    assert {found.top for found in inside if found.typing} <= allowed | {"torch"}


def test_flask_is_known_to_the_web_alone():
    wrong = [f for f in ALL if f.top in {"flask", "werkzeug"} and room(f.file) != "web" and not f.typing]
    assert told(wrong) == []
    assert {room(found.file) for found in ALL if found.top == "flask"} <= {"web", "app"}


@pytest.mark.parametrize("name", ["contracts", "store", "engine", "testing", "web", "app", "cli"])
def test_nothing_heavy_is_imported_before_it_is_used(name):
    heavy = HEAVY - ({"flask"} if name == "web" else set())
    early = [found for found in ALL if room(found.file) == name and not found.late and not found.typing]
    assert told([found for found in early if found.top in heavy]) == []


def test_the_server_leaves_torch_to_the_plugins():
    server = [found for found in ALL if room(found.file) != "plugins" and not found.typing]
    assert told([found for found in server if found.top in {"torch", "torchvision", "sklearn"}]) == []


def test_sql_is_written_in_the_store_alone():
    """The others hold a connection at most, to let several of the store's functions share a transaction."""
    outside = [f for f in ALL if f.top == "sqlalchemy" and room(f.file) not in {"store", "plugins"}]
    assert {found.module for found in outside} <= {"sqlalchemy.Connection"}


@pytest.mark.parametrize("folder", ["server", "plugins", "benchmarks"])
def test_no_file_is_long(folder):
    long = {
        str(file.relative_to(ROOT)): count
        for file in ROOT.glob(f"{folder}/**/*.py")
        if (count := len(file.read_text("utf-8").splitlines())) > LONGEST
    }
    assert long == {}


def test_nothing_is_kept_in_a_module():
    """No manager, settings, app or database that two applications in one process would share."""
    kept = []
    for file in sources():
        for node in ast.parse(file.read_text("utf-8")).body:
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            if isinstance(value, ast.Call) and ast.unparse(value.func).split(".")[-1] in MADE_ONCE:
                kept.append(f"{file.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}")
    assert kept == []


MADE_ONCE = {"Settings", "Registry", "Database", "Engine", "Services", "Flask", "Application", "PluginManager", "Lock"}
