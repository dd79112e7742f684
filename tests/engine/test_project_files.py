"""Project files are read and validated; every fault is listed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.engine import MODULES, candidates
from support.toy_learners import Ridge

from nextlabel.contracts.errors import NotFound, ProjectError
from nextlabel.engine.plugins.registry import Offer, Registry, load
from nextlabel.engine.project_files import load_projects, read_project

GOOD = """
title = "Things"
seed = 3
[dataset]
plugin = "toy-blobs"
size = 30
[learner]
plugin = "toy-ridge"
[strategy]
plugin = "margin"
also = ["random"]
[labels]
initial = 5
answers = 2
control = 1
[train]
every = 10
[stop]
accuracy = 0.9
"""


def write(folder: Path, text: str = GOOD, name: str = "things") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


def test_a_project_file(tmp_path: Path, registry: Registry) -> None:
    config = read_project("things", write(tmp_path), registry)
    assert (config.name, config.title, config.seed, config.automatic) == ("things", "Things", 3, False)
    assert (config.dataset.plugin, config.dataset.parameters) == ("toy-blobs", {"size": 30})
    assert [choice.plugin for choice in config.strategy.also] == ["random"]
    assert (config.labels.initial, config.labels.answers, config.labels.control, config.labels.holdout) == (
        5,
        2,
        1.0,
        0.2,
    )
    assert (config.train.every, config.stop.accuracy, config.stop.labels) == (10, 0.9, None)


COMPOSED = """
[[strategy.until]]
labels = 50
plugin = "toy-near"
place = 7
[[strategy.until]]
labels = 10
plugin = "random"
[strategy.then]
plugin = "toy-near"
"""


def test_a_composition_of_strategies(tmp_path: Path, registry: Registry) -> None:
    text = GOOD.replace('also = ["random"]', 'keep = 4\nalso = ["random"]' + COMPOSED)
    strategy = read_project("things", write(tmp_path, text), registry).strategy
    assert [(early.labels, early.plugin, early.parameters) for early in strategy.until] == [
        (50, "toy-near", {"place": 7}),
        (10, "random", {}),
    ]
    assert strategy.then is not None
    assert (strategy.plugin, strategy.parameters, strategy.then.plugin, strategy.keep) == ("margin", {}, "toy-near", 4)
    assert [choice.plugin for choice in strategy.every] == ["margin", "toy-near", "toy-near", "random", "random"]


def test_the_title_defaults_to_the_name(tmp_path: Path, registry: Registry) -> None:
    text = GOOD.replace('title = "Things"', "")
    assert read_project("things", write(tmp_path, text), registry).title == "things"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("seed = 3", 'seed = "3"', "seed: input should be a valid integer, not '3'"),
        ("seed = 3", "seeds = 3", "seeds: unknown key; did you mean 'seed'?"),
        ("initial = 5", "initial = -5", "[labels] initial: input should be greater than or equal to 0, not -5"),
        ("initial = 5", 'initial = "5"', "[labels] initial: input should be a valid integer"),
        ("answers = 2", "answers = true", "[labels] answers: input should be a valid integer"),
        ("every = 10", "evry = 10", "[train] evry: unknown key; did you mean 'every'?"),
        ("accuracy = 0.9", "accuracy = 90", "[stop] accuracy: input should be less than or equal to 1"),
        (
            'also = ["random"]',
            'also = ["rnadom"]',
            "[strategy] also: no strategy is called 'rnadom'; did you mean 'random'",
        ),
        (
            'plugin = "margin"',
            'plugin = "margins"',
            "[strategy]: no strategy is called 'margins'; did you mean 'margin'",
        ),
        ('plugin = "toy-ridge"', 'plugin = "ridge"', "[learner]: no learner is called 'ridge'"),
        ('plugin = "toy-ridge"', 'name = "toy-ridge"', "[learner] plugin: field required"),
        ("size = 30", "size = -1", "[dataset]: size: input should be greater than or equal to 0, not -1"),
        ("size = 30", "szie = 30", "[dataset] has no parameter 'szie'; did you mean 'size'?"),
        ("[train]", "[train", "cannot be read"),
        (
            'plugin = "toy-ridge"',
            'plugin = "toy-ridge"\nfeatures = "checkpint:digits"',
            "[learner] features = 'checkpint:digits': write \"checkpoint:<project>\", or leave it out",
        ),
        ('plugin = "toy-ridge"', 'plugin = "toy-ridge"\nfeatures = "checkpoint:"', 'write "checkpoint:<project>"'),
        ('plugin = "toy-ridge"', 'members = [{plugin = "ridge"}]', "[[learner.members]]: no learner is called 'ridge'"),
        (
            'plugin = "toy-ridge"',
            'members = [{plugin = "cnn", rate = 0.1}]',
            "[[learner.members]] rate: renamed to learning_rate",
        ),
        (
            'plugin = "toy-ridge"',
            'plugin = "cnn"\nmembers = [{plugin = "cnn"}]',
            "[learner] has both plugin and members; a committee has members only",
        ),
        (
            'plugin = "toy-ridge"',
            'epochs = 3\nmembers = [{plugin = "cnn"}]',
            "[learner] epochs: a committee has no parameters; set them in its members",
        ),
        ("[dataset]", "[data]", "dataset: field required"),
        (
            'also = ["random"]',
            "keep = 3",
            "[strategy] keep: there is no strategy in `then` to choose among the items that are kept",
        ),
        (
            'also = ["random"]',
            'then = {plugin = "rnadom"}',
            "[strategy] then: no strategy is called 'rnadom'; did you mean 'random'",
        ),
        (
            'also = ["random"]',
            'then = {plugin = "random", beta = 1}',
            "[strategy] then has no parameter 'beta'; there are none",
        ),
        (
            'also = ["random"]',
            'then = {plugin = "toy-near", place = -1}',
            "[strategy] then: place: input should be greater than or equal to 0, not -1",
        ),
        (
            'also = ["random"]',
            'then = {plugin = "random"}\nkeep = 0',
            "[strategy] keep: input should be greater than or equal to 1, not 0",
        ),
        ('also = ["random"]', 'then = "random"', "[strategy] then: input should be an object, not 'random'"),
        (
            'also = ["random"]',
            'until = [{plugin = "random"}]',
            "[strategy.until.0] labels: field required",
        ),
        (
            'also = ["random"]',
            'until = [{plugin = "random", labels = "5"}]',
            "[strategy.until.0] labels: input should be a valid integer, not '5'",
        ),
        (
            'also = ["random"]',
            'until = [{plugin = "random", labels = 5}, {plugin = "toy-first", labels = 5}]',
            "[[strategy.until]] labels: two strategies have 5; each needs another number",
        ),
        (
            'also = ["random"]',
            'until = [{plugin = "rnadom", labels = 5}]',
            "[[strategy.until]]: no strategy is called 'rnadom'; did you mean 'random'",
        ),
        (
            'also = ["random"]',
            'then = {plugin = "toy-near"}\nalso = [{plugin = "toy-near", place = 2}]',
            "[strategy] also: 'toy-near' occurs twice with different parameters; ?strategy=toy-near could use only one",
        ),
    ],
)
def test_faults_are_described(tmp_path: Path, registry: Registry, old: str, new: str, reason: str) -> None:
    with pytest.raises(ProjectError) as caught:
        read_project("things", write(tmp_path, GOOD.replace(old, new)), registry)
    assert str(caught.value).startswith("project 'things' (things.toml)")
    assert reason in str(caught.value)


def test_a_strategy_may_have_a_parameter_labels(tmp_path: Path) -> None:
    """In [[strategy.until]], the key has another meaning."""

    @dataclass(frozen=True)
    class Parameters:
        labels: int = 3

    registry = load(candidates(*MODULES))
    offer = registry.strategies["toy-first"]
    registry.strategies["toy-first"] = Offer(replace(offer.record, parameters=Parameters), offer.source)
    table = 'plugin = "toy-first"\nlabels = 5'
    config = read_project("things", write(tmp_path, GOOD.replace('plugin = "margin"', table)), registry)
    assert config.strategy.parameters == {"labels": 5}
    early = GOOD.replace('also = ["random"]', 'until = [{plugin = "toy-first", labels = 5}]')
    with pytest.raises(ProjectError, match=r"\[\[strategy\.until\]\] labels: 'toy-first' has a parameter of that name"):
        read_project("things", write(tmp_path, early), registry)


def test_a_committee_has_a_table_for_each_member(tmp_path: Path, registry: Registry) -> None:
    members = '[[learner.members]]\nplugin = "toy-ridge"\n[[learner.members]]\nplugin = "cnn"\nepochs = 3\n'
    text = f'[dataset]\nplugin = "toy-blobs"\n{members}'
    learner = read_project("things", write(tmp_path, text), registry).learner
    assert [(member.plugin, member.parameters) for member in learner.members] == [
        ("toy-ridge", {}),
        ("cnn", {"epochs": 3}),
    ]
    assert (learner.plugin, learner.text) == ("committee", "committee of toy-ridge, cnn")


def test_all_faults_are_listed_at_once(tmp_path: Path, registry: Registry) -> None:
    text = GOOD.replace('plugin = "margin"', 'plugin = "x"').replace("size = 30", "size = -1")
    with pytest.raises(ProjectError) as caught:
        read_project("things", write(tmp_path, text), registry)
    assert "[strategy]" in str(caught.value)
    assert "[dataset]" in str(caught.value)


@pytest.mark.parametrize("name", ["Things", "a b", "-a", "a" * 64, "ä"])
def test_invalid_names(tmp_path: Path, registry: Registry, name: str) -> None:
    with pytest.raises(ProjectError, match="lower-case letters, digits and hyphens"):
        read_project(name, write(tmp_path), registry)


def test_a_file_that_is_not_text(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "things.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProjectError, match="cannot be read"):
        read_project("things", path, registry)


def test_an_invalid_file_does_not_affect_others(tmp_path: Path, registry: Registry) -> None:
    write(tmp_path)
    write(tmp_path, "seed = 1", "broken")
    projects = load_projects(registry, tmp_path)
    assert projects.get("things").title == "Things"
    with pytest.raises(ProjectError, match="dataset: field required"):
        projects.get("broken")
    with pytest.raises(NotFound, match=r"no project is called 'thing'; did you mean 'things'\? valid: .*digits, "):
        projects.get("thing")


def test_a_users_file_overrides_a_plugins_project(tmp_path: Path, registry: Registry) -> None:
    write(tmp_path, name="digits")
    assert load_projects(registry, tmp_path).get("digits").title == "Things"
    assert load_projects(registry, None).get("digits").title == "Digits"


def test_one_more_file_overrides_those_of_the_folder(tmp_path: Path, registry: Registry) -> None:
    write(tmp_path)
    (tmp_path / "other").mkdir()
    write(tmp_path / "other", GOOD.replace("Things", "Others"), "things")
    file = tmp_path / "other" / "things.toml"
    assert load_projects(registry, tmp_path, file).get("things").title == "Others"
    assert load_projects(registry, None, file).get("things").title == "Others"


def test_a_missing_folder(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(ProjectError, match="does not exist"):
        load_projects(registry, tmp_path / "nowhere")


DEEP, DEEPER, LONG = "[" * 300 + "]" * 300, "[" * 5000 + "]" * 5000, "3" * 5000


@pytest.mark.parametrize("value", [DEEP, DEEPER, LONG], ids=["deep", "deeper", "long"])
def test_values_that_parsers_cannot_handle_are_refused(tmp_path: Path, registry: Registry, value: str) -> None:
    """Deeply nested lists, and a number with thousands of digits."""
    path = write(tmp_path, GOOD.replace("size = 30", f"size = {value}"))
    with pytest.raises(ProjectError, match=r"^project 'things' "):
        read_project("things", path, registry)


def test_features_come_from_an_existing_project(tmp_path: Path, registry: Registry) -> None:
    for name, source in (("right", "things"), ("wrong", "thigns")):
        write(tmp_path, GOOD.replace('"toy-ridge"', f'"toy-ridge"\nfeatures = "checkpoint:{source}"'), name)
    write(tmp_path)
    projects = load_projects(registry, tmp_path)
    assert projects.get("right").learner.features_project() == "things"
    assert projects.get("things").learner.features_project() is None
    wrong = r"\[learner\] features: no project is called 'thigns'; did you mean 'things'\? valid: .*digits.*right, "
    with pytest.raises(ProjectError, match=wrong):
        projects.get("wrong")
    assert "wrong" not in projects.faults["wrong"].partition("valid: ")[2]


@pytest.mark.parametrize("table", ["features", "learner"])
def test_features_do_not_come_from_the_project_itself(tmp_path: Path, registry: Registry, table: str) -> None:
    """Neither directly nor through other projects; a project that uses one of the circle is no part of it."""

    for name, source in (("own", "own"), ("a", "b"), ("b", "c"), ("c", "a"), ("outside", "a"), ("right", "things")):
        written = f'"checkpoint:{source}"'
        if table == "learner":
            write(tmp_path, GOOD.replace('"toy-ridge"', f'"toy-ridge"\nfeatures = {written}'), name)
        else:
            write(tmp_path, f"{GOOD}\n[features]\nplugin = {written}\n", name)
    write(tmp_path)
    projects = load_projects(registry, tmp_path)
    assert set(projects.faults) == {"own", "a", "b", "c"}
    with pytest.raises(ProjectError, match=r"'own' \(own.toml\): its features come from itself: own -> own; name ano"):
        projects.get("own")
    with pytest.raises(ProjectError, match="a -> b -> c -> a"):
        projects.get("a")
    assert {"outside", "right"} <= set(projects.configs)


@dataclass(frozen=True)
class Range:
    low: int = 0
    high: int = 1

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")


class UnknownType:
    pass


@dataclass(frozen=True)
class Unsupported:
    low: UnknownType | None = None


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        (Range, r"things.toml\): \[learner\]: low is above high"),
        (Unsupported, r"things.toml\): \[learner\]: the parameters Unsupported cannot be read"),
    ],
)
def test_faulty_parameters_do_not_affect_other_projects(
    tmp_path: Path, plugged: Callable[..., Registry], parameters: type, reason: str
) -> None:
    write(tmp_path, GOOD.replace('"toy-ridge"', '"toy-ridge"\nlow = 2'))
    projects = load_projects(plugged(Ridge, parameters=parameters), tmp_path)
    assert projects.get("digits").title == "Digits"
    with pytest.raises(ProjectError, match=reason):
        projects.get("things")
