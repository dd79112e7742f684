"""Finding plugins: good ones load, faulty ones are reported in one line, duplicate names are refused."""

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
    """Return a function that puts a distribution of one module on sys.path and returns its folder."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    installed_modules: list[str] = []

    def install_(name: str, code: str, module: str | None = None, entry: str | None = None) -> Path:
        folder = tmp_path / f"site{len(installed_modules)}"
        module = module or name.replace("-", "_")
        distribute(folder, name, **{entry or name: module})
        (folder / f"{module}.py").write_text(code)
        installed_modules.append(module)
        sys.path.insert(0, str(folder))
        return folder

    yield install_
    for module in installed_modules:
        sys.modules.pop(module, None)


def third_party(registry: Registry) -> list[str]:
    """Return the strategies of other distributions."""
    return [name for name, offer in registry.strategies.items() if offer.source.distribution != "nextlabel"]


def only_fault(registry: Registry) -> str:
    (fault,) = registry.faults
    assert "\n" not in fault.message
    return fault.message


def test_nextlabels_own_plugins_are_entry_points_too() -> None:
    registry = load()
    assert {"random", "margin", "entropy", "least-confidence"} <= set(registry.strategies)
    assert registry.learner("cnn").name == "cnn"
    assert registry.dataset("digits").name == "digits"
    assert registry.strategies["margin"].source.distribution == "nextlabel"


def test_a_good_plugin_is_loaded(install: Install) -> None:
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
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise ValueError('first\\nsecond')", "ValueError: first"),
        ("1 +", "SyntaxError: invalid syntax"),
        ("import sys; sys.exit('I quit')", "SystemExit: I quit"),
    ],
)
def test_an_import_error_is_reported_in_one_line(install: Install, code: str, reason: str) -> None:
    install("bad-plugin", code)
    install("good-plugin", STRATEGY.format(name="ones"))
    registry = load()
    fault = only_fault(registry)
    assert fault.startswith("plugin 'bad-plugin' of bad-plugin 1.0 was left out: importing 'bad_plugin' failed: ")
    assert reason in fault
    assert third_party(registry) == ["ones"]
    registry.check()


def test_a_misspelt_hook_is_reported_in_one_line(install: Install) -> None:
    install("bad-plugin", STRATEGY.format(name="ones").replace("def nextlabel_strategies", "def nextlabel_strategy"))
    fault = only_fault(registry := load())
    assert "bad-plugin 1.0 was left out" in fault
    assert "no hook 'nextlabel_strategy'; did you mean 'nextlabel_strategies'?" in fault
    assert third_party(registry) == []


def test_a_hook_with_wrong_arguments_is_reported_in_one_line(install: Install) -> None:
    install("bad-plugin", STRATEGY.format(name="ones").replace("strategies()", "strategies(extra)"))
    assert "bad-plugin 1.0 was left out: it breaks the hook contract" in only_fault(load())


def test_a_hook_that_raises_does_not_affect_other_hooks(install: Install) -> None:
    code = STRATEGY.format(name="ones") + "\n@hookimpl\ndef nextlabel_learners():\n    raise OSError('no')\n"
    install("bad-plugin", code)
    fault = only_fault(registry := load())
    assert fault == "plugin 'bad-plugin' of bad-plugin 1.0: its hook nextlabel_learners failed: OSError: no"
    assert third_party(registry) == ["ones"]


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
            "yielded 'x', whose parameter 'also' can never be set: 'also' is reserved",
        ),
        ("StrategyPlugin('x', 'x', Ones, needs=['probability'])", "did you mean 'probabilities'?"),
        ("StrategyPlugin('x', 'x', Ones, needs='std')", "whose needs are 'std', not names"),
    ],
)
def test_invalid_records_are_left_out(install: Install, record: str, reason: str) -> None:
    install("bad-plugin", STRATEGY.format(name="ones") + f"    yield {record}\n")
    fault = only_fault(registry := load())
    assert fault.startswith("plugin 'bad-plugin' of bad-plugin 1.0: nextlabel_strategies ")
    assert reason in fault
    assert third_party(registry) == ["ones"]


def test_a_hook_may_yield_nothing(install: Install) -> None:
    install("idle-plugin", STRATEGY.format(name="ones").replace("yield", "return None and"))
    assert load().faults == ()


def test_two_plugins_with_the_same_name_are_both_listed(install: Install) -> None:
    install("one-plugin", STRATEGY.format(name="ones"))
    install("two-plugin", STRATEGY.format(name="ones"))
    registry = load()
    both = "one-plugin (one_plugin) and two-plugin (two_plugin)"
    assert only_fault(registry) == f"two plugins offer the strategy 'ones': {both}; remove or block one"
    with pytest.raises(PluginError, match="two plugins offer the strategy 'ones'"):
        registry.check()
    load(blocked=["two-plugin"]).check()


def test_names_of_nextlabels_own_plugins_are_taken(install: Install) -> None:
    install("one-plugin", STRATEGY.format(name="margin"))
    with pytest.raises(PluginError, match=r"nextlabel \(nextlabel_plugins.strategies\) and one-plugin \(one_plugin\)"):
        load().check()


def test_distributions_may_share_an_entry_point_name(install: Install) -> None:
    """pluggy's own loader silently drops the second."""
    install("one-plugin", STRATEGY.format(name="ones"), entry="plugin")
    install("two-plugin", STRATEGY.format(name="twos"), entry="plugin")
    registry = load()
    assert registry.faults == ()
    assert third_party(registry) == ["ones", "twos"]


