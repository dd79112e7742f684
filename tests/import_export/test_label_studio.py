"""Label Studio's exports, as Label Studio 1.23 writes them, and ours as it takes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from support.engine import SQUARES, WAVE, ToyProject, full
from support.import_export import CLASSES, ODD, export_from, history, import_into, registry
from support.odd_images import saved, smooth

from nextlabel.contracts.errors import Unprocessable
from nextlabel.engine.records import LabelInput

Make = Callable[..., ToyProject]


@pytest.fixture
def squares(make: Make) -> ToyProject:
    return make(SQUARES, labels={"initial": 0, "holdout": 0}).bring()


def task(image: str, *annotations: dict[str, Any], **rest: Any) -> dict[str, Any]:
    """A task, with the fields that an export has besides."""
    return {
        "id": 1, "inner_id": 1, "data": {"image": image}, "meta": {}, "predictions": [], "total_annotations": 1,
        "created_at": "2026-01-01T00:00:00.000000Z", "file_upload": "x.png", "project": 2, "drafts": [],
        "annotations": list(annotations), **rest,
    }  # fmt: skip


def annotation(number: int, *choices: str, **rest: Any) -> dict[str, Any]:
    region = {"id": f"u{number}", "from_name": "choice", "to_name": "image", "type": "choices", "origin": "manual",
              "value": {"choices": list(choices)}}  # fmt: skip
    return {
        "id": number, "completed_by": 1, "result": [region] if choices else [], "was_cancelled": False,
        "ground_truth": False, "created_at": f"2026-01-0{number}T12:00:00.000000Z", "unique_id": f"b{number}",
        "updated_at": f"2026-01-0{number}T13:00:00.000000Z", "import_id": None, "lead_time": 3.2, **rest,
    }  # fmt: skip


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def written(tasks: Any, name: str = "project-1.json") -> Path:
        (tmp_path / name).write_text(json.dumps(tasks))
        return tmp_path / name

    return written


def test_a_full_export(squares: ToyProject, write: Any) -> None:
    people = {"id": 7, "email": "bob@example.org", "first_name": "", "last_name": ""}
    path = write([
        task("http://localhost/projects/toy/items/s1/image", annotation(2, "left"), annotation(1, "left", "right")),
        task("s2", annotation(3, was_cancelled=True, completed_by=people)),
        task("s3", annotation(4, "right", completed_by=people)),
    ])  # fmt: skip
    done = import_into(squares, path)
    assert (done.format, done.labels) == ("label-studio", 4)
    one, two, three, four = history(squares)
    assert (one.id, one.candidates, one.annotator, one.key) == ("s1", ("left", "right"), "1", "label-studio-b1")
    assert one.time == 1767272400.0
    assert (two.id, two.candidates) == ("s1", ("left",))
    assert (three.id, three.skip, three.annotator) == ("s2", True, "bob@example.org")
    assert four.candidates == ("right",)
    assert (import_into(squares, path).labels, import_into(squares, path).present) == (0, 4)


def test_json_min(squares: ToyProject, write: Any) -> None:
    common = {"id": 1, "annotator": 1, "annotation_id": 3, "created_at": "2026-01-01T12:00:00Z", "lead_time": 3.1,
              "updated_at": "2026-01-01T12:00:00Z"}  # fmt: skip
    rows = [
        {"image": "s1", "choice": "left", **common},
        {"image": "s2", "choice": {"choices": ["right", "left"]}, **common},
    ]
    assert import_into(squares, write(rows)).labels == 2
    assert [row.candidates for row in history(squares)] == [("left",), ("left", "right")]
    asked = [{"image": "s3", "choice": "left", "quality": "good", **common}]
    with pytest.raises(Unprocessable, match="choice, quality; say which with --question"):
        import_into(squares, write(asked))
    assert import_into(squares, write(asked), question="choice").labels == 1


def test_of_json_min_the_newest_row_comes_first_and_stands(squares: ToyProject, write: Any) -> None:
    """As Label Studio sorts them; a task that nobody annotated has neither an answer nor a number."""
    rows = [
        {
            "image": "s1",
            "choice": name,
            "annotator": 1,
            "annotation_id": number,
            "updated_at": f"2026-01-0{number}T12:00Z",
        }
        for number, name in ((2, "right"), (1, "left"))
    ]
    assert import_into(squares, write([*rows, {"image": "s2", "id": 3}])).labels == 2
    assert [row.candidates for row in history(squares)] == [("left",), ("right",)]


@pytest.mark.parametrize("value", [4, {"number": 4}, [{"number": 4}]])
def test_numbers_of_json_min(make: Make, write: Any, value: Any) -> None:
    project = make(WAVE).bring()
    item = project.project.items.page(limit=1).items[0].id
    import_into(project, write([{"image": item, "label": value, "annotation_id": 1, "annotator": 1}]))
    assert history(project)[-1].value == 4.0


def test_what_is_changed_and_changed_back_there_is_so_here(squares: ToyProject, write: Any) -> None:
    for number, name in enumerate(("left", "right", "left"), 2):
        changed = annotation(1, name, updated_at=f"2026-01-0{number}T12:00:00Z")
        assert import_into(squares, write([task("s1", changed)])).labels == 1
        assert import_into(squares, write([task("s1", changed)])).present == 1
        assert history(squares)[-1].candidates == (name,)
    squares.project.labels.submit("1", [full("s1", "right")])  # corrected here, and not said again there
    assert (import_into(squares, write([task("s1", changed)])).labels, len(history(squares))) == (0, 4)


def test_what_we_wrote_is_changed_there_and_changed_back(squares: ToyProject, tmp_path: Path) -> None:
    squares.project.labels.submit("1", [full("s1", "left")])
    export_from(squares, "label-studio", tmp_path / "out")
    path = tmp_path / "out" / "tasks.json"
    tasks = json.loads(path.read_text())
    (one,) = tasks[0]["annotations"]
    one |= {"import_id": one["id"], "id": 900, "completed_by": 1, "unique_id": "x1"}
    for number, (name, labels) in enumerate((("left", 0), ("right", 1), ("left", 1)), 2):
        one["result"][0]["value"]["choices"] = [name]
        one["updated_at"] = f"2026-05-0{number}T00:00:00Z"
        path.write_text(json.dumps(tasks))
        assert import_into(squares, path).labels == labels
    assert [row.candidates for row in history(squares)] == [("left",), ("right",), ("left",)]


def test_another_image_of_the_same_name_is_not_meant(make: Make, write: Any, tmp_path: Path) -> None:
    project = make(ODD, plugins=registry(("cat", "dog"), ("cats/1.png", "cats/2.png")), labels={"holdout": 0}).bring()
    path = write([task("s3://bucket/dogs/1.png", annotation(1, "dog"))])
    with pytest.raises(Unprocessable, match=r"no item of the pool is, or lies at, 's3://bucket/dogs/1.png'"):
        import_into(project, path)
    (tmp_path / "mine" / "dogs").mkdir(parents=True)
    (tmp_path / "mine" / "dogs" / "1.png").write_bytes(saved(smooth(9, 9)))
    done = import_into(project, path, images=tmp_path / "mine")
    assert (done.labels, done.images) == (1, 1)


@pytest.mark.parametrize(
    "address",
    [
        "/data/upload/3/0a1b2c3d-left_1.png",
        "/label-studio/data/upload/3/0a1b2c3d-left_1.png",
        "/data/local-files/?d=pets/left/left_1.png",
        "http://host:8080/data/local-files/?d=pets%2Fleft%2Fleft_1.png",
        "s3://bucket/some/left/left_1.png",
        "http://elsewhere.example/left_1.png?size=3",
        "left_1.png",
        "left/left_1.png",
    ],
)
def test_images_by_what_the_task_calls_them(squares: ToyProject, write: Any, tmp_path: Path, address: str) -> None:
    root = tmp_path / "pets"
    for name in ("left/left_1.png", "left/left_2.png", "right/0a1b2c3d-left_3.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(saved(smooth(8 + len(list(root.rglob("*"))), 8)))
    done = import_into(squares, write([task(address, annotation(1, "left"))]), images=root)
    assert (done.labels, done.images) == (1, 1)
    assert squares.project.items.image(history(squares)[0].id)[0] == (root / "left" / "left_1.png").read_bytes()


def test_what_is_no_label_of_a_whole_image(squares: ToyProject, write: Any) -> None:
    two = annotation(1, "left")
    two["result"] += annotation(2, "left")["result"]
    several = annotation(1, "left")
    several["result"].append({**several["result"][0], "from_name": "quality"})
    box = annotation(1)
    box["result"] = [{"from_name": "box", "type": "rectanglelabels", "value": {"x": 1, "rectanglelabels": ["left"]}}]
    tasks = [task("s1", two), task("s1", several), task("s1", box), task("s1", annotation(1)),
             task("s1", {"result": [3]}),
             task("s1", annotation(1, "up")), {"id": 1, "data": {"text": "x"}, "annotations": []}, {"data": 3},
             {"x": 1},
             task("nowhere.png", annotation(1, "left"))]  # fmt: skip
    done = import_into(squares, write(tasks), skip_faulty=True)
    told = sorted(done.faults)
    assert done.labels == 0
    for words in ("about regions", "several questions: choice, quality", "holds no choices", "with a `value`",
                  'no class "up"', "names no image", "no field of the row", "nowhere.png"):  # fmt: skip
        assert any(words in fault for fault in told), words
    assert import_into(squares, write([task("s1", several)]), question="choice").labels == 1


def test_what_we_write_is_what_label_studio_takes(make: Make, tmp_path: Path) -> None:
    project = make(ODD, plugins=registry()).bring()
    project.project.labels.submit("ann@example.org", [full("p/0.png", "=1+1", "a/b"), full("p/1.png", "cat")])
    project.project.labels.submit("bob", [LabelInput("p/0.png", skip=True), full("p/1.png", "dog")])
    project.project.labels.submit("bob", [LabelInput("p/1.png", retract=True)])
    done = export_from(project, "label-studio", tmp_path / "out", image_prefix="http://127.0.0.1:8000/")
    assert any("2 labels that were changed or taken back" in note for note in done.notes)
    assert any("--copy-images" in note for note in done.notes)
    tasks = json.loads((tmp_path / "out" / "tasks.json").read_text())
    config = ET.fromstring((tmp_path / "out" / "config.xml").read_text())
    choices = config.find("Choices")
    assert [choice.get("value") for choice in choices] == list(CLASSES)
    assert config.find("Image").get("value") == "$image"
    assert (choices.get("choice"), choices.get("toName")) == ("multiple", "image")
    first = tasks[0]
    assert first["data"]["image"] == "http://127.0.0.1:8000/projects/toy/items/p/0.png/image"
    ann, bob = first["annotations"]
    assert ann["completed_by"] == {"email": "ann@example.org"}
    assert "completed_by" not in bob
    assert (bob["was_cancelled"], bob["result"]) == (True, [])
    region = ann["result"][0]
    assert (region["from_name"], region["to_name"], region["type"]) == (choices.get("name"), "image", "choices")
    assert region["value"]["choices"] == ["a/b", "=1+1"]
    assert len(tasks[1]["annotations"]) == 1


def test_what_was_done_in_label_studio_comes_back(make: Make, squares: ToyProject, tmp_path: Path) -> None:
    """Tasks keep their `meta`; annotations get a number of Label Studio's, and remember ours as `import_id`."""
    squares.project.labels.submit("ann", [full("s1", "left"), full("s2", "left"), LabelInput("s3", skip=True)])
    export_from(squares, "label-studio", tmp_path / "out")
    path = tmp_path / "out" / "tasks.json"
    tasks = json.loads(path.read_text())
    for number, each in enumerate(tasks):
        for one in each["annotations"]:
            one |= {"import_id": one["id"], "id": 900 + number, "completed_by": 1, "unique_id": f"x{number}",
                    "created_at": "2026-05-01T00:00:00Z", "updated_at": "2026-05-02T00:00:00Z"}  # fmt: skip
            del one["nextlabel"]
    tasks[0]["annotations"][0]["result"][0]["value"]["choices"] = ["right"]
    tasks[1]["annotations"].append(annotation(2, "right", completed_by={"email": "eve@example.org"}))
    path.write_text(json.dumps(tasks))
    done = import_into(squares, path)
    assert (done.labels, done.present) == (2, 3)
    added, edited = history(squares)[3:]  # by their times
    assert (edited.id, edited.candidates, edited.annotator, edited.time) == ("s1", ("right",), "1", 1777680000.0)
    assert (added.id, added.candidates, added.annotator) == ("s2", ("right",), "eve@example.org")
    other = make(SQUARES, labels={"initial": 0, "holdout": 0}).bring()
    assert import_into(other, path).labels == 5
    assert [(row.id, row.candidates) for row in history(other)] == [(row.id, row.candidates) for row in history(squares)]


def test_vectors_are_no_images(blobs: ToyProject, tmp_path: Path) -> None:
    for kind in ("label-studio", "coco", "imagefolder"):
        with pytest.raises(Unprocessable, match="holds vectors; valid: csv, jsonl"):
            export_from(blobs, kind, tmp_path / "out")
        assert not (tmp_path / "out").exists()
