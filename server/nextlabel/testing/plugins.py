"""Checks a whole module: its hooks and everything that they yield."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from nextlabel.contracts.errors import NextlabelError
from nextlabel.contracts.hookspecs import GROUP
from nextlabel.contracts.plugin_records import ProjectPlugin
from nextlabel.engine.plugins.registry import Candidate, Offer, Registry, installed, load
from nextlabel.engine.project_files import read_project
from nextlabel.testing.assertions import require
from nextlabel.testing.backbones import check_backbone
from nextlabel.testing.datasets import check_dataset
from nextlabel.testing.learners import check_learner
from nextlabel.testing.strategies import check_strategy

R = TypeVar("R")
HEAVY = ("torch", "torchvision", "sklearn", "tensorflow")
_LIGHT = """
import importlib, sys
module = importlib.import_module(sys.argv[1])
for name, hook in list(vars(module).items()):
    if name.startswith("nextlabel_") and callable(hook):
        list(hook())
print(*[heavy for heavy in sys.argv[2:] if heavy in sys.modules])
"""


def check_plugin(
    module: ModuleType,
    root: Path | None = None,
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    kinds: Mapping[str, Sequence[str]] | None = None,
    approximate: Collection[str] = (),
) -> None:
    """Check everything that the hooks of `module` yield.

    `parameters` and `kinds` are passed to the checks of the plugins with these names, and
    `approximate` names the strategies that may choose other items with prepared arrays than
    without; `root` is the folder of data sets.
    """
    parameters, kinds = parameters or {}, kinds or {}
    registry = _registry(module)
    strategies, learners = _own(registry.strategies, module), _own(registry.learners, module)
    backbones, datasets = _own(registry.backbones, module), _own(registry.datasets, module)
    projects = _own(registry.projects, module)
    require(
        strategies or learners or backbones or datasets or projects,
        f"{module.__name__} offers nothing; mark its hooks with @hookimpl",
    )
    if module.__spec__ is not None:
        check_light(module.__name__)
    for strategy in strategies:
        check_strategy(strategy, parameters.get(strategy.name), approximate=strategy.name in approximate)
    for learner in learners:
        check_learner(learner, parameters.get(learner.name), kinds=kinds.get(learner.name))
    for backbone in backbones:
        check_backbone(backbone, parameters.get(backbone.name))
    for dataset in datasets:
        check_dataset(dataset, root, parameters.get(dataset.name))
    for project in projects:
        check_project(project, registry)


def check_project(record: ProjectPlugin, registry: Registry | None = None) -> None:
    """Check a project file with the plugins in `registry`, or else with all installed plugins."""
    try:
        read_project(record.name, record.file, registry or load())
    except NextlabelError as error:
        raise AssertionError(str(error)) from error


def check_light(module: str) -> None:
    """Check, in a separate process, that the hooks of `module` import no slow library such as torch."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", _LIGHT, module, *HEAVY]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    require(result.returncode == 0, f"{module} cannot be imported by itself: {result.stderr.strip().splitlines()[-1:]}")
    loaded = result.stdout.split()
    require(
        not loaded,
        f"{module}'s hooks import {', '.join(loaded)}; give the class as 'module:Class', imported only when it is used",
    )


def _own(offers: Mapping[str, Offer[R]], module: ModuleType) -> list[R]:
    return [offer.record for offer in offers.values() if offer.source.module == module.__name__]


def _registry(module: ModuleType) -> Registry:
    entry = EntryPoint(module.__name__, module.__name__, GROUP)
    others = [candidate for candidate in installed() if candidate.entry.value != module.__name__]
    registry = load([Candidate(entry, "the plugin under test", "0"), *others])
    faults = [fault.message for fault in registry.faults if "the plugin under test" in fault.message]
    require(not faults, "; ".join(faults))
    return registry
