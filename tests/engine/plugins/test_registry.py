"""Plugins as they are found: good ones load, bad ones are told in a line, clashes are refused."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nextlabel.contracts.errors import NotFound, PluginError
from nextlabel.engine.plugins.registry import Registry, installed, load, resolve

STRATEGY = """
from nextlabel.contracts import Strategy, StrategyPlugin, hookimpl

class Ones(Strategy):
    def score(self, pool, rng):
        return pool.probabilities[:, 0]

@hookimpl
def nextlabel_strategies():
    yield StrategyPlugin({name!r}, "ones", Ones, needs=["probabilities"])
"""
Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, distribute: Callable[..., None]) -> Callable[..., Path]:
    """Put a distribution of one module on sys.path; returns its folder."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    made: list[str] = []

    def install_(name: str, code: str, module: str | None = None, entry: str | None = None) -> Path:
        folder = tmp_path / f"site{len(made)}"
        module = module or name.replace("-", "_")
        distribute(folder, name, **{entry or name: module})
        (folder / f"{module}.py").write_text(code)
        made.append(module)
        sys.path.insert(0, str(folder))
        return folder

    yield install_
    for module in made:
        sys.modules.pop(module, None)


def own(registry: Registry) -> list[str]:
    """The strategies that are not in the box."""
    return [name for name, offer in registry.strategies.items() if offer.source.distribution != "nextlabel"]


def only(registry: Registry) -> str:
    (fault,) = registry.faults
    assert "\n" not in fault.message
    return fault.message


def test_what_is_in_the_box_comes_in_by_the_same_door() -> None:
    registry = load()
    assert {"random", "margin", "entropy", "least-confidence"} <= set(registry.strategies)
    assert registry.learner("cnn").name == "cnn"
    assert registry.dataset("digits").name == "digits"
    assert registry.strategies["margin"].source.distribution == "nextlabel"


def test_a_good_plugin_is_found(install: Install) -> None:
    install("good-plugin", STRATEGY.format(name="ones"))
    registry = load()
    assert registry.faults == ()
    offer = registry.strategies["ones"]
    assert (offer.source.distribution, offer.source.version, offer.source.module) == (
        "good-plugin",
        "1.0",
        "good_plugin",
    )
    assert registry.strategy("ones").needs == ["probabilities"]
    registry.check()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("raise ValueError('first\\nsecond')", "ValueError: first"),
        ("1 +", "SyntaxError: invalid syntax"),
        ("import sys; sys.exit('I quit')", "SystemExit: I quit"),
    ],
)
def test_one_that_fails_to_import_is_one_clear_line(install: Install, code: str, reason: str) -> None:
    install("bad-plugin", code)
    install("good-plugin", STRATEGY.format(name="ones"))
    registry = load()
    fault = only(registry)
    assert fault.startswith("plugin 'bad-plugin' of bad-plugin 1.0 was left out: importing 'bad_plugin' failed: ")
    assert reason in fault
    assert own(registry) == ["ones"]
    registry.check()


def test_a_misspelt_hook_is_one_clear_line(install: Install) -> None:
    install("bad-plugin", STRATEGY.format(name="ones").replace("def nextlabel_strategies", "def nextlabel_strategy"))
    fault = only(registry := load())
    assert "bad-plugin 1.0 was left out" in fault
    assert "no hook 'nextlabel_strategy'; did you mean 'nextlabel_strategies'?" in fault
    assert own(registry) == []


def test_a_hook_with_other_arguments_is_one_clear_line(install: Install) -> None:
    install("bad-plugin", STRATEGY.format(name="ones").replace("strategies()", "strategies(what)"))
    assert "bad-plugin 1.0 was left out: nextlabel breaks the hook contract" in only(load())


def test_a_hook_that_raises_takes_nothing_with_it(install: Install) -> None:
    code = STRATEGY.format(name="ones") + "\n@hookimpl\ndef nextlabel_learners():\n    raise OSError('no')\n"
    install("bad-plugin", code)
    fault = only(registry := load())
    assert fault == "plugin 'bad-plugin' of bad-plugin 1.0: its hook nextlabel_learners failed: OSError: no"
    assert own(registry) == ["ones"]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("'ones'", "yielded a str, not a StrategyPlugin"),
        ("None", "yielded a NoneType, not a StrategyPlugin"),
        ("StrategyPlugin(3, 'x', Ones)", "yielded a StrategyPlugin whose name is 3"),
        ("StrategyPlugin('x', 'x', Ones, parameters=dict)", "not a dataclass"),
        ("StrategyPlugin('x', 'x', Ones, parameters=StrategyPlugin('y', 'y', Ones))", "not a dataclass"),
        (
            "StrategyPlugin('x', 'x', Ones, parameters=__import__('dataclasses').make_dataclass('P', ['also']))",
            "yielded 'x', whose parameter 'also' could never be set: 'also' is reserved",
        ),
        ("StrategyPlugin('x', 'x', Ones, needs=['probability'])", "did you mean 'probabilities'?"),
        ("StrategyPlugin('x', 'x', Ones, needs='std')", "whose needs are 'std', not names"),
    ],
)
def test_what_is_no_record_is_left_out(install: Install, record: str, reason: str) -> None:
    install("bad-plugin", STRATEGY.format(name="ones") + f"    yield {record}\n")
    fault = only(registry := load())
    assert fault.startswith("plugin 'bad-plugin' of bad-plugin 1.0: nextlabel_strategies ")
    assert reason in fault
    assert own(registry) == ["ones"]


