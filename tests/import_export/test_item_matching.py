"""The item or image that a row names: clearly, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.engine import ToyProject
from support.import_export import ODD, candidate_sets, history, import_into, registry
from support.odd_images import saved, smooth

from nextlabel.contracts.errors import Unprocessable

Make = Callable[..., ToyProject]


def test_images_beside_a_table(squares: ToyProject, tree: Path, file: Any) -> None:
    path = file("file,label\nleft/a.png,left\nc.png,right\n")
    with pytest.raises(Unprocessable, match="--images"):
        import_into(squares, path)
    result = import_into(squares, path, images=tree)
    assert (result.labels, result.images) == (2, 2)
    assert import_into(squares, path, images=tree).labels == 0


def test_a_name_that_fits_several_images_is_a_fault(squares: ToyProject, tree: Path, file: Any) -> None:
    (tree / "right" / "a.png").write_bytes(saved(smooth(20, 8)))
    with pytest.raises(Unprocessable, match=r"could be 'left/a.png', 'right/a.png'; give more of its path"):
        import_into(squares, file("file,label\na.png,left\n"), images=tree)
    with pytest.raises(Unprocessable, match="or image in"):
        import_into(squares, file("file,label\nwrong/d2.png,left\n"), images=tree)
    with pytest.raises(Unprocessable, match="or image in"):
        import_into(squares, file("file,label\n../tree/left/deep/a.png,left\n"), images=tree)


def test_an_invalid_address_names_no_item(squares: ToyProject, file: Any) -> None:
    choice = {"from_name": "a", "value": {"choices": ["left"]}}
    task = {"data": {"image": "http://[s1/a.png?d=1"}, "annotations": [{"id": 1, "result": [choice]}]}
    with pytest.raises(Unprocessable, match="no item of the pool"):
        import_into(squares, file([task], "tasks.json"))


def test_another_image_with_the_name_of_an_item_is_added(make: Make, tmp_path: Path) -> None:
    ids = ("cat/1.png", "cat/2.png")
    project = make(ODD, plugins=registry(("cat", "dog"), ids), labels={"holdout": 0}).import_dataset()
    folder = tmp_path / "mine" / "cat"
    folder.mkdir(parents=True)
    (folder / "1.png").write_bytes(project.project.items.image(ids[0])[0])
    Image.new("L", (5, 5)).save(folder / "2.png")
    result = import_into(project, folder.parent)
    assert (result.labels, result.images) == (2, 1)
    content = sha256((folder / "2.png").read_bytes()).hexdigest()
    assert [event.item for event in history(project)] == [ids[0], content]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a.png,b.png,left", "its id is item 'a.png', but its file 'b.png' is item 'b.png'"),
        ("a.png,c.png,left", "its id is item 'a.png', but its file 'c.png' is no item"),
    ],
)
def test_an_id_and_a_file_that_disagree_are_a_fault(flat: Any, file: Any, row: str, reason: str) -> None:
    project = flat("a.png", "b.png")
    result = import_into(project, file(f"id,file,label\nb.png,x/b.png,right\n{row}\n"), skip_faulty=True)
    assert candidate_sets(project) == [("b.png", ("right",))]
    assert result.faults == [f"line 3: {reason}"]


def test_two_files_that_would_be_one_item_are_faults(flat: Any, file: Any) -> None:
    """The end of a path names an item, unless the table has another path with the same end."""
    project = flat("a.png", "b.png", "c.png")
    text = (
        "file,label\none/a.png,left\ntwo/a.png,right\none/b.png,left\nc.png,left\none/c.png,right\n/x/one/c.png,left\n"
    )
    result = import_into(project, file(text), skip_faulty=True)
    assert [fault.partition(":")[0] for fault in result.faults] == ["line 2", "line 3"]
    assert "'one/a.png' and 'two/a.png' would both be item 'a.png'" in result.faults[0]
    assert [item for item, _ in candidate_sets(project)] == ["b.png", "c.png", "c.png", "c.png"]


def test_a_new_image_with_the_name_of_an_item_is_not_that_item(flat: Any, file: Any, tmp_path: Path) -> None:
    """A camera begins again with its first name: the second batch is of other images."""
    project = flat("a.png", "b.png")
    batch = tmp_path / "batch"
    (batch / "more").mkdir(parents=True)
    (batch / "a.png").write_bytes(saved(smooth(31, 20)))
    (batch / "b.png").write_bytes((tmp_path / "pool" / "b.png").read_bytes())
    path = file("file,label\na.png,left\nb.png,right\n")
    result = import_into(project, path, images=batch)
    assert (result.labels, result.images) == (2, 1)
    assert candidate_sets(project) == [
        (sha256((batch / "a.png").read_bytes()).hexdigest(), ("left",)),
        ("b.png", ("right",)),
    ]
    assert import_into(project, path, images=batch).labels == 0
    (batch / "b.png").unlink()
    (batch / "more" / "b.png").write_bytes(saved(smooth(32, 20)))
    with pytest.raises(Unprocessable, match=r"'b.png' could be item 'b.png', or the different image 'more/b.png'"):
        import_into(project, file("file,label\nb.png,left\n", "second.csv"), images=batch)


def test_images_without_a_label_are_added_too(flat: Any, file: Any, tree: Path) -> None:
    """They are the ones to query next."""
    project = flat("a.png")
    names = ("left/a.png", "c.png", "d.png")
    document = {
        "images": [{"id": number, "file_name": name} for number, name in enumerate(names)],
        "categories": [{"id": 1, "name": "left"}],
        "annotations": [{"image_id": 0, "category_id": 1}],
    }
    result = import_into(project, file(document, "coco.json"), images=tree)
    assert (result.labels, result.images, result.notes) == (1, 3, [])
    tasks = [{"id": number, "data": {"image": f"/data/upload/1/0a1b2c3d-{name}"}, "annotations": []}
             for number, name in enumerate(("b.jpg", "nowhere.png"))]  # fmt: skip
    result = import_into(project, file(tasks, "tasks.json"), images=tree)
    assert (result.labels, result.images) == (0, 1)
    assert result.notes == ["images without a label that are neither in the pool nor found by --images: 1"]
