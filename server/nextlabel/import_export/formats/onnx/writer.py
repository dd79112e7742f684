"""ONNX: a checkpoint's model, with its labels and its preprocessing in the metadata."""

from __future__ import annotations

from pathlib import Path

from nextlabel.engine.checkpoints import onnx_export
from nextlabel.import_export.exporting.snapshot import Exported, Snapshot, WriteOptions


def write(snapshot: Snapshot, path: Path, options: WriteOptions) -> Exported:
    """Write a file. Raises NotFound, NotReady, Gone or Unprocessable, as `onnx_export.write` does."""
    return Exported(checkpoint=onnx_export.write(snapshot.services, snapshot.name, options.checkpoint, path))
