"""Reads the data set that a project file names."""

from __future__ import annotations

from nextlabel.contracts.data import Contents
from nextlabel.contracts.errors import DatasetMissing
from nextlabel.contracts.interfaces import Dataset
from nextlabel.engine.plugins.parameters import build
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.settings import Settings


def read_dataset(config: ProjectConfig, registry: Registry, settings: Settings) -> Contents:
    """Return the contents of a project's data set. Raises DatasetMissing if it is not on this machine."""
    record = registry.dataset(config.dataset.plugin)
    dataset: Dataset[object] = build(record, config.dataset.parameters, "[dataset]")
    try:
        return dataset.read(settings.data, config.seed)
    except DatasetMissing as missing:
        raise missing.of(config.name) from missing
