"""Reads project files: TOML files with a data set, a learner, a strategy and their parameters."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from nextlabel.contracts.errors import NotFound, PluginError, ProjectError, suggest
from nextlabel.contracts.plugin_records import Record
from nextlabel.engine.plugins.parameters import validate
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.plugins.validate_records import has_parameter

COMMITTEE = "committee"
"""The name of a learner that consists of other learners."""
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class PluginChoice(BaseModel):
    """A table with a plugin's name and its parameters."""

    model_config = ConfigDict(frozen=True, extra="allow")

    plugin: str

    @property
    def parameters(self) -> dict[str, Any]:
        """All keys except those that the table itself defines."""
        return dict(self.model_extra or {})


class EarlyStrategy(PluginChoice):
    """A strategy that is used until the project has enough labels: a table [[strategy.until]]."""

    labels: int = Field(
        ge=1, strict=True, description="number of labelled items outside the hold-out until which it is used"
    )


class StrategyChoice(PluginChoice):
    """The strategy that `/query` uses, its compositions, and further strategies to prepare scores for."""

    until: tuple[EarlyStrategy, ...] = ()
    """Strategies that are used before this one, the one with the fewest `labels` first."""
    size: int = Field(10, ge=1, strict=True, description="number of items in a query that names no size")
    then: PluginChoice | None = None
    """Chooses among the items that this one keeps; None if this one chooses itself."""
    keep: int = Field(
        10, ge=1, strict=True, description="how many times the size of a query this strategy keeps for `then`"
    )
    also: tuple[PluginChoice, ...] = ()
    """Further strategies for `?strategy=`, whose scores are computed after each training as well."""

    @field_validator("also", mode="before")
    @classmethod
    def _names_to_tables(cls, also: Any) -> Any:
        """Return a name alone as a table without parameters."""
        if not isinstance(also, list | tuple):
            return also
        return [{"plugin": entry} if isinstance(entry, str) else entry for entry in also]

    @property
    def every(self) -> tuple[PluginChoice, ...]:
        """All strategies in the table, this one first."""
        return (self, *(() if self.then is None else (self.then,)), *self.until, *self.also)

    def named(self, name: str) -> PluginChoice:
        """Return the first strategy in the table called `name`, with its parameters; one without any if none is."""
        return next((choice for choice in self.every if choice.plugin == name), PluginChoice(plugin=name))


class LearnerChoice(PluginChoice):
    """The learner, and the source of its features."""

    plugin: str = COMMITTEE
    members: tuple[PluginChoice, ...] = ()
    """The learners of a committee, which the engine trains one after the other; then `plugin` is left out."""
    features: str | None = None
    """None, or "checkpoint:<project>" for the embeddings of that project's live checkpoint."""

    @property
    def text(self) -> str:
        """The learner in words: "cnn", or "committee of cnn, cnn, proden"."""
        return f"{COMMITTEE} of {', '.join(member.plugin for member in self.members)}" if self.members else self.plugin

    def features_project(self) -> str | None:
        """Return the project in `features`, or None; raises ProjectError if `features` has another form."""
        if self.features is None:
            return None
        kind, _, project = self.features.partition(":")
        if kind != "checkpoint" or not project:
            raise ProjectError(f'[learner] features = {self.features!r}: write "checkpoint:<project>", or leave it out')
        return project


class FeaturesChoice(PluginChoice):
    """The [features] table: a backbone, or "checkpoint:<project>", whose embeddings the items become."""

    def project(self) -> str | None:
        """Return the project of "checkpoint:<project>", or None for a backbone."""
        kind, _, project = self.plugin.partition(":")
        return project if kind == "checkpoint" and project else None


class Labels(_Table):
    """The [labels] table: how labels are collected."""

    initial: int = Field(0, ge=0, description="labels used from the data set at the start, drawn by the seed")
    answers: int = Field(1, ge=1, description="number of different annotators who label each item")
    control: float = Field(
        0.0, ge=0, le=1, description="share of queried items that come from a random order fixed at the start"
    )
    holdout: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="share of the items that is never used for training; 0: none, and each new checkpoint goes live",
    )
    holdout_max: int = Field(
        200, ge=0, description="full labels to collect for held-out items if the data set knows none"
    )
    lease: float | None = Field(
        None,
        gt=0,
        description="seconds that a queried item is reserved for its annotator; the server's setting if left out",
    )


class Train(_Table):
    """The [train] table: when to train automatically."""

    every: int = Field(0, ge=0, description="train automatically after this many new labels; 0: only on request")


