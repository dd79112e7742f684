"""Sources of features: a backbone, whose ONNX graph is written once, or another project's live checkpoint."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nextlabel.contracts.errors import PluginError, ProjectError
from nextlabel.contracts.interfaces import Backbone, Preprocessing
from nextlabel.engine.checkpoints.serialization import read_model
from nextlabel.engine.features.embedder import (
    Embedder,
    FeatureCard,
    ModelEmbedder,
    OnnxEmbedder,
    empty_content,
)
from nextlabel.engine.linked_features import feature_files
from nextlabel.engine.onnx_graphs import EMBEDDINGS, INPUT, prepend_preprocessing
from nextlabel.engine.plugins.parameters import as_given, build
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import FeaturesChoice
from nextlabel.store import checkpoints, projects
from nextlabel.store.atomic import new_file
from nextlabel.store.checkpoint_files import WEIGHTS
from nextlabel.store.checkpoints import CheckpointRow
from nextlabel.store.database import Database
from nextlabel.store.feature_files import NETWORK, FeatureFiles
from nextlabel.store.home import Home

_CARD = "source.json"
_IMAGE_RANK = 4
_NOT_IN_FOLDERS = re.compile(r"[^A-Za-z0-9_.-]|^[.-]")
"""Characters of a plugin's name that the name of its folder must not have."""


@dataclass(frozen=True)
class Sources:
    """Opens sources of features in one home folder."""

    database: Database
    home: Home
    registry: Registry

    def current(self, choice: FeaturesChoice) -> FeatureCard:
        """Return the card of the source that a project file names, and write its network if it is new.

        Call it in a job: a backbone may import torch. Raises ProjectError if the source cannot
        provide features, PluginError if a backbone breaks its contract.
        """
        project = choice.project()
        return self._backbone(choice.plugin, choice.parameters) if project is None else self._checkpoint(project)

    def restored(self, card: FeatureCard) -> FeatureCard:
        """Return a checkpoint's feature card, after writing its network if that is missing. Call it in a job.

        Raises ProjectError if the installed backbone is not the one that the checkpoint was trained on.
        """
        if card["checkpoint"] is None and not self._is_written(card["key"]):
            now = self._backbone(card["plugin"], card["parameters"])
            if now["key"] != card["key"]:
                raise ProjectError(
                    f"the backbone {card['plugin']!r} has version {now['version']}, but the checkpoint was trained on "
                    f"version {card['version']}, whose network is no longer in {self.home.features(card['key'])}; "
                    "train again"
                )
        else:
            self._write_card(card)
        return card

    def embedder(self, card: FeatureCard) -> Embedder:
        """Return the network of a source, which is loaded when it is first used."""
        if card["checkpoint"] is None:
            return OnnxEmbedder(card, self.home.features(card["key"]))
        return ModelEmbedder(card, lambda: read_model(self.home.at(card["folder"]), self.registry)[0])

    def files(self, card: FeatureCard) -> FeatureFiles:
        """Return the files with the features of a source."""
        return feature_files(self.home, card)

    def _is_written(self, key: str) -> bool:
        folder = self.home.features(key)
        return (folder / NETWORK).exists() and (folder / _CARD).exists()

    def _backbone(self, name: str, values: Mapping[str, Any]) -> FeatureCard:
        backbone: Backbone[object] = build(self.registry.backbone(name), values, "[features]")
        parameters = as_given(backbone.parameters)
        key = backbone_key(name, parameters, backbone.version)
        if self._is_written(key):
            return read_card(self.home, key)
        folder = self.home.features(key)
        described = {
            "plugin": name, "parameters": parameters, "version": backbone.version, "checkpoint": None, "key": key,
        }  # fmt: skip
        with new_file(folder / NETWORK, replace=True) as path:
            backbone.write_onnx(path)
            card = _probed({**described, **_input(path, name, backbone.preprocessing)}, path, backbone.preprocessing)
        self._write_card(card)
        return card

    def _checkpoint(self, project: str) -> FeatureCard:
        """Return the card of a project's live checkpoint as a source."""
        name = f"checkpoint:{project}"
        where = f'[features] plugin = "{name}"'
        with self.database.read() as connection:
            row = projects.get(connection, project)
            live = checkpoints.get(connection, project, row.live) if row and row.live else None
        if live is None:
            raise ProjectError(f"{where}: project {project!r} has no live checkpoint; train it first")
        if live.card["input"] is None:
            raise ProjectError(
                f"{where}: its model knows only the items of project {project!r}; "
                "name a project whose model predicts new content"
            )
        if live.card.get("features"):
            source = live.card["features"]["plugin"]
            raise ProjectError(f"{where}: its model takes features itself; name their source, {source!r}, instead")
        key = checkpoint_key(live)
        if (self.home.features(key) / _CARD).exists():
            return read_card(self.home, key)
        described = {
            "plugin": name, "parameters": {}, "version": live.name, "checkpoint": live.name, "folder": live.folder,
            "key": key, "input": live.card["input"], "crop": True,
        }  # fmt: skip
        outputs = self.embedder(described).embed([empty_content(described)])
        assert outputs.embeddings is not None
        card = {**described, "dimensions": outputs.embeddings.shape[1], "classes": 0}
        self._write_card(card)
        return card

    def _write_card(self, card: FeatureCard) -> None:
        path = self.home.features(card["key"]) / _CARD
        if not path.exists():
            with new_file(path, replace=True) as part:
                part.write_text(json.dumps(card, indent=2) + "\n", "utf-8")


