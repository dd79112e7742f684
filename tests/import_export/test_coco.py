"""COCO's JSON as it is written, and other programs' as it is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.engine import ToyProject
from support.import_export import CLASSES, IDS, ODD, candidate_sets, export_from, import_into, registry

from nextlabel.contracts.errors import Unprocessable
from nextlabel.store.labels import Label

Make = Callable[..., ToyProject]


def test_an_export_is_complete(odd: ToyProject, tmp_path: Path) -> None:
    export_from(odd, "coco", tmp_path / "out", copy_images=True)
    document = json.loads((tmp_path / "out" / "annotations.json").read_text())
    categories = {entry["id"]: entry["name"] for entry in document["categories"]}
    assert tuple(categories.values()) == CLASSES
    images = {entry["id"]: entry for entry in document["images"]}
    assert len(images) == len(document["images"]) == 10
    for image in images.values():
        with Image.open(tmp_path / "out" / "images" / image["file_name"]) as opened:
            assert opened.size == (image["width"], image["height"])
    assert len({entry["id"] for entry in document["annotations"]}) == len(document["annotations"])
    for entry in document["annotations"]:
        image = images[entry["image_id"]]
        assert entry["bbox"] == [0, 0, image["width"], image["height"]]
        assert entry["area"] == image["width"] * image["height"]
        assert (entry["iscrowd"], entry["segmentation"]) == (0, [])
        assert categories[entry["category_id"]] in entry["candidates"]
        assert entry["annotator"] in {"=ann", "bob"}
    several = [entry for entry in document["annotations"] if images[entry["image_id"]]["nextlabel"]["id"] == IDS[7]]
    assert [categories[entry["category_id"]] for entry in several] == ["cat", "dog"]


def test_coco_of_another_program(squares: ToyProject, tmp_path: Path) -> None:
    document: dict[str, Any] = {
        "annotations": [{"id": 1, "image_id": 1, "category_id": 2, "bbox": [1, 1, 2, 2]},
                        {"id": 2, "image_id": 1, "category_id": 2}, {"id": 3, "image_id": 2, "category_id": 1}],
        "images": [{"id": 1, "file_name": "s1"}, {"id": 2, "file_name": "s2"}, {"id": 3, "file_name": "s3"}],
        "categories": [{"id": 1, "name": "left"}, {"id": 2, "name": "right"}],
    }  # fmt: skip
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(document))
    assert import_into(squares, path).format == "coco"
    assert candidate_sets(squares) == [("s1", ("right",)), ("s2", ("left",))]
    document["annotations"] = [{"image_id": 1, "category_id": 1}, {"image_id": 1, "category_id": 2},
                               {"image_id": 9, "category_id": 1}, {"image_id": 3, "category_id": 7}, {"image_id": 3},
                               {"image_id": [], "category_id": 1}, 5]  # fmt: skip
    path.write_text(json.dumps(document))
    with pytest.raises(Unprocessable) as refused:
        import_into(squares, path)
    faults = "\n".join(refused.value.faults)
    for reason in (
        "s1 shows several things (left, right)",
        "image 9: it has annotations, but there is not exactly one image with this number",
        "no category 7",
        "no `image_id` or no `category_id`",
    ):
        assert reason in faults


def test_a_number_that_occurs_twice_is_a_fault(squares: ToyProject, file: Any) -> None:
    document = {
        "images": [{"id": 1, "file_name": "s1"}, {"id": 1, "file_name": "s2"}, {"id": 2, "file_name": "s3"},
                   {"id": 3, "file_name": "s4"}],
        "categories": [{"id": 1, "name": "left"}, {"id": 1, "name": "right"}, {"id": 2, "name": "right"}],
        "annotations": [{"image_id": 1, "category_id": 2}, {"image_id": 2, "category_id": 2},
                        {"image_id": 3, "category_id": 1}],
    }  # fmt: skip
    path = file(document, "coco.json")
    with pytest.raises(Unprocessable) as refused:
        import_into(squares, path)
    assert "the number 1 occurs twice in categories, as 'left' and 'right'" in refused.value.faults
    assert "the number 1 occurs twice in images, as 's1' and 's2'" in refused.value.faults
    import_into(squares, path, skip_faulty=True)
    assert candidate_sets(squares) == [("s3", ("right",))]


def test_values_are_not_seen_as_changed(make: Make, tmp_path: Path) -> None:
    project = make(ODD, plugins=registry(()), labels={"holdout": 0}).import_dataset()
    project.project.labels.submit("ann", [(IDS[0], Label(value=1.5)), (IDS[1], Label(value=2.0))])
    export_from(project, "coco", tmp_path / "out")
    assert import_into(project, tmp_path / "out").notes == []