class Stop(_Table):
    """The [stop] table: when the project is finished."""

    accuracy: float | None = Field(None, gt=0, le=1, description="hold-out accuracy to reach")
    rmse: float | None = Field(None, gt=0, description="hold-out root mean square error to reach, for regression")
    labels: int | None = Field(None, ge=1, description="number of labels to collect")


class Simulate(_Table):
    """The [simulate] table: what `nextlabel simulate` does if its options do not say otherwise."""

    start: int | None = Field(None, ge=0, description="labels at the start; `[labels] initial` if left out")
    size: int | None = Field(None, ge=1, description="labels per round; `[strategy] size` if left out")
    rounds: int = Field(10, ge=0, description="rounds of labels and training")


class ProjectConfig(_Table):
    """A validated project file."""

    name: str
    title: str
    seed: int = Field(0, ge=0, le=2**53)
    dataset: PluginChoice
    learner: LearnerChoice
    strategy: StrategyChoice = StrategyChoice(plugin="random")
    features: FeaturesChoice | None = None
    labels: Labels = Labels()
    train: Train = Train()
    stop: Stop = Stop()
    simulate: Simulate = Simulate()
    automatic: bool = False
    """Whether to train the first checkpoint automatically; the default project always does."""

    def sources(self) -> list[str]:
        """Return the projects whose embeddings this one uses; raises ProjectError if `features` has another form."""
        both = [self.learner.features_project(), self.features.project() if self.features else None]
        return [source for source in both if source is not None]


@dataclass(frozen=True)
class Projects:
    """All project files, and the errors of those that cannot be used."""

    configs: Mapping[str, ProjectConfig]
    faults: Mapping[str, str]
    files: Mapping[str, Path] = field(default_factory=dict)
    """The file of each name, if they were read from files."""

    def get(self, name: str) -> ProjectConfig:
        """Return the project; raises ProjectError for an invalid file and NotFound for an unknown name."""
        if name in self.faults:
            raise ProjectError(self.faults[name])
        if name not in self.configs:
            raise NotFound.name("project", name, self.configs)
        return self.configs[name]

    @property
    def names(self) -> set[str]:
        """The names of all projects, also of those whose file cannot be used."""
        return {*self.configs, *self.faults}


def load_projects(registry: Registry, folder: Path | None, file: Path | None = None) -> Projects:
    """Read the projects of plugins and those in `folder`, which override plugins' projects of the same name.

    `file` is one more project file, which overrides both.
    """
    files = {name: offer.record.file for name, offer in registry.projects.items()}
    if folder is not None:
        if not folder.is_dir():
            raise ProjectError(f"the projects folder {folder} does not exist")
        files.update({path.stem: path for path in sorted(folder.glob("*.toml"))})
    if file is not None:
        files[file.stem] = file
    configs, faults = {}, {}
    for name, path in sorted(files.items()):
        try:
            configs[name] = read_project(name, path, registry, files)
        except ProjectError as error:
            faults[name] = str(error)
    for name in configs:
        if circle := _circle(configs, name):
            where = f"project {name!r} ({files[name].name})"
            faults[name] = f"{where}: its features come from itself: {' -> '.join(circle)}; name another project"
    return Projects({name: config for name, config in configs.items() if name not in faults}, faults, files)


