"""The features in a scoring: a link to the files of their source, so that they are never written again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nextlabel.contracts.errors import Gone
from nextlabel.engine.feature_items import OwnClasses, StoredRows
from nextlabel.store.feature_files import NETWORK, FeatureFiles
from nextlabel.store.home import Home

_LINK = "features.json"


def write_link(folder: Path, features: Mapping[str, Any], pool: str) -> None:
    """Write to the folder of a scoring which source and which of its pools it uses; `features` is the source's card."""
    names = ("plugin", "parameters", "key", "dimensions", "classes")
    link = {**{name: features[name] for name in names}, "pool": pool}
    (folder / _LINK).write_text(json.dumps(link) + "\n", "utf-8")


def read_link(folder: Path) -> Mapping[str, Any]:
    """Return the link in the folder of a scoring. Raises FileNotFoundError if there is none."""
    link: Mapping[str, Any] = json.loads((folder / _LINK).read_text("utf-8"))
    return link


def feature_files(home: Home, source: Mapping[str, Any]) -> FeatureFiles:
    """Return the files with the features of a source, which a link or the source's card describes."""
    return FeatureFiles(home.features(source["key"]), source["dimensions"], source["classes"])


def lacks_network(home: Home, card: Mapping[str, Any]) -> bool:
    """Return whether a checkpoint with this card takes features of a backbone whose network is not on disk."""
    source = card.get("features")
    if source is None or source["checkpoint"] is not None:
        return False
    return not (home.features(source["key"]) / NETWORK).exists()


def linked_arrays(home: Home, folder: Path, rows: int) -> dict[str, StoredRows]:
    """Return the features of the first `rows` items by name: embeddings, and the source's own probabilities if any.

    Empty if the scoring has no link. Raises FileNotFoundError if the features are missing.
    """
    if not (folder / _LINK).exists():
        return {}
    link = read_link(folder)
    try:
        stored = feature_files(home, link).read(link["pool"])
    except Gone as error:
        raise FileNotFoundError(str(error)) from error
    if len(stored.rows) < rows:
        raise FileNotFoundError(f"the features of {rows - len(stored.rows)} items are missing")
    arrays = {"embeddings": StoredRows(stored.embeddings, stored.rows[:rows])}
    if stored.probabilities is not None:
        arrays["probabilities"] = OwnClasses(stored.probabilities, stored.rows[:rows])
    return arrays
