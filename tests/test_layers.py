"""The layers of the code base, checked by reading every import."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

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

FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"feature_items", "fitted", "onnx_graphs", "retry"}),
    frozenset({"__init__", "images", "plugins", "random_streams", "records", "settings"}),
    frozenset({"committee", "linked_features", "pool_files", "project_files"}),
    frozenset({"checkpoints", "prepared", "scheduling", "scores", "strategies"}),
    frozenset({"features"}),
    frozenset({"labels", "live_models", "metrics"}),
    frozenset({"datasets", "pool_arrays", "services"}),
    frozenset({"bundled_checkpoints", "predict", "progress", "queries", "status", "training"}),
    frozenset({"browse", "evaluation", "jobs"}),
    frozenset({"project"}),
    frozenset({"engine", "simulation"}),
)
"""The packages and modules of `engine`, lowest floor first. Each may import only from lower floors."""
HEAVY = {"torch", "torchvision", "sklearn", "scipy", "flask"}
REPEATABLE = {"__init__", "reader", "writer"}
"""Module names that a room may use several times: a package, and the two modules of a file format."""


@dataclass(frozen=True)
class Import:
    """An import statement and its place in the code."""

    file: Path
    line: int
    module: str
    late: bool
    """Whether it is inside a function, so that it runs only when the function is called."""
    typing: bool
    """Whether it is for type checking only, so that it never runs."""

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


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def engine_unit(module: str) -> str:
    """Return the package or module directly in `engine` that a module belongs to."""
    return [*module.split("."), "__init__"][2]


def imports(file: Path) -> Iterator[Import]:
    def walk(node: ast.AST, late: bool, typing: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(file, child.lineno, alias.name, late, typing)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{file}:{child.lineno}: use an absolute import instead of a relative one"
                for alias in child.names:
                    yield Import(file, child.lineno, f"{child.module}.{alias.name}", late, typing)
            else:
                function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                guarded = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
                yield from walk(child, late or function, typing or guarded)

    yield from walk(ast.parse(file.read_text("utf-8")), late=False, typing=False)


ALL = [statement for file in sources() for statement in imports(file)]


def lines(statements: Iterable[Import]) -> list[str]:
    return [str(statement) for statement in statements]


def climbing(statements: Iterable[Import]) -> list[Import]:
    """Return the imports within `engine` that do not go to a lower floor."""
    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    climbing = []
    for statement in statements:
        if room(statement.file) != "engine" or not statement.module.startswith("nextlabel.engine"):
            continue
        here, there = engine_unit(module_name(statement.file)), engine_unit(statement.module)
        if here != there and floor[there] >= floor[here]:
            climbing.append(statement)
    return climbing


def cycle(statements: Iterable[Import], modules: Iterable[str]) -> list[str]:
    """Return the modules of a circle of imports, or an empty list."""
    graph: dict[str, set[str]] = {name: set() for name in modules}
    for statement in statements:
        here = module_name(statement.file)
        # `from package import name` imports the module `package.name` if there is one, else `package`
        target = statement.module if statement.module in graph else statement.module.rpartition(".")[0]
        if target in graph and target != here:
            graph[here].add(target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def repeated_names(files: Iterable[Path]) -> list[str]:
    """Return `room: name` for each module name that a room uses more than once."""
    names = Counter((room(file), file.stem) for file in files if file.stem not in REPEATABLE)
    return sorted(f"{where}: {name}" for (where, name), count in names.items() if count > 1)


def planted(file: str, module: str) -> Import:
    return Import(ROOT / file, 1, module, late=False, typing=False)


# ------------------------------------------------------------------------------------- rooms


def test_every_room_is_known():
    assert {room(file) for file in sources()} <= set(MAY_IMPORT)
    assert len(ALL) > 500


def test_rooms_import_in_one_direction():
    wrong = []
    for statement in ALL:
        here, parts = room(statement.file), statement.module.split(".")
        if parts[0] != "nextlabel":
            continue
        there = parts[1]
        if there != here and there not in MAY_IMPORT[here]:
            wrong.append(statement)
    assert lines(wrong) == []


def test_nothing_imports_the_bundled_plugins():
    wrong = [
        statement for statement in ALL if statement.top == "nextlabel_plugins" and room(statement.file) != "plugins"
    ]
    assert lines(wrong) == []


def test_contracts_import_only_numpy_and_pluggy():
    allowed = set(sys.stdlib_module_names) | {"nextlabel", "numpy", "pluggy"}
    inside = [statement for statement in ALL if room(statement.file) == "contracts"]
    assert lines(statement for statement in inside if statement.top not in allowed and not statement.typing) == []
    assert {statement.top for statement in inside if statement.typing} <= allowed | {"torch"}


def test_only_the_web_room_imports_flask():
    wrong = [
        statement
        for statement in ALL
        if statement.top in {"flask", "werkzeug"} and room(statement.file) != "web" and not statement.typing
    ]
    assert lines(wrong) == []
    assert {room(statement.file) for statement in ALL if statement.top == "flask"} <= {"web", "app", "cli"}


def test_only_the_store_writes_sql():
    """The others hold a connection at most, to let several functions of the store share a transaction."""
    outside = [
        statement
        for statement in ALL
        if statement.top == "sqlalchemy" and room(statement.file) not in {"store", "plugins"}
    ]
    assert {statement.module for statement in outside} <= {"sqlalchemy.Connection"}


@pytest.mark.parametrize("name", ["contracts", "store", "engine", "import_export", "testing", "web", "app", "cli"])
def test_heavy_libraries_are_imported_late(name):
    heavy = HEAVY - ({"flask"} if name == "web" else set())
    early = [
        statement for statement in ALL if room(statement.file) == name and not statement.late and not statement.typing
    ]
    assert lines(statement for statement in early if statement.top in heavy) == []


def test_only_plugins_import_torch_and_sklearn():
    server = [statement for statement in ALL if room(statement.file) != "plugins" and not statement.typing]
    assert lines(statement for statement in server if statement.top in {"torch", "torchvision", "sklearn"}) == []


def test_only_training_imports_scipy():
    users = {
        module_name(statement.file)
        for statement in ALL
        if statement.top == "scipy" and room(statement.file) != "plugins"
    }
    assert users == {"nextlabel.engine.training.promotion"}


# -------------------------------------------------------------------------- inside the rooms


def test_every_part_of_the_engine_has_one_floor():
    parts = {engine_unit(module_name(file)) for file in sources() if room(file) == "engine"}
    assert sorted(name for names in FLOORS for name in names) == sorted(parts)


def test_the_engine_imports_downwards():
    assert lines(climbing(ALL)) == []


@pytest.mark.parametrize(
    ("file", "module"),
    [
        ("engine/labels/label_service.py", "nextlabel.engine.services.Services"),  # to a higher floor
        ("engine/scores.py", "nextlabel.engine.scheduling.queue_once"),  # to the same floor
        ("engine/live_models.py", "nextlabel.engine.training"),  # to a package
    ],
)
def test_an_upward_import_is_found(file, module):
    wrong = planted(f"server/nextlabel/{file}", module)
    assert lines(climbing([*ALL, wrong])) == [str(wrong)]


def test_no_modules_import_each_other():
    assert cycle(ALL, map(module_name, sources())) == []


def test_a_circle_of_imports_is_found():
    wrong = planted("server/nextlabel/engine/progress/progress_records.py", "nextlabel.engine.progress.curve.curve")
    circle = cycle([*ALL, wrong], map(module_name, sources()))
    assert {"nextlabel.engine.progress.curve", "nextlabel.engine.progress.progress_records"} <= set(circle)


def test_module_names_are_unique_within_a_room():
    assert repeated_names(sources()) == []


def test_a_repeated_module_name_is_found():
    twice = ROOT / "server/nextlabel/engine/queries/scores.py"
    assert set(repeated_names([*sources(), twice])) == {*repeated_names(sources()), "engine: scores"}
    reader = ROOT / "server/nextlabel/import_export/formats/another/reader.py"
    assert repeated_names([*sources(), reader]) == repeated_names(sources())


def test_no_module_has_state():
    """No manager, settings, app or database that two applications in one process would share."""
    shared = []
    for file in sources():
        for node in ast.parse(file.read_text("utf-8")).body:
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            allowed = str(file.relative_to(ROOT)) in PROCESS_LIMITS
            if isinstance(value, ast.Call) and ast.unparse(value.func).split(".")[-1] in CREATED_ONCE and not allowed:
                shared.append(f"{file.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}")
    assert shared == []


CREATED_ONCE = {
    "Settings", "Registry", "Database", "Engine", "Services", "Flask", "Application", "PluginManager", "Lock",
}  # fmt: skip
PROCESS_LIMITS = {"server/nextlabel/engine/images/decoding.py"}
"""Modules whose locks protect what a process has only once: its memory and its warning filters."""
