"""Cora, on a small stand-in: as PyTorch Geometric reads it, missing, altered and downloaded."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.geometric import require_geometric
from support.planetoid import CLASSES, REST, TEST, TRAIN, checksums, create_cora

from nextlabel.contracts import Contents, GraphItems
from nextlabel.contracts.errors import DatasetMissing, PluginError
from nextlabel.engine.plugins.parameters import describe
from nextlabel.engine.plugins.registry import Registry
from nextlabel.testing import check_dataset
from nextlabel_plugins.datasets import cora
from nextlabel_plugins.datasets.cora import Cora, CoraParameters
from nextlabel_plugins.geometric import load_geometric

require_geometric()
Read = Callable[..., Contents]
GET_IT = "download it with `nextlabel download PROJECT`, or set NEXTLABEL_DATA to the folder that holds Cora"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the stand-in, which counts as the published files."""
    folder = create_cora(tmp_path)
    monkeypatch.setattr(cora, "CHECKSUMS", checksums(folder))
    return folder


def error_message(read: Read, root: Path) -> str:
    with pytest.raises(DatasetMissing) as error:
        read("cora", root)
    return str(error.value)


def test_the_graph_and_its_public_split(read: Read, folder: Path, tmp_path: Path) -> None:
    contents = read("cora", tmp_path)
    nodes = TRAIN + REST + TEST
    assert contents.ids == [str(node) for node in range(nodes)]
    assert len(contents.classes) == CLASSES
    np.testing.assert_array_equal(contents.truth, np.arange(nodes) % CLASSES)
    np.testing.assert_array_equal(contents.initial, np.arange(TRAIN))
    np.testing.assert_array_equal(contents.holdout, np.arange(TRAIN + REST, nodes))
    assert contents.test is None
    graph = contents.content
    assert isinstance(graph, GraphItems)
    np.testing.assert_array_equal(graph.features.argmax(axis=1), contents.truth)
    # each edge in both directions, and once
    assert graph.edges.shape == (2, 2 * (nodes - CLASSES))
    assert {int(distance) for distance in graph.edges[1] - graph.edges[0]} == {-CLASSES, CLASSES}
    assert sorted(path.name for path in folder.parent.iterdir()) == ["raw"]  # nothing is stored beside the files


def test_the_first_labels_may_be_drawn_instead(read: Read, folder: Path, tmp_path: Path) -> None:
    assert read("cora", tmp_path, public_labels=False).initial is None


def test_its_parameter_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "datasets.md").read_text("utf-8")
    for name, schema in describe(CoraParameters)["properties"].items():
        assert f"| `{name}` | {str(schema['default']).lower()} | {schema['description']} |\n" in text


def test_it_passes_its_checks(registry: Registry, folder: Path, tmp_path: Path) -> None:
    check_dataset(registry.dataset("cora"), tmp_path)


def test_a_missing_file_is_named(read: Read, folder: Path, tmp_path: Path) -> None:
    (folder / "ind.cora.graph").unlink()
    assert error_message(read, tmp_path) == f"Cora: {folder}/ind.cora.graph is missing; {GET_IT}"


class Trap:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, ("trapped",)


def test_an_altered_file_is_named_and_not_unpickled(
    read: Read, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    altered = folder / "ind.cora.ally"
    altered.write_bytes(pickle.dumps(Trap()))
    reason = "is damaged (its SHA-256 is not that of the published file)"
    assert error_message(read, tmp_path) == f"Cora: {altered} {reason}; {GET_IT}"
    assert not Path("trapped").exists()


def test_a_file_that_is_replaced_after_its_check_is_not_unpickled(
    read: Read, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def replace(user: str) -> None:
        (folder / "ind.cora.ally").write_bytes(pickle.dumps(Trap()))
        load_geometric(user)

    monkeypatch.setattr(cora, "load_geometric", replace)
    assert len(read("cora", tmp_path).ids) == TRAIN + REST + TEST
    assert not Path("trapped").exists()


def test_what_the_library_stored_is_not_trusted(read: Read, folder: Path, tmp_path: Path) -> None:
    (folder.parent / "processed").mkdir()
    (folder.parent / "processed" / "data.pt").write_bytes(b"not a graph")
    assert len(read("cora", tmp_path).ids) == TRAIN + REST + TEST


def test_without_the_library(read: Read, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_geometric", None)
    message = r"^the data set `cora` needs PyTorch Geometric: pip install 'nextlabel\[graph\]'$"
    with pytest.raises(PluginError, match=message):
        read("cora", tmp_path)
    with pytest.raises(PluginError, match=message):
        Cora(CoraParameters()).download(tmp_path / "elsewhere")


@pytest.fixture
def published(folder: Path, server: str, server_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Offer the files for download; return the server's folder."""
    load_geometric("test")
    from torch_geometric.datasets import Planetoid

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(Planetoid, "url", server)
    for path in folder.iterdir():
        (server_folder / path.name).write_bytes(path.read_bytes())
    return server_folder


def test_it_is_downloaded_once(read: Read, published: Path, tmp_path: Path) -> None:
    root = tmp_path / "new" / "data"
    (root / "Cora" / "raw").mkdir(parents=True)
    (root / "Cora" / "raw" / "ind.cora.x").write_bytes(b"damaged")
    Cora(CoraParameters()).download(root)
    assert [path.name for path in root.iterdir()] == ["Cora"]
    assert read("cora", root).ids == read("cora", tmp_path).ids
    for path in published.iterdir():
        path.unlink()
    Cora(CoraParameters()).download(root)


@pytest.mark.parametrize("damage", ["missing", "other"])
def test_a_failed_download_leaves_no_files(published: Path, tmp_path: Path, damage: str) -> None:
    file = published / "ind.cora.test.index"
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(b"<html>try again later</html>")
    reason = "HTTP Error 404" if damage == "missing" else "http://.*/ind.cora.test.index is damaged"
    by_hand = "or get .*ind.cora.test.index, .* from http://127.0.0.1:.* and put them into .*/data/Cora/raw$"
    with pytest.raises(DatasetMissing, match=f"^Cora cannot be downloaded to .*/Cora/raw: {reason}.*; .*{by_hand}"):
        Cora(CoraParameters()).download(tmp_path / "data")
    assert not list((tmp_path / "data").iterdir())
