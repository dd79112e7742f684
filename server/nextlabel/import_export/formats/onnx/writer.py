"""ONNX: a checkpoint's model, with its labels and its preprocessing in the metadata."""

from __future__ import annotations

from pathlib import Path

from nextlabel.engine.checkpoints import onnx_export
from nextlabel.import_export.exporting.snapshot import Exported, Snapshot, WriteOptions


def write(snapshot: Snapshot, path: Path, options: WriteOptions) -> Exported:
    """Write a file. Raises NotReady if there is no live checkpoint; otherwise raises as `onnx_export.write` does."""
    services = snapshot.services
    name = options.checkpoint or services.live.current(snapshot.name).checkpoint
    onnx_export.write(services.database, services.home, snapshot.name, name, path)
    return Exported(checkpoint=name)
