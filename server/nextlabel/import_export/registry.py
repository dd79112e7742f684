"""All file formats."""

from __future__ import annotations

from collections.abc import Sequence

from nextlabel.import_export.format import Format
from nextlabel.import_export.formats.coco import reader as coco_reader
from nextlabel.import_export.formats.coco import writer as coco_writer
from nextlabel.import_export.formats.csv import reader as csv_reader
from nextlabel.import_export.formats.csv import writer as csv_writer
from nextlabel.import_export.formats.image_folder import reader as image_folder_reader
from nextlabel.import_export.formats.image_folder import writer as image_folder_writer
from nextlabel.import_export.formats.jsonl import reader as jsonl_reader
from nextlabel.import_export.formats.jsonl import writer as jsonl_writer
from nextlabel.import_export.formats.label_studio import reader as label_studio_reader
from nextlabel.import_export.formats.label_studio import writer as label_studio_writer
from nextlabel.import_export.formats.onnx import writer as onnx_writer

FORMATS: Sequence[Format] = (
    Format(
        "csv",
        csv_reader.read, (".csv", ".tsv", ".txt"),
        write=csv_writer.write, printable=True, options=frozenset({"resolved", "predictions"}),
    ),
    Format(
        "jsonl",
        jsonl_reader.read, (".jsonl", ".ndjson"),
        write=jsonl_writer.write, printable=True, options=frozenset({"resolved", "predictions"}),
    ),
    Format(
        "imagefolder",
        image_folder_reader.read, reads_folder=True,
        write=image_folder_writer.write, writes_folder=True, is_export=image_folder_reader.is_export,
    ),
    Format(
        "coco",
        coco_reader.read, (".json",), "object", coco_writer.ANNOTATIONS,
        write=coco_writer.write, writes_folder=True, is_export=coco_writer.is_export,
        options=frozenset({"copy-images"}),
    ),
    Format(
        "label-studio",
        label_studio_reader.read, (".json",), "array", label_studio_writer.TASKS,
        write=label_studio_writer.write, writes_folder=True, is_export=label_studio_writer.is_export,
        options=frozenset({"copy-images", "image-prefix"}),
    ),
    Format("onnx", write=onnx_writer.write, needs_pool=False, options=frozenset({"checkpoint"})),
)  # fmt: skip
READABLE = {form.name: form for form in FORMATS if form.read is not None}
WRITABLE = {form.name: form for form in FORMATS if form.write is not None}
