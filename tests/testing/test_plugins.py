"""check_plugin on the contract's examples and on faulty modules."""

from __future__ import annotations

import inspect
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from nextlabel.contracts import hookspecs
from nextlabel.testing import check_light, check_plugin

HOOKS = ("nextlabel_strategies", "nextlabel_learners", "nextlabel_backbones", "nextlabel_datasets")
HEAD = "from nextlabel.contracts import *\nimport numpy as np\n"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> object:
    """Return a function that creates a module from source text, as if imported."""

    def create(text: str, name: str = "odd_plugin") -> ModuleType:
        new = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, new)
        exec(compile(textwrap.dedent(text), f"{name}.py", "exec"), vars(new))
        return new

    return create


def example(hook: str) -> str:
    text = inspect.getdoc(getattr(hookspecs, hook))
    assert text is not None
    return "    " + text.partition("\n\n    ")[2]


@pytest.mark.parametrize("hook", HOOKS)
def test_the_examples_of_the_contract_pass(module, hook: str) -> None:
    check_plugin(module(example(hook)), kinds={"prior": ["vectors"], "pool-prior": ["vectors"]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "odd_plugin offers nothing; mark its hooks with @hookimpl"),
        ("def nextlabel_strategies(): yield 1", "offers nothing; mark its hooks"),
        ("@hookimpl\ndef nextlabel_strategy(): return ()", "has no hook 'nextlabel_strategy'; did you mean"),
        ("@hookimpl\ndef nextlabel_learners(): yield 'cnn'", "nextlabel_learners yielded a str, not a LearnerPlugin"),
        ("@hookimpl\ndef nextlabel_datasets(): 1 / 0", "its hook nextlabel_datasets failed: ZeroDivisionError"),
        (
            "@hookimpl\ndef nextlabel_strategies(): yield StrategyPlugin('a', 'b', 'missing:Missing')",
            "a: raised PluginError: the plugin's class 'missing:Missing' cannot be loaded",
        ),
    ],
)
def test_faults_are_reported(module, text: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_plugin(module(HEAD + text))


def test_project_files_are_checked(module, tmp_path: Path) -> None:
    file = tmp_path / "moons.toml"
    text = f"""
        {HEAD.splitlines()[0]}
        from pathlib import Path
        @hookimpl
        def nextlabel_projects():
            yield ProjectPlugin("moons", Path({str(file)!r}))
    """
    project_plugin = module(text)
    with pytest.raises(AssertionError, match=r"moons.toml.* cannot be read"):
        check_plugin(project_plugin)
    file.write_text('dataset = {plugin = "missing"}\nlearner = {plugin = "missing"}\n')
    with pytest.raises(AssertionError, match="no data set is called 'missing'"):
        check_plugin(project_plugin)


def test_slow_imports_in_hooks_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "torch.py").write_text("")
    (tmp_path / "light_plugin.py").write_text("def nextlabel_learners(): return []\n")
    (tmp_path / "heavy_plugin.py").write_text("import torch\n")
    (tmp_path / "later_plugin.py").write_text("def nextlabel_learners():\n    import torch\n    return []\n")
    (tmp_path / "broken_plugin.py").write_text("import no_such_module\n")
    check_light("light_plugin")
    for name in ("heavy_plugin", "later_plugin"):
        with pytest.raises(AssertionError, match=f"{name}'s hooks import torch; give the class as 'module:Class'"):
            check_light(name)
    with pytest.raises(AssertionError, match=r"cannot be imported by itself: .*no_such_module"):
        check_light("broken_plugin")
