"""Label Studio's exports as Label Studio 1.23 writes them, and ours as it imports them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from support.engine import SQUARES, WAVE, ToyProject, full
from support.import_export import CLASSES, ODD, candidate_sets, export_from, history, import_into, registry
from support.odd_images import saved, smooth

from nextlabel.contracts.errors import Unprocessable
from nextlabel.store.labels import Label

Make = Callable[..., ToyProject]


@pytest.fixture
def squares(make: Make) -> ToyProject:
    return make(SQUARES, labels={"initial": 0, "holdout": 0}).import_dataset()


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
    def write(tasks: Any, name: str = "project-1.json") -> Path:
        (tmp_path / name).write_text(json.dumps(tasks))
        return tmp_path / name

    return write


def test_a_full_export(squares: ToyProject, write: Any) -> None:
    user = {"id": 7, "email": "bob@example.org", "first_name": "", "last_name": ""}
    path = write([
        task("http://localhost/projects/toy/items/s1/image", annotation(2, "left"), annotation(1, "left", "right")),
        task("s2", annotation(3, was_cancelled=True, completed_by=user)),
        task("s3", annotation(4, "right", completed_by=user)),
    ])  # fmt: skip
    result = import_into(squares, path)
    assert (result.format, result.labels) == ("label-studio", 4)
    first, second, third, fourth = history(squares)
    assert (first.item, first.label.candidates, first.annotator, first.key) == (
        "s1",
        ("left", "right"),
        "1",
        "label-studio-1-1767268800.000000",
    )
    assert first.time == 1767272400.0
    assert (second.item, second.label.candidates) == ("s1", ("left",))
    assert (third.item, third.label.skip, third.annotator) == ("s2", True, "bob@example.org")
    assert fourth.label.candidates == ("right",)
    assert (import_into(squares, path).labels, import_into(squares, path).present) == (0, 4)


def test_tables_of_label_studio(squares: ToyProject, file: Any) -> None:
    """Their `id` is the number of a task, which may be the id of some other item."""
    text = (
        '"annotation_id","annotator","created_at","id","image","choice","lead_time","updated_at"\n'
        '3,"1","2026-01-01T12:00:00Z","s5","http://host/projects/toy/items/s1/image","left",2.0,"2026-01-01T13:00:00Z"\n'
        '4,"2","2026-01-02T12:00:00Z","s6","/projects/toy/items/s2/image","{""choices"":[""right"",""left""]}",,\n'
        ',,,"s7","/projects/toy/items/s3/image",,,\n'
    )
    path = file(text, "export.csv")
    result = import_into(squares, path)
    assert (result.labels, result.notes) == (2, [])
    assert candidate_sets(squares) == [("s1", ("left",)), ("s2", ("left", "right"))]
    assert [(event.annotator, event.time) for event in history(squares)] == [("1", 1767272400.0), ("2", 1767355200.0)]
    assert import_into(squares, path).present == 2
    for address in ("http://host/projects/other/items/s1/image", "/data/local-files/?d=digits/7.png"):
        other = file(text.replace("http://host/projects/toy/items/s1/image", address), "other.csv")
        with pytest.raises(
            Unprocessable, match=f"line 2: no item of the pool has the id or path '{re.escape(address)}'"
        ):
            import_into(squares, other)
    two = file(text.replace("lead_time", "quality"), "two.csv")
    with pytest.raises(Unprocessable, match="choice, quality; name it with --question"):
        import_into(squares, two)
    assert import_into(squares, two, question="choice").present == 2


@pytest.mark.parametrize("cell", ["4", '{"number": 4}', '[{"number": 4}]'])
def test_numbers_in_tables_of_label_studio(make: Make, file: Any, cell: str) -> None:
    project = make(WAVE).import_dataset()
    item = project.project.items.page(limit=1).items[0].id
    cell = cell.replace('"', '""')
    import_into(project, file(f'annotation_id,image,label,lead_time\n1,{item},"{cell}",\n', "export.csv"))
    assert history(project)[-1].label.value == 4.0


def test_all_exports_of_a_project_are_one_source(squares: ToyProject, write: Any, file: Any) -> None:
    """Label Studio names annotators by number or by address, and has a table and a document."""
    squares.project.labels.submit("eve", [full("s9", "left")])
    dates = {"created_at": "2026-01-01T12:00:00.000000Z", "updated_at": "2026-01-02T12:00:00.5Z"}
    by_number = annotation(1, "left", completed_by=1, **dates)
    by_address = annotation(1, "left", completed_by={"id": 1, "email": "ann@example.org"}, **dates)
    table = (
        "annotation_id,annotator,created_at,id,image,choice,lead_time,updated_at\n"
        f"1,1,{dates['created_at']},1,s1,left,,{dates['updated_at']}\n"
    )
    sources = [write([task("s1", by_number)]), write([task("s1", by_address)], "snapshot.json"), file(table)]
    assert [import_into(squares, source).labels for source in sources] == [1, 0, 0]
    squares.project.labels.submit("1", [full("s1", "right")])  # a correction made here
    assert [import_into(squares, source).labels for source in sources] == [0, 0, 0]
    changed = annotation(1, "left", "right", completed_by={"email": "ann@example.org"}, created_at=dates["created_at"])
    assert import_into(squares, write([task("s1", changed)])).labels == 1
    assert {event.annotator for event in history(squares) if event.item == "s1"} == {"1"}


@pytest.mark.parametrize(
    ("address", "item"),
    [
        ("a+b.png", "a+b.png"), ("a b.png", "a b.png"), ("a%20b.png", "a b.png"), ("no#1.png", "no#1.png"),
        ("tom&jerry.png", "tom&jerry.png"), ("tom%26jerry.png", "tom&jerry.png"), ("x/no%231.png", "no#1.png"),
        ("no%231.png&v=2", "no#1.png"),
    ],
)  # fmt: skip
def test_addresses_of_local_files_are_read_as_they_are(flat: Any, write: Any, address: str, item: str) -> None:
    project = flat("a b.png", "a+b.png", "no#1.png", "tom&jerry.png")
    import_into(project, write([task(f"/data/local-files/?d={address}", annotation(1, "left"))]))
    assert candidate_sets(project) == [(item, ("left",))]


def test_an_address_that_means_two_items_is_a_fault(flat: Any, write: Any) -> None:
    project = flat("a%20b.png", "a b.png")
    path = write([task("/data/local-files/?d=a%20b.png", annotation(1, "left"))])
    with pytest.raises(Unprocessable, match=r"could be 'a b.png', 'a%20b.png'"):
        import_into(project, path)
    tasks = [task(f"/data/upload/1/0a1b2c3{n}-a b.png", annotation(n, "left")) for n in (1, 2)]
    with pytest.raises(Unprocessable, match=r"2 parts of it cannot be imported.*would both be item 'a b.png'"):
        import_into(project, write(tasks))


def test_changes_made_in_label_studio_are_stored(squares: ToyProject, write: Any) -> None:
    for number, name in enumerate(("left", "right", "left"), 2):
        changed = annotation(1, name, updated_at=f"2026-01-0{number}T12:00:00Z")
        assert import_into(squares, write([task("s1", changed)])).labels == 1
        assert import_into(squares, write([task("s1", changed)])).present == 1
        assert history(squares)[-1].label.candidates == (name,)
    squares.project.labels.submit("1", [full("s1", "right")])  # a correction made here
    assert (import_into(squares, write([task("s1", changed)])).labels, len(history(squares))) == (0, 4)


def test_exported_labels_changed_there_and_back_are_stored(squares: ToyProject, tmp_path: Path) -> None:
    squares.project.labels.submit("1", [full("s1", "left")])
    export_from(squares, "label-studio", tmp_path / "out")
    path = tmp_path / "out" / "tasks.json"
    tasks = json.loads(path.read_text())
    (exported,) = tasks[0]["annotations"]
    exported |= {"import_id": exported["id"], "id": 900, "completed_by": 1, "unique_id": "x1"}
    for number, (name, labels) in enumerate((("left", 0), ("right", 1), ("left", 1)), 2):
        exported["result"][0]["value"]["choices"] = [name]
        exported["updated_at"] = f"2026-05-0{number}T00:00:00Z"
        path.write_text(json.dumps(tasks))
        assert import_into(squares, path).labels == labels
    assert [row.label.candidates for row in history(squares)] == [("left",), ("right",), ("left",)]


def test_an_image_of_the_same_name_elsewhere_is_another(make: Make, write: Any, tmp_path: Path) -> None:
    project = make(
        ODD, plugins=registry(("cat", "dog"), ("cats/1.png", "cats/2.png")), labels={"holdout": 0}
    ).import_dataset()
    path = write([task("s3://bucket/dogs/1.png", annotation(1, "dog"))])
    with pytest.raises(Unprocessable, match=r"no item of the pool has the id or path 's3://bucket/dogs/1.png'"):
        import_into(project, path)
    (tmp_path / "mine" / "dogs").mkdir(parents=True)
    (tmp_path / "mine" / "dogs" / "1.png").write_bytes(saved(smooth(9, 9)))
    result = import_into(project, path, images=tmp_path / "mine")
    assert (result.labels, result.images) == (1, 1)


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
def test_images_by_their_addresses(squares: ToyProject, write: Any, tmp_path: Path, address: str) -> None:
    root = tmp_path / "pets"
    for name in ("left/left_1.png", "left/left_2.png", "right/0a1b2c3d-left_3.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(saved(smooth(8 + len(list(root.rglob("*"))), 8)))
    result = import_into(squares, write([task(address, annotation(1, "left"))]), images=root)
    assert (result.labels, result.images) == (1, 1)
    assert squares.project.items.image(history(squares)[0].item)[0] == (root / "left" / "left_1.png").read_bytes()


def test_annotations_that_are_no_label_of_a_whole_image(squares: ToyProject, write: Any) -> None:
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
    result = import_into(squares, write(tasks), skip_faulty=True)
    faults = sorted(result.faults)
    assert result.labels == 0
    for reason in ("about regions", "several questions: choice, quality", "holds no choices", "with a `value`",
                  'no class "up"', "names no image", "`data` of a task must be an object", "nowhere.png"):  # fmt: skip
        assert any(reason in fault for fault in faults), reason
    assert import_into(squares, write([task("s1", several)]), question="choice").labels == 1


def test_exports_are_what_label_studio_imports(make: Make, tmp_path: Path) -> None:
    project = make(ODD, plugins=registry()).import_dataset()
    project.project.labels.submit("ann@example.org", [full("p/0.png", "=1+1", "a/b"), full("p/1.png", "cat")])
    project.project.labels.submit("bob", [("p/0.png", Label(skip=True)), full("p/1.png", "dog")])
    project.project.labels.submit("bob", [("p/1.png", Label(retract=True))])
    result = export_from(project, "label-studio", tmp_path / "out", image_prefix="http://127.0.0.1:8000/")
    assert any("2 labels that were changed or retracted" in note for note in result.notes)
    assert any("--copy-images" in note for note in result.notes)
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


def test_changes_to_exported_labels_keep_their_annotators(make: Make, squares: ToyProject, tmp_path: Path) -> None:
    """Tasks keep their `meta`; annotations get a number of Label Studio's, and keep ours as `import_id`.

    Label Studio credits annotations without a known address to the user who imports them, here number 1.
    """
    submit = squares.project.labels.submit
    submit("ann", [full("s1", "left"), full("s2", "left"), ("s3", Label(skip=True))])
    submit("bob@example.org", [full("s1", "left"), full("s2", "left")])
    submit("cyd@example.org", [full("s2", "left")])
    export_from(squares, "label-studio", tmp_path / "out")
    path = tmp_path / "out" / "tasks.json"
    tasks = json.loads(path.read_text())
    number = 900
    users = {None: 1, "cyd@example.org": 1, "bob@example.org": 2}
    for exported_task in tasks:
        for exported in exported_task["annotations"]:
            number += 1
            user = users[exported.get("completed_by", {}).get("email")]
            exported |= {"import_id": exported["id"], "id": number, "completed_by": user, "unique_id": f"x{number}",
                         "created_at": "2026-05-01T00:00:00Z", "updated_at": "2026-05-02T00:00:00Z"}  # fmt: skip
            del exported["nextlabel"]
    for exported in tasks[0]["annotations"]:
        exported["result"][0]["value"]["choices"] = ["right"]
    new = [annotation(user, "right", completed_by=user, import_id=None, updated_at="2026-05-01T00:00:00Z")
           for user in (1, 2, 3)]  # fmt: skip
    tasks[2]["annotations"] += [*new, annotation(5, "right", completed_by={"email": "eve@example.org"})]
    path.write_text(json.dumps(tasks))
    result = import_into(squares, path)
    assert (result.labels, result.present) == (6, 6)
    assert [(event.item, event.annotator) for event in history(squares)[6:]] == [
        ("s3", "eve@example.org"),
        ("s3", "1"),  # both ann and cyd: only the number is clear
        ("s3", "bob@example.org"),
        ("s3", "3"),
        ("s1", "ann"),
        ("s1", "bob@example.org"),
    ]
    assert {event.label.candidates for event in history(squares)[6:]} == {("right",)}
    other = make(SQUARES, labels={"initial": 0, "holdout": 0}).import_dataset()
    assert import_into(other, path).labels == 12
    assert candidate_sets(other) == candidate_sets(squares)
    assert import_into(other, path).labels == import_into(squares, path).labels == 0


def test_a_changed_label_of_the_data_set_is_the_users(make: Make, tmp_path: Path) -> None:
    project = make(SQUARES, labels={"initial": 1, "holdout": 0}).import_dataset()
    (own,) = history(project)
    export_from(project, "label-studio", tmp_path / "out")
    path = tmp_path / "out" / "tasks.json"
    tasks = json.loads(path.read_text())
    (exported,) = tasks[0]["annotations"]
    exported |= {"import_id": exported["id"], "id": 900, "completed_by": 1, "updated_at": "2026-05-02T00:00:00Z"}
    path.write_text(json.dumps(tasks))
    assert import_into(project, path).labels == 0
    exported["result"][0]["value"]["choices"] = ["left", "right"]
    path.write_text(json.dumps(tasks))
    assert import_into(project, path).labels == 1
    assert [(event.item, event.annotator) for event in history(project)] == [(own.item, "dataset"), (own.item, "1")]


def test_tasks_that_are_broken(squares: ToyProject, write: Any) -> None:
    embedded = {"nextlabel": {"id": "s1", "history": [{"annotator": "ann", "skip": True}]}}
    tasks = [3, task("s1") | {"annotations": 5, "meta": embedded}, task("s2") | {"annotations": [4]}]
    result = import_into(squares, write(tasks), skip_faulty=True)
    assert result.labels == 0
    for reason in ("a task must be an object", "has no number `n`", "must be a list of objects"):
        assert any(reason in fault for fault in result.faults), reason


def test_vectors_are_not_exported_as_images(blobs: ToyProject, tmp_path: Path) -> None:
    for kind in ("label-studio", "coco", "imagefolder"):
        with pytest.raises(Unprocessable, match="holds vectors; use csv or jsonl"):
            export_from(blobs, kind, tmp_path / "out")
        assert not (tmp_path / "out").exists()
