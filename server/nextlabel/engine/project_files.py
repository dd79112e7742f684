"""Project files: one TOML file names a data set, a learner, a strategy and their parameters."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nextlabel.contracts.errors import NotFound, PluginError, ProjectError, suggest
from nextlabel.engine.plugins.parameters import validate
from nextlabel.engine.plugins.registry import Registry

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Choice(BaseModel):
    """A plugin by name, with its parameters beside it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    plugin: str

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything beside `plugin`."""
        return dict(self.model_extra or {})


class StrategyChoice(Choice):
    """The strategy `/query` uses, and those kept ready beside it."""

    also: tuple[str, ...] = ()


class LearnerChoice(Choice):
    """The learner, and where it takes features from."""

    features: str | None = None
    """None, or "checkpoint:<project>": the embeddings of that project's live checkpoint."""

    def source(self) -> str | None:
        """Return the project that `features` names, or None; ProjectError where they are written otherwise."""
        if self.features is None:
            return None
        kind, _, project = self.features.partition(":")
        if kind != "checkpoint" or not project:
            raise ProjectError(f'[learner] features = {self.features!r}: say "checkpoint:<project>", or leave it out')
        return project


class Labels(_Table):
    """How labels come in."""

    initial: int = Field(0, ge=0, description="labels taken from the data set at the start, drawn by the seed")
    answers: int = Field(1, ge=1, description="how many different annotators each item is asked of")
    control: float = Field(0.0, ge=0, le=1, description="share of queries drawn from an order fixed at the start")
    holdout: float = Field(0.2, ge=0, lt=1, description="share of the items that is never trained on")
    holdout_max: int = Field(200, ge=0, description="full labels gathered on held-out items where none are known")
    lease: float | None = Field(
        None, gt=0, description="seconds an item stays with its annotator; the server's setting unless given"
    )


class Train(_Table):
    """When to train unasked."""

    every: int = Field(0, ge=0, description="train by itself after so many new labels; 0: only when asked")


class Stop(_Table):
    """When the project is done."""

    accuracy: float | None = Field(None, gt=0, le=1, description="hold-out accuracy to reach")
    labels: int | None = Field(None, ge=1, description="labels to spend")


class ProjectConfig(_Table):
    """One project file, checked."""

    name: str
    title: str
    seed: int = Field(0, ge=0, le=2**53)
    dataset: Choice
    learner: LearnerChoice
    strategy: StrategyChoice = StrategyChoice(plugin="random")
    labels: Labels = Labels()
    train: Train = Train()
    stop: Stop = Stop()
    automatic: bool = False
    """Train the first checkpoint unasked. The default project does so anyway."""


@dataclass(frozen=True)
class Projects:
    """All project files found, and what is wrong with those that cannot be used."""

    configs: Mapping[str, ProjectConfig]
    faults: Mapping[str, str]

    def get(self, name: str) -> ProjectConfig:
        """Return the project; ProjectError for a broken file, NotFound for no such project."""
        if name in self.faults:
            raise ProjectError(self.faults[name])
        if name not in self.configs:
            raise NotFound.name("project", name, self.configs)
        return self.configs[name]


def load_projects(registry: Registry, folder: Path | None) -> Projects:
    """Read the projects plugins bring and those in `folder`, whose files win over plugins'."""
    files = {name: offer.record.file for name, offer in registry.projects.items()}
    if folder is not None:
        if not folder.is_dir():
            raise ProjectError(f"the folder of projects {folder} does not exist")
        files.update({path.stem: path for path in sorted(folder.glob("*.toml"))})
    configs, faults = {}, {}
    for name, path in sorted(files.items()):
        try:
            configs[name] = read_project(name, path, registry, files)
        except ProjectError as error:
            faults[name] = str(error)
    return Projects(configs, faults)


def read_project(name: str, path: Path, registry: Registry, projects: Collection[str] | None = None) -> ProjectConfig:
    """Read and check one project file; ProjectError says everything that is wrong.

    `projects` are the names of all there are, for `features` to come from; None: they are not known.
    """
    where = f"project {name!r} ({path.name})"
    if not NAME.fullmatch(name):
        raise ProjectError(f"{where}: a project is named by lower-case letters, digits and hyphens, 63 at most")
    try:
        table = tomllib.loads(path.read_text("utf-8"))
        # as JSON, where a list is as good as a tuple: TOML has no other
        text = json.dumps({"title": name, **table, "name": name}, default=str)
    except (OSError, ValueError, RecursionError) as error:  # no TOML, a number too long, lists nested too deep
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
    """Raise ProjectError where the project names an unknown plugin, a wrong parameter or features from nowhere."""
    faults = []
    for part, get, choice in (
        ("dataset", registry.dataset, config.dataset),
        ("learner", registry.learner, config.learner),
        ("strategy", registry.strategy, config.strategy),
    ):
        try:
            validate(get(choice.plugin).parameters, choice.parameters, f"[{part}]")
        except (NotFound, ProjectError, PluginError) as error:
            faults.append(str(error) if isinstance(error, ProjectError) else f"[{part}]: {error}")
    for name in config.strategy.also:
        try:
            validate(registry.strategy(name).parameters, {}, name)  # it is asked by with none
        except (NotFound, ProjectError, PluginError) as error:
            faults.append(f"[strategy] also: {error}")
    try:
        source = config.learner.source()
        if source is not None and projects is not None and source not in projects:
            faults.append(f"[learner] features: {NotFound.name('project', source, projects)}")
    except ProjectError as error:
        faults.append(str(error))
    if faults:
        raise ProjectError(f"{where}: " + "; ".join(faults))


def _fault(fault: Any) -> str:
    said = f"{fault['msg'][0].lower()}{fault['msg'][1:]}"
    if not fault["loc"]:  # of the whole: lists nested deeper than they are read
        return said
    *parents, last = [str(part) for part in fault["loc"]]
    where = f"[{'.'.join(parents)}] {last}" if parents else last
    if fault["type"] == "extra_forbidden":
        tables: dict[str, type[BaseModel]] = {"labels": Labels, "train": Train, "stop": Stop}
        known = tables.get(parents[0], ProjectConfig) if parents else ProjectConfig
        return f"{where}: not a key here; {suggest(last, [key for key in known.model_fields if key != 'name'])}"
    got = "" if fault["type"] == "missing" else f", not {fault['input']!r}"
    return f"{where}: {said}{got}"


__all__ = ["Choice", "Labels", "ProjectConfig", "Projects", "load_projects", "read_project"]