def _circle(configs: Mapping[str, ProjectConfig], start: str) -> list[str]:
    """Return the projects on a way from `start` back to it, along their sources of features; [] if there is none."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        for source in configs[way[-1]].sources() if way[-1] in configs else ():
            if source == start:
                return [*way, start]
            if source not in seen:
                seen.add(source)
                ways.append([*way, source])
    return []


def read_project(name: str, path: Path, registry: Registry, projects: Collection[str] | None = None) -> ProjectConfig:
    """Read and validate one project file; raises ProjectError that lists every fault.

    `projects` has the names of all projects, to check the source of `features`; None skips this check.
    """
    where = f"project {name!r} ({path.name})"
    if not NAME.fullmatch(name):
        raise ProjectError(f"{where}: a project's name must be lower-case letters, digits and hyphens, at most 63")
    try:
        table = tomllib.loads(path.read_text("utf-8"))
        # validated as JSON, where a list is accepted for a tuple: TOML has only lists
        text = json.dumps({"title": name, **table, "name": name}, default=str)
    except (OSError, ValueError, RecursionError) as error:  # invalid TOML, a number too long, lists nested too deep
        raise ProjectError(f"{where} cannot be read: {error}") from None
    try:
        config = ProjectConfig.model_validate_json(text)
    except ValidationError as error:
        raise ProjectError(f"{where}: " + "; ".join(_fault(fault) for fault in error.errors())) from None
    check_plugins(config, registry, where, projects)
    return config


def check_plugins(
    config: ProjectConfig, registry: Registry, where: str, projects: Collection[str] | None = None
) -> None:
    """Raise ProjectError for unknown plugins, invalid parameters and an unknown source of features."""
    faults = [
        *_learner_faults(config.learner),
        *_plugin_faults(config, registry),
        *_composition_faults(config.strategy),
        *_source_faults(config, projects),
    ]
    if faults:
        raise ProjectError(f"{where}: " + "; ".join(faults))


def _plugin_faults(config: ProjectConfig, registry: Registry) -> Iterator[str]:
    """Yield unknown plugins and invalid parameters."""
    strategy, learner, features = config.strategy, config.learner, config.features
    has_learner = learner.plugin != COMMITTEE and not learner.members
    choices: list[tuple[str, Callable[[str], Record[Any]], Iterable[PluginChoice]]] = [
        ("[dataset]", registry.dataset, [config.dataset]),
        ("[strategy]", registry.strategy, [strategy]),
        ("[strategy] then", registry.strategy, [strategy.then] if strategy.then else []),
        ("[[strategy.until]]", registry.strategy, strategy.until),
        ("[strategy] also", registry.strategy, strategy.also),
        ("[[learner.members]]", registry.learner, learner.members),
        ("[learner]", registry.learner, [learner] if has_learner else []),
        ("[features]", registry.backbone, [features] if features and features.project() is None else []),
    ]
    for where, get, table in choices:
        for choice in table:
            try:
                record = get(choice.plugin)
                if isinstance(choice, EarlyStrategy) and has_parameter(record, "labels"):
                    yield f"{where} labels: {choice.plugin!r} has a parameter of that name, so it cannot be used here"
                    continue
                validate(record.parameters, choice.parameters, where)
            except ProjectError as error:
                yield str(error)
            except (NotFound, PluginError) as error:
                yield f"{where}: {error}"


def _learner_faults(learner: LearnerChoice) -> Iterator[str]:
    if learner.members and learner.plugin != COMMITTEE:
        yield "[learner] has both plugin and members; a committee has members only"
    elif learner.plugin == COMMITTEE and not learner.members:
        yield "[learner] plugin: field required, or [[learner.members]] for a committee"
    elif learner.members and learner.parameters:
        yield f"[learner] {', '.join(learner.parameters)}: a committee has no parameters; set them in its members"


def _composition_faults(strategy: StrategyChoice) -> Iterator[str]:
    if strategy.then is None and "keep" in strategy.model_fields_set:
        yield "[strategy] keep: there is no strategy in `then` to choose among the items that are kept"
    limits = [early.labels for early in strategy.until]
    for labels in sorted({labels for labels in limits if limits.count(labels) > 1}):
        yield f"[[strategy.until]] labels: two strategies have {labels}; each needs another number"
    for choice in strategy.also:
        if strategy.named(choice.plugin).parameters != choice.parameters:
            yield (
                f"[strategy] also: {choice.plugin!r} occurs twice with different parameters; "
                f"?strategy={choice.plugin} could use only one of them"
            )


def _source_faults(config: ProjectConfig, projects: Collection[str] | None) -> Iterator[str]:
    """Yield unknown projects whose embeddings this project uses; None skips this check."""
    features = config.features.project() if config.features else None
    try:
        sources = {"[learner] features": config.learner.features_project(), "[features] plugin": features}
    except ProjectError as error:
        yield str(error)
        return
    for where, source in sources.items():
        if source is not None and projects is not None and source not in projects:
            yield f"{where}: {NotFound.name('project', source, set(projects) - {config.name})}"


def _fault(fault: Any) -> str:
    message = f"{fault['msg'][0].lower()}{fault['msg'][1:]}"
    if not fault["loc"]:  # about the whole file: lists nested too deep for the parser
        return message
    *parents, last = [str(part) for part in fault["loc"]]
    where = f"[{'.'.join(parents)}] {last}" if parents else last
    if fault["type"] == "extra_forbidden":
        tables: dict[str, type[BaseModel]] = {
            "labels": Labels,
            "train": Train,
            "stop": Stop,
            "simulate": Simulate,
        }
        known = tables.get(parents[0], ProjectConfig) if parents else ProjectConfig
        return f"{where}: unknown key; {suggest(last, [key for key in known.model_fields if key != 'name'])}"
    actual = "" if fault["type"] == "missing" else f", not {fault['input']!r}"
    return f"{where}: {message}{actual}"


__all__ = ["Labels", "PluginChoice", "ProjectConfig", "Projects", "load_projects", "read_project"]