@pytest.mark.slow
def test_the_order_does_not_depend_on_the_path(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [str(install(f"{name}-plugin", STRATEGY.format(name=name))) for name in ("b", "a", "c")]
    rest = [path for path in sys.path if path not in folders]
    results = set()
    for order in itertools.permutations(folders):
        monkeypatch.setattr(sys, "path", [*order, *rest])
        registry = load()
        results.add((tuple(registry.strategies), tuple(f"{c.distribution}/{c.entry.name}" for c in installed())))
    assert len(results) == 1
    ((names, _),) = results
    assert list(names) == sorted(names)


def test_a_distribution_twice_on_the_path_is_loaded_once(install: Install) -> None:
    for _ in range(2):
        install("one-plugin", STRATEGY.format(name="ones"))
    registry = load()
    assert registry.faults == ()
    assert third_party(registry) == ["ones"]


def test_unreadable_metadata_is_skipped(install: Install) -> None:
    folder = install("one-plugin", STRATEGY.format(name="ones"))
    (folder / "empty-1.0.dist-info").mkdir()
    broken = folder / "broken-1.0.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (broken / "entry_points.txt").write_text("[nextlabel]\nno equals sign\n")
    assert third_party(load()) == ["ones"]


def test_blocked_plugins_are_not_loaded(install: Install) -> None:
    install("bad-plugin", "raise ValueError", entry="bad")
    assert load(blocked=["bad"]).faults == ()
    assert load(blocked=["bad-plugin"]).faults == ()


def test_an_unknown_name_lists_the_closest_and_all_valid_names() -> None:
    registry = load()
    with pytest.raises(
        NotFound, match=r"no strategy is called 'margn'; did you mean 'margin'\? valid: .*entropy.*random"
    ):
        registry.strategy("margn")
    with pytest.raises(NotFound, match=r"no learner is called 'x'; valid: .*cnn"):
        registry.learner("x")
    with pytest.raises(NotFound, match="no data set is called 'digit'; did you mean 'digits'"):
        registry.dataset("digit")


def test_resolving_imports_the_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve("pathlib:Path") is Path
    assert resolve(Path) is Path
    (tmp_path / "broken_plugin.py").write_text("class Own(")
    monkeypatch.syspath_prepend(tmp_path)
    for reference in ("no_such_module:X", "pathlib:NoSuchClass", "broken_plugin:Own", ":Own"):
        with pytest.raises(PluginError, match="cannot be loaded"):
            resolve(reference)