def test_a_hook_may_offer_nothing(install: Install) -> None:
    install("idle-plugin", STRATEGY.format(name="ones").replace("yield", "return None and"))
    assert load().faults == ()


def test_two_plugins_of_one_name_are_refused_naming_both(install: Install) -> None:
    install("one-plugin", STRATEGY.format(name="ones"))
    install("two-plugin", STRATEGY.format(name="ones"))
    registry = load()
    both = "one-plugin (one_plugin) and two-plugin (two_plugin)"
    assert only(registry) == f"two plugins offer the strategy 'ones': {both}; remove or block one"
    with pytest.raises(PluginError, match="two plugins offer the strategy 'ones'"):
        registry.check()
    load(blocked=["two-plugin"]).check()


def test_one_may_not_take_the_name_of_one_in_the_box(install: Install) -> None:
    install("one-plugin", STRATEGY.format(name="margin"))
    with pytest.raises(PluginError, match=r"nextlabel \(nextlabel_plugins.strategies\) and one-plugin \(one_plugin\)"):
        load().check()


def test_two_distributions_may_use_one_entry_point_name(install: Install) -> None:
    """pluggy's own loader drops the second without a word."""
    install("one-plugin", STRATEGY.format(name="ones"), entry="plugin")
    install("two-plugin", STRATEGY.format(name="twos"), entry="plugin")
    registry = load()
    assert registry.faults == ()
    assert own(registry) == ["ones", "twos"]


def test_the_order_does_not_depend_on_the_path(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [str(install(f"{name}-plugin", STRATEGY.format(name=name))) for name in ("b", "a", "c")]
    rest = [path for path in sys.path if path not in folders]
    found = set()
    for order in itertools.permutations(folders):
        monkeypatch.setattr(sys, "path", [*order, *rest])
        registry = load()
        found.add((tuple(registry.strategies), tuple(f"{c.distribution}/{c.entry.name}" for c in installed())))
    assert len(found) == 1
    ((names, _),) = found
    assert list(names) == sorted(names)


def test_a_distribution_that_stands_twice_on_the_path_is_loaded_once(install: Install) -> None:
    for _ in range(2):
        install("one-plugin", STRATEGY.format(name="ones"))
    registry = load()
    assert registry.faults == ()
    assert own(registry) == ["ones"]


def test_metadata_that_cannot_be_read_is_passed_over(install: Install) -> None:
    folder = install("one-plugin", STRATEGY.format(name="ones"))
    (folder / "empty-1.0.dist-info").mkdir()
    other = folder / "rotten-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: rotten\nVersion: 1.0\n")
    (other / "entry_points.txt").write_text("[nextlabel]\nno equals sign\n")
    assert own(load()) == ["ones"]


def test_blocked_ones_are_not_loaded(install: Install) -> None:
    install("bad-plugin", "raise ValueError", entry="bad")
    assert load(blocked=["bad"]).faults == ()
    assert load(blocked=["bad-plugin"]).faults == ()


def test_an_unknown_name_is_answered_with_the_nearest_and_all() -> None:
    registry = load()
    with pytest.raises(
        NotFound, match=r"no strategy is called 'margn'; did you mean 'margin'\? valid: .*entropy.*random"
    ):
        registry.strategy("margn")
    with pytest.raises(NotFound, match=r"no learner is called 'x'; valid: .*cnn"):
        registry.learner("x")
    with pytest.raises(NotFound, match="no data set is called 'digit'; did you mean 'digits'"):
        registry.dataset("digit")


def test_a_class_is_imported_when_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve("pathlib:Path") is Path
    assert resolve(Path) is Path
    (tmp_path / "torn_plugin.py").write_text("class Mine(")
    monkeypatch.syspath_prepend(tmp_path)
    for reference in ("no_such_module:X", "pathlib:NoSuchClass", "torn_plugin:Mine", ":Mine"):
        with pytest.raises(PluginError, match="cannot be loaded"):
            resolve(reference)
