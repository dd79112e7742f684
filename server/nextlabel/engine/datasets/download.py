"""Downloads what a project reads: its data set, and the weights of its backbone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nextlabel.contracts.interfaces import Backbone, Dataset
from nextlabel.engine.plugins.parameters import build
from nextlabel.engine.plugins.registry import Registry, resolve
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.settings import Settings


@dataclass(frozen=True)
class Downloaded:
    """What a project has on this machine after a download."""

    project: str
    dataset: str | None
    """The data set; None if its plugin offers no download."""
    folder: Path
    """The folder of data sets."""
    backbone: str | None
    """The backbone; None if the project has none, or its plugin offers no download."""


def offers_download(registry: Registry, config: ProjectConfig) -> bool:
    """Return whether the project's data set can be downloaded."""
    return resolve(registry.dataset(config.dataset.plugin).target).download is not Dataset.download


def download(config: ProjectConfig, registry: Registry, settings: Settings) -> Downloaded:
    """Download what is missing of the project's data set and of its backbone's weights.

    Raises DatasetMissing, with the reason, if that fails.
    """
    folder = settings.data.absolute()
    record = registry.dataset(config.dataset.plugin)
    dataset: Dataset[object] = build(record, config.dataset.parameters, "[dataset]")
    dataset.download(folder)
    offers_backbone = False
    if config.features is not None and config.features.project() is None:
        backbone: Backbone[object] = build(
            registry.backbone(config.features.plugin), config.features.parameters, "[features]"
        )
        backbone.download()
        offers_backbone = type(backbone).download is not Backbone.download
    return Downloaded(
        project=config.name,
        dataset=config.dataset.plugin if offers_download(registry, config) else None,
        folder=folder,
        backbone=config.features.plugin if config.features is not None and offers_backbone else None,
    )
