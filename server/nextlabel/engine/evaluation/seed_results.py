"""The results of trainings with several seeds: one line of JSON each, so that long runs can be spread over days."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from math import isfinite
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from pydantic_core import to_json

from nextlabel.contracts.errors import Unprocessable
from nextlabel.contracts.plugin_records import Record
from nextlabel.engine.plugins.parameters import as_given, validate
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import PluginChoice, ProjectConfig
from nextlabel.store.atomic import make_folder


@dataclass(frozen=True)
class SeedResult:
    """One training from nothing, and how good its model is."""

    project: str
    parameters: Mapping[str, Any]
    """The tables of the project file that the training depends on, defaults included."""
    seed: int
    version: str
    """Version of nextlabel."""
    commit: str | None
    """Commit of the checkout, with `-dirty` if its code differs from it; None if there is no checkout."""
    steps: int | None
    """Updates of the weights; None if the learner reports none. So are the epochs and the precision."""
    epochs: int | None
    seconds: float
    """Seconds of the training and the evaluation, those of interrupted attempts included."""
    threads: int
    precision: str | None
    """`bfloat16` or `float32`."""
    metrics: Mapping[str, float]
    """On the hold-out, and with the prefix `test_` on the data set's own test split."""

    @property
    def key(self) -> tuple[Any, ...]:
        """What a result must share with a planned training to replace it."""
        return self.project, self.parameters, self.version, self.seed


def trained_with(config: ProjectConfig, registry: Registry) -> dict[str, Any]:
    """Return the tables of a project file that a training from nothing depends on, defaults included, as plain JSON."""

    def table(choice: PluginChoice, get: Callable[[str], Record[Any]]) -> dict[str, Any]:
        parameters = validate(get(choice.plugin).parameters, choice.parameters, choice.plugin)
        return choice.model_dump(mode="json") | as_given(parameters)

    learner, features = config.learner, config.features
    members = [table(member, registry.learner) for member in learner.members]
    return {
        "dataset": table(config.dataset, registry.dataset),
        "features": table(features, registry.backbone) if features else None,
        "learner": learner.model_dump() | {"members": members} if members else table(learner, registry.learner),
        "labels": config.labels.model_dump(),
    }


def read_results(path: Path) -> list[SeedResult]:
    """Return the results in a file, none if it is missing. Raises Unprocessable for a line that is no result."""
    if not path.exists():
        return []
    names = {field.name for field in fields(SeedResult)}
    results = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            values = json.loads(line)
        except ValueError:
            values = None
        if not isinstance(values, dict) or values.keys() != names:
            raise Unprocessable(f"{path}, line {number} is not the result of a seed; repair the line, or remove it")
        results.append(SeedResult(**values))
    return results


def append_result(path: Path, result: SeedResult) -> None:
    """Add a result to a file, which is created if it is missing. It is on disk when this returns."""
    make_folder(path.absolute().parent)
    with path.open("ab") as file:
        file.write(to_json(asdict(result), inf_nan_mode="null") + b"\n")
        file.flush()
        os.fsync(file.fileno())


def spreads(results: Sequence[SeedResult]) -> dict[str, dict[str, float]]:
    """Return the `mean` and the sample standard deviation `sd` of each metric that is a number in all results.

    `sd` is 0 for one result. A loss may be infinite or no number, which a file of results has as null.
    """
    found = {}
    for name in results[0].metrics:
        values = [value for result in results if (value := result.metrics.get(name)) is not None and isfinite(value)]
        if len(values) == len(results):
            found[name] = {"mean": fmean(values), "sd": stdev(values) if len(values) > 1 else 0.0}
    return found