def checkpoint_key(checkpoint: CheckpointRow) -> str:
    """Return the key of a checkpoint as a source of features."""
    return f"checkpoint-{checkpoint.project}-{checkpoint.name}-{checkpoint.card['sha256'][WEIGHTS][:16]}"


def backbone_key(name: str, parameters: Mapping[str, Any], version: str) -> str:
    """Return the key of a backbone as a source of features. It is a folder's name, whatever the backbone is called."""
    folder = _NOT_IN_FOLDERS.sub("_", name)
    # the name is in the hash if the folder's name does not have it
    identity = [parameters, version] if folder == name else [parameters, version, name]
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return f"{folder}-{digest[:16]}"


def read_card(home: Home, key: str) -> FeatureCard:
    """Return the card of a source whose network was written before."""
    card: FeatureCard = json.loads((home.features(key) / _CARD).read_text("utf-8"))
    return card


def _input(path: Path, name: str, preprocessing: Preprocessing | None) -> dict[str, Any]:
    """Return the card's entries about the content that a backbone's graph takes.

    Raises PluginError if its inputs or outputs have other names or shapes than the contract's.
    """
    import onnx  # noqa: PLC0415 - only a job that prepares a backbone needs it

    graph = onnx.load(path).graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = {value.name: value.type.tensor_type for value in graph.input if value.name not in weights}
    outputs = {output.name for output in graph.output}
    if set(inputs) != {INPUT} or EMBEDDINGS not in outputs or not outputs <= {EMBEDDINGS, "probabilities"}:
        raise PluginError(
            f"the graph of backbone {name!r} takes {', '.join(inputs)} and returns {', '.join(sorted(outputs))}; "
            "it must take input, and return embeddings and perhaps probabilities"
        )
    sides = [side.dim_value for side in inputs[INPUT].shape.dim]
    if preprocessing is not None:
        if len(sides) != _IMAGE_RANK:
            raise PluginError(
                f"the input of backbone {name!r} must be (n, 3, height, width), for it has a preprocessing"
            )
        image = {"kind": "image", "height": preprocessing.size, "width": preprocessing.size, "channels": 3}
        return {"input": image, "crop": preprocessing.crop}
    if len(sides) != 2 or not sides[1]:  # noqa: PLR2004 - (n, d)
        raise PluginError(f"the input of backbone {name!r} must be (n, d) with a fixed d: it has no preprocessing")
    return {"input": {"kind": "vector", "dimensions": sides[1]}, "crop": True}


def _probed(card: dict[str, Any], path: Path, preprocessing: Preprocessing | None) -> FeatureCard:
    """Return the card with the sizes of the outputs, which the graph in `path` returns for one content of zeros."""
    if preprocessing is not None:
        prepend_preprocessing(path, preprocessing)
    try:
        outputs = OnnxEmbedder(card, path.parent).embed([empty_content(card)])
    except PluginError:
        raise
    except Exception as error:  # ONNX Runtime has no common base class
        raise PluginError(f"the graph of backbone {card['plugin']!r} cannot be run: {error}") from error
    assert outputs.embeddings is not None
    shapes = {name: array.shape for name, array in vars(outputs).items() if array is not None}
    if any(len(shape) != 2 or shape[0] != 1 for shape in shapes.values()):  # noqa: PLR2004 - (n, D)
        raise PluginError(f"the outputs of backbone {card['plugin']!r} must be (n, D) and (n, B); for n = 1: {shapes}")
    classes = 0 if outputs.probabilities is None else outputs.probabilities.shape[1]
    return {**card, "dimensions": outputs.embeddings.shape[1], "classes": classes}
