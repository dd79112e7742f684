"""The house rule of plain words (CONTRIBUTING.md): private words are rejected wherever a reader meets text or names."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WORDS = ("said", "says", "told", "tell", "tells", "spoken", "afresh", "anew", "whoever", "lest", "plight")
NAMES = ("kept", "asked")
TEXT = {".py", ".js", ".mjs", ".css", ".html", ".md", ".toml", ".yaml", ".in"}
WORD = re.compile(rf"(?<![A-Za-z])({'|'.join(WORDS)})(?![A-Za-z])", re.IGNORECASE)
NAME = re.compile(rf"(?<![A-Za-z])({'|'.join(NAMES)})(?![a-z])", re.IGNORECASE)
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
LISTING = re.compile(r"^Words this project does not use:.*?(?=\n\n)", re.MULTILINE | re.DOTALL)
"""The paragraph of CONTRIBUTING.md that lists the words."""


def private_words(text: str) -> list[str]:
    """Return each line that holds a private word, as `number: line`. Snake and camel case are split into words."""
    lines = CAMEL.sub(" ", LISTING.sub("", text).replace("_", " ")).splitlines()
    return [f"{number}: {line.strip()}" for number, line in enumerate(lines, 1) if WORD.search(line)]


def python_names(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, name) of everything that Python source names: variables, arguments, functions, classes, fields."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                if not name.startswith("test_"):  # a sentence
                    yield node.lineno, name
            case ast.arg(arg=name):
                yield node.lineno, name
            case ast.alias(name=module, asname=asname):
                yield node.lineno, asname or module.rpartition(".")[2]


def script_names(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, name) of the identifiers in JavaScript; comments and strings are left out."""
    code = re.sub(
        r"//[^\n]*|/\*.*?\*/|\"[^\"\n]*\"|'[^'\n]*'|`[^`]*`",
        lambda match: re.sub(r"[^\n]", " ", match[0]),
        source,
        flags=re.DOTALL,
    )
    for number, line in enumerate(code.splitlines(), 1):
        yield from ((number, name) for name in re.findall(r"[A-Za-z_$][\w$]*", line))


def page_names(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, name) of ids, classes, names and data attributes in HTML."""
    for number, line in enumerate(source.splitlines(), 1):
        for value in re.findall(r"\b(?:id|class|name|for)=\"([^\"]*)\"", line):
            yield from ((number, name) for name in value.split())


READERS = {".py": python_names, ".js": script_names, ".mjs": script_names, ".html": page_names}


def files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [
        path
        for path in paths
        if path.is_file() and (path.suffix in TEXT or path.name in {"Makefile", "Dockerfile", "run"})
    ]


def checked(path: Path) -> bool:
    # this file names the words, and a migration that was released is never edited
    return path != Path(__file__) and "versions" not in path.parts


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there is no list of the project's files")
    return {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in files() if checked(path)}


def test_no_private_words(sources):
    assert len(sources) > 300
    assert [f"{name}:{line}" for name, text in sources.items() for line in private_words(text)] == []


@pytest.mark.slow
def test_no_vague_names(sources):
    vague = [
        f"{file}:{line}: {name}"
        for file, text in sources.items()
        for line, name in READERS.get(Path(file).suffix, lambda _: ())(text)
        if NAME.search(CAMEL.sub("_", name))
    ]
    assert vague == []
    assert [file for file in sources if NAME.search(Path(file).stem)] == []


def test_the_listing_names_every_word():
    listing = LISTING.search((ROOT / "CONTRIBUTING.md").read_text("utf-8"))
    assert listing is not None
    assert set(re.findall(r"`(\w+)`", listing[0])) == {*WORDS, *NAMES}


@pytest.mark.parametrize(
    "text", ["it is told of each", "def _said(code):", "isTold = 1", "Whoever labels", "the_model_says_so", "re-told"]
)
def test_a_planted_word_is_found(text):
    assert private_words(f"fine\n{text}\n") != []


@pytest.mark.parametrize("text", ["untold", "retelling", "Aksel", "saids"])
def test_words_inside_words_pass(text):
    assert private_words(text) == []


def test_a_planted_name_is_found():
    source = "kept_scores = 1\ndef f(asked): pass\nfrom x import kept\nclass Kept: pass\nself.asked = 2\n"
    names = [name for _, name in python_names(source) if NAME.search(CAMEL.sub("_", name))]
    assert sorted(names) == ["Kept", "asked", "asked", "kept", "kept_scores"]
    assert [name for _, name in script_names('const kept = 1; // asked\nlet s = "kept";')] == [
        "const",
        "kept",
        "let",
        "s",
    ]
    assert list(page_names('<p id="kept" class="a b">kept</p>')) == [(1, "kept"), (1, "a"), (1, "b")]
