"""The files of an export, which appear whole or not at all."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.engine import SQUARES, ToyProject, full
from support.import_export import CLASSES, IDS, ODD, export_from, files_in, history, import_into, registry

from nextlabel.contracts.errors import Conflict, NotReady, Unprocessable
from nextlabel.import_export.safe_filenames import FileNames, encoded
from nextlabel.store.labels import DATASET

Make = Callable[..., ToyProject]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# ------------------------------------------------------------------------------ tables


def test_resolved_rows_summarize_each_item(odd: ToyProject, tmp_path: Path) -> None:
    export_from(odd, "csv", tmp_path / "a.csv", resolved=True)
    rows = {row["id"]: row for row in table(tmp_path / "a.csv")}
    assert len(rows) == 10
    first = rows[IDS[0]]
    assert json.loads(first["candidates"]) == ["cat", "cat|dog"]
    assert (first["state"], first["annotators"], first["agreed"]) == ("open", "2", "false")
    assert (rows[IDS[1]]["state"], rows[IDS[1]]["agreed"]) == ("labelled", "true")
    assert (rows[IDS[8]]["state"], rows[IDS[8]]["skips"], rows[IDS[8]]["candidates"]) == ("skipped", "1", "")
    assert (rows[IDS[9]]["state"], rows[IDS[9]]["annotators"], rows[IDS[9]]["agreed"]) == ("open", "0", "")
    export_from(odd, "jsonl", tmp_path / "a.jsonl", resolved=True, everything=True)
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == list(IDS)
    assert lines[0]["candidates"] == ["cat", "cat|dog"]


def test_resolved_rows_with_predictions(make: Make, tmp_path: Path) -> None:
    project = make(SQUARES).import_dataset()
    with pytest.raises(NotReady, match="no trained model"):
        export_from(project, "csv", tmp_path / "a.csv", resolved=True, predictions=True)
    assert not (tmp_path / "a.csv").exists()
    project.train()
    export_from(project, "jsonl", tmp_path / "a.jsonl", resolved=True, predictions=True, everything=True)
    for line in map(json.loads, (tmp_path / "a.jsonl").read_text().splitlines()):
        prediction = project.project.models.predict_ids([line["id"]]).predictions[0]
        assert (line["checkpoint"], line["prediction"], line["probabilities"]) == (
            "r1",
            prediction.label,
            prediction.probabilities,
        )


# ------------------------------------------------------------------------------ folders


@pytest.mark.parametrize("kind", ["imagefolder", "coco", "label-studio"])
def test_a_missing_image_does_not_stop_an_export(
    make: Make, tmp_path: Path, image: Callable[..., bytes], kind: str
) -> None:
    folder = tmp_path / "things"
    for name in ("cat/1.png", "cat/2.png", "dog/3.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(image(len(name)))
    project = make(SQUARES, dataset={"plugin": "folder", "path": str(folder)}, labels={"initial": 0, "holdout": 0})
    project.import_dataset().project.labels.submit(
        "ann", [full("cat/1.png", "cat"), full("cat/2.png", "cat"), full("dog/3.png", "dog")]
    )
    (folder / "cat" / "1.png").unlink()
    result = export_from(project, kind, tmp_path / "out", copy_images=True)
    assert result.images == 2
    assert result.notes[0].startswith("1 images can no longer be read, and are left out")
    other = make(
        SQUARES, dataset={"plugin": "folder", "path": str(folder)}, labels={"initial": 0, "holdout": 0}
    ).import_dataset()
    taken = import_into(other, tmp_path / "out", skip_faulty=True)
    assert taken.labels == 2
    assert (taken.faulty == 0) == (kind == "coco")  # the others hold its labels, but no pool has it


def test_folders_of_classes_with_odd_names(odd: ToyProject, tmp_path: Path) -> None:
    result = export_from(odd, "imagefolder", tmp_path / "out", everything=True)
    assert (result.items, result.images, result.labels) == (12, 12, 12)
    classes = json.loads((tmp_path / "out" / "classes.json").read_text())["classes"]
    folders = {entry["name"]: entry["folder"] for entry in classes}
    assert list(folders) == list(CLASSES)
    assert len({name.casefold() for name in folders.values()}) == len(CLASSES)
    assert folders["cat"] == "cat"
    assert folders["schön"] == "schön"
    assert folders["a/b"] == "a%2Fb"
    rows = {row["id"]: row for row in table(tmp_path / "out" / "labels.csv")}
    for identity in IDS:
        path = tmp_path / "out" / rows[identity]["file"]
        assert path.read_bytes() == odd.project.items.image(identity)[0]
    assert rows[IDS[1]]["file"].startswith(f"train/{folders[CLASSES[3]]}/")
    assert rows[IDS[7]]["file"].startswith("partial/")
    assert rows[IDS[8]]["file"].startswith("unlabelled/")
    assert {path.name for path in (tmp_path / "out" / "train").iterdir()} == {folders[name] for name in CLASSES[3:9]}


def test_the_hold_out_has_a_folder_of_its_own(make: Make, tmp_path: Path) -> None:
    project = make(SQUARES, dataset={"known": False}, labels={"initial": 0, "holdout": 0.4}).import_dataset()
    project.project.labels.submit("ann", [full(f"s{n}", "left") for n in range(30)])
    export_from(project, "imagefolder", tmp_path / "out")
    rows = table(tmp_path / "out" / "labels.csv")
    held = {row["id"] for row in rows if row["holdout"] == "true"}
    assert held == {row["id"] for row in rows if row["file"].startswith("holdout/left/")}
    assert 0 < len(held) < 30


@pytest.mark.slow
def test_torchvision_reads_the_folder(make: Make, tmp_path: Path) -> None:
    from torchvision.datasets import ImageFolder

    project = make(SQUARES, labels={"initial": 12, "holdout": 0}).import_dataset()
    export_from(project, "imagefolder", tmp_path / "out", everything=True)
    folder = ImageFolder(str(tmp_path / "out" / "train"))
    assert folder.classes == ["left", "right"]
    truth = {row.item: row.label.candidates for row in history(project)}
    assert {Path(path).stem: (folder.classes[number],) for path, number in folder.samples} == truth


# ------------------------------------------------------------------------------ whole or not at all


@pytest.mark.parametrize("kind", ["csv", "coco", "label-studio", "imagefolder"])
def test_existing_exports_are_replaced_only_on_request(odd: ToyProject, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    export_from(odd, kind, out)
    before = files_in(out)
    odd.project.labels.submit("eve", [full(IDS[10], "cat")])
    with pytest.raises(Conflict, match="--force"):
        export_from(odd, kind, out)
    assert files_in(out) == before
    export_from(odd, kind, out, replace=True)
    assert files_in(out) != before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_other_folders_are_never_replaced(odd: ToyProject, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    export_from(odd, "coco", tmp_path / "out")
    with pytest.raises(Conflict, match="not an earlier export"):
        export_from(odd, "imagefolder", tmp_path / "out", replace=True)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(Conflict, match="is a file"):
        export_from(odd, "coco", tmp_path / "file", replace=True)
    with pytest.raises(Conflict, match="is a folder"):
        export_from(odd, "csv", tmp_path / "out", replace=True)


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        ("coco", {"annotations.json": '{"images": [], "annotations": []}'}),
        ("coco", {"annotations.json": "no JSON"}),
        ("label-studio", {"config.xml": "<View/>"}),
        ("label-studio", {"config.xml": "<View/>", "tasks.json": '[{"data": {"image": "a.png"}}]'}),
    ],
)
def test_folders_with_files_of_the_same_names_are_never_replaced(
    odd: ToyProject, tmp_path: Path, kind: str, files: dict[str, str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name, text in {**files, "precious.png": "mine"}.items():
        (out / name).write_text(text)
    before = files_in(out)
    with pytest.raises(Conflict, match="not an earlier export"):
        export_from(odd, kind, out, replace=True)
    assert files_in(out) == before


@pytest.mark.parametrize("kind", ["coco", "label-studio"])
def test_an_empty_export_can_be_replaced(make: Make, tmp_path: Path, kind: str) -> None:
    project = make(ODD, plugins=registry(), labels={"holdout": 0}).import_dataset()
    assert export_from(project, kind, tmp_path / "out").items == 0
    assert export_from(project, kind, tmp_path / "out", replace=True).items == 0


def test_a_failed_export_leaves_nothing(odd: ToyProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nextlabel.import_export.formats.image_folder import writer

    def full_disk(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "resolved_row", full_disk)
    with pytest.raises(OSError, match="No space"):
        export_from(odd, "imagefolder", tmp_path / "out")
    assert list(tmp_path.glob("out*")) == []
    assert list(tmp_path.glob(".partial*")) == []


def test_an_unknown_format(odd: ToyProject, tmp_path: Path) -> None:
    with pytest.raises(Unprocessable, match="did you mean 'jsonl'"):
        export_from(odd, "jsonll", tmp_path / "out")
    with pytest.raises(Unprocessable, match="did you mean 'jsonl'"):
        import_into(odd, tmp_path, format="jsonll")


# ------------------------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("name", "file"),
    [("cat", "cat"), ("a/b", "a%2Fb"), ("..", "%2E%2E"), (".x", "%2Ex"), ("x. ", "x.%20"), (" x", "%20x"),
     ("CON", "%43ON"),
     ("con.txt", "%63on.txt"), ("com", "com"), ("", "%"), ("100%", "100%25"), ("a\0\n", "a%00%0A"), ("schön", "schön"),
     ("猫", "猫"), ("u\u0308", "u%CC%88"), ("\u2028", "%E2%80%A8"), ("\ud800", "%ED%A0%80")],
)  # fmt: skip
def test_file_names(name: str, file: str) -> None:
    assert encoded(name) == file


def test_file_names_differ_in_more_than_case() -> None:
    names = FileNames()
    file_names = [names.unique(name, ".png") for name in ("a", "A", "a", "ß", "SS", "x" * 500, "x" * 501, "ü" * 300)]
    assert len({name.casefold() for name in file_names}) == len(file_names)
    assert all(len(name.encode()) < 255 and name.endswith(".png") for name in file_names)


# ------------------------------------------------------------------------------ the data set's own labels


def test_the_data_sets_own_labels_are_not_imported_twice(make: Make, tmp_path: Path) -> None:
    here, there = (make(SQUARES, labels={"initial": 6}).import_dataset() for _ in range(2))
    more = make(SQUARES, labels={"initial": 9}).import_dataset()
    here.project.labels.submit("ann", [full("s1", "left")])
    export_from(here, "csv", tmp_path / "a.csv")
    result = import_into(there, tmp_path / "a.csv")
    assert (result.labels, result.present) == (1, 6)
    export_from(more, "csv", tmp_path / "b.csv")
    result = import_into(here, tmp_path / "b.csv")
    own = {row.item for row in history(make(SQUARES, labels={"initial": 6}).import_dataset())}
    assert result.labels == len({row.item for row in history(more)} - own)
    assert result.present + result.labels == 9
    targets = [p.services.state(p.services.row("toy")).labels.targets().candidates for p in (here, more)]
    assert np.array_equal(np.delete(targets[0], 1, axis=0), np.delete(targets[1], 1, axis=0))
    assert {row.annotator for row in history(here)} == {DATASET, "ann"}
