"""Cora: 2,708 papers on machine learning in 7 classes, the nodes of a graph whose edges are citations.

Sen et al., "Collective classification in network data", AI Magazine 2008, with the split of Yang, Cohen and
Salakhutdinov, "Revisiting semi-supervised learning with graph embeddings", ICML 2016 (Planetoid). A feature is 1 if its
word occurs in the paper; the files do not name the words.
"""

from __future__ import annotations

import hashlib
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np

from nextlabel.contracts import Contents, Dataset, GraphItems
from nextlabel.contracts.errors import DatasetMissing
from nextlabel_plugins.datasets.torchvision_source import DOWNLOAD_ERRORS, one_line, socket_timeout
from nextlabel_plugins.geometric import load_geometric

FOLDER = Path("Cora", "raw")
"""The folder of PyTorch Geometric's `Planetoid` below the folder of data sets."""
CLASSES = (
    "Theory",
    "Reinforcement Learning",
    "Genetic Algorithms",
    "Neural Networks",
    "Probabilistic Methods",
    "Case Based",
    "Rule Learning",
)
CHECKSUMS = {
    "ind.cora.x": "23cfa55d91c6f624233f5eb7b6e3f141f1bd2b2ae39608a63cf5d084bb27baab",
    "ind.cora.tx": "b9afbaa4a400df991f6f02ef677e1e44da55ffc04801fd02f9e673987829226a",
    "ind.cora.allx": "9419ba2f26f5c35243db64aba110e0f35a04851609e0dc5433450676ca6b8543",
    "ind.cora.y": "94465c14eb53e04ca262198dcbb2521ee8af60fb3f3d546cd6ca24a511b0e7d1",
    "ind.cora.ty": "41f5ac76596a1699cc33f53084a2419e92961c42bb75f36fc38e616d348532ad",
    "ind.cora.ally": "2b998f5cc7fedc86e7f97ca2498f47a1ffc1462c29e2d578b23bf3f62b6e7d71",
    "ind.cora.graph": "58f13302f39dde8852dad6fe6d15b89b077b6d7f837626bce671ef80344b383d",
    "ind.cora.test.index": "297ce89af2b51a6a194181c7dbe1796c6a1cf9cd9349a88383b1b1e227867875",
}
"""The SHA-256 of each published file. All but the last are pickles, which run code when they are read."""


@dataclass(frozen=True)
class CoraParameters:
    """Parameters of `cora`."""

    public_labels: Annotated[
        bool, "start with the 140 labels of the public split; else `[labels] initial` labels are drawn"
    ] = True


class Cora(Dataset[CoraParameters]):
    """The graph with its public split: the 1,000 test nodes are the hold-out; the validation nodes stay in the pool."""

    def read(self, root: Path | None, seed: int) -> Contents:  # noqa: ARG002 - nothing is random
        """Read the graph with PyTorch Geometric; an item's id is the node's number, from "0".

        Raises DatasetMissing if a file is missing or is not the published one, PluginError without that library.
        """
        assert root is not None
        folder = root / FOLDER
        try:
            files = _published_files(folder)
        except _Unusable as fault:
            raise DatasetMissing(
                f"Cora: {folder}/{fault}; download it with `nextlabel download PROJECT`, or set NEXTLABEL_DATA to "
                "the folder that holds Cora"
            ) from None
        load_geometric("data set `cora`")
        from torch_geometric.io import read_planetoid_data  # noqa: PLC0415 - the import takes seconds

        # not the class Planetoid, which stores what it has read as one more pickle, and trusts that the next time
        with TemporaryDirectory() as checked, warnings.catch_warnings():  # the function adds a filter
            # a file in `folder` may be replaced after its checksum was computed
            for name, content in files.items():
                Path(checked, name).write_bytes(content)
            graph = read_planetoid_data(checked, "cora")
        return Contents(
            ids=[str(node) for node in range(len(graph.y))],
            content=GraphItems(graph.x.numpy(), graph.edge_index.numpy()),
            classes=CLASSES,
            truth=graph.y.numpy(),
            initial=np.flatnonzero(graph.train_mask.numpy()) if self.parameters.public_labels else None,
            holdout=np.flatnonzero(graph.test_mask.numpy()),
        )

    def download(self, root: Path) -> None:
        """Download the files that PyTorch Geometric downloads. Raises DatasetMissing if that fails."""
        with suppress(_Unusable):
            _published_files(root / FOLDER)
            return
        load_geometric("data set `cora`")
        try:
            _download(root)
        except DOWNLOAD_ERRORS as error:
            from torch_geometric.datasets import Planetoid  # noqa: PLC0415 - the import takes seconds

            raise DatasetMissing(
                f"Cora cannot be downloaded to {root / FOLDER}: {one_line(error)}; connect to a network, "
                f"or get {', '.join(CHECKSUMS)} from {Planetoid.url} and put them into {root / FOLDER}"
            ) from error


class _Unusable(Exception):
    """A file is missing or not the published one; the message names it."""


def _published_files(folder: Path) -> dict[str, bytes]:
    """Return the content of each file by name.

    Raises _Unusable if one is missing or not the published one, and DatasetMissing if one cannot be read.
    """
    files = {}
    for name, checksum in CHECKSUMS.items():
        try:
            content = (folder / name).read_bytes()
        except FileNotFoundError:
            raise _Unusable(f"{name} is missing") from None
        except OSError as error:
            raise DatasetMissing(f"Cora cannot be read: {error}") from error
        if hashlib.sha256(content).hexdigest() != checksum:
            raise _Unusable(f"{name} is damaged (its SHA-256 is not that of the published file)")
        files[name] = content
    return files


def _download(root: Path) -> None:
    """Download into a temporary folder, then move each file to `root` if all are the published ones."""
    from torch_geometric.data import download_url  # noqa: PLC0415 - the import takes seconds
    from torch_geometric.datasets import Planetoid  # noqa: PLC0415 - as above

    root.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".download-", dir=root) as temporary:
        with socket_timeout():
            for name in CHECKSUMS:
                download_url(f"{Planetoid.url}/{name}", temporary, log=False)
        try:
            _published_files(Path(temporary))
        except _Unusable as fault:
            raise OSError(f"{Planetoid.url}/{fault}") from None
        (root / FOLDER).mkdir(parents=True, exist_ok=True)
        for name in CHECKSUMS:
            Path(temporary, name).replace(root / FOLDER / name)
