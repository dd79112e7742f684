"""Folders of images with a folder per class."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.engine import SQUARES, ToyProject, full
from support.import_export import ODD, candidate_sets, export_from, files_in, history, import_into, registry
from support.odd_images import saved, smooth

from nextlabel.contracts.errors import Unprocessable

Make = Callable[..., ToyProject]


def test_a_folder_per_class(squares: ToyProject, tree: Path) -> None:
    result = import_into(squares, tree)
    assert (result.labels, result.images, result.faulty) == (3, 4, 0)
    assert any("ignored files whose names are not those of images: 1" in note for note in result.notes)
    assert [classes for _, classes in candidate_sets(squares)] == [("left",), ("left",), ("right",)]
    assert squares.project.status().items == 34
    again = import_into(squares, tree)
    assert (again.labels, again.present, again.images) == (0, 3, 0)
    (tree / "left" / "a.png").rename(tree / "right" / "a.png")
    assert import_into(squares, tree).labels == 1
    (tree / "right" / "a.png").rename(tree / "left" / "a.png")
    back = import_into(squares, tree)
    assert back.labels == 0
    assert any("have changed since: 1" in note for note in back.notes)


def test_a_correction_made_here_is_not_undone_by_the_folder(squares: ToyProject, tree: Path) -> None:
    import_into(squares, tree)
    item = history(squares)[0].item
    squares.project.labels.submit("ann", [full(item, "right")])
    (tree / "left" / "new.png").write_bytes(saved(smooth(12, 12)))
    result = import_into(squares, tree)
    assert (result.labels, result.present) == (1, 3)
    assert [row.label.candidates for row in history(squares) if row.item == item] == [("left",), ("right",)]


def test_a_folder_that_was_moved_stores_nothing_again(squares: ToyProject, tree: Path) -> None:
    import_into(squares, tree)
    moved = tree.rename(tree.with_name("moved"))
    result = import_into(squares, moved)
    assert (result.labels, result.present) == (0, 3)


def test_links_are_followed_but_not_in_circles(squares: ToyProject, tree: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "left").symlink_to(tree / "left")
    (linked / "right").symlink_to(tree / "right")
    (tree / "left" / "up").symlink_to(tree / "left")
    assert import_into(squares, linked).labels == 3
    labels = tmp_path / "labels.csv"
    labels.write_text("file,label\nleft/a.png,right\n")
    assert import_into(squares, labels, images=linked).labels == 1


def test_images_moved_within_an_export_are_counted_and_are_no_labels(make: Make, tmp_path: Path) -> None:
    project = make(
        ODD, plugins=registry(("cat", "dog"), ("p/0.png", "p/1.png")), labels={"holdout": 0}
    ).import_dataset()
    project.project.labels.submit("bob", [full("p/0.png", "cat"), full("p/1.png", "cat")])
    export_from(project, "imagefolder", tmp_path / "out")
    train = tmp_path / "out" / "train"
    (train / "dog").mkdir()
    (train / "cat" / "p%2F0.png").rename(train / "dog" / "p%2F0.png")
    result = import_into(project, tmp_path / "out")
    assert (result.labels, result.present) == (0, 2)
    assert result.notes == ["images that are no longer where labels.csv lists them: 1"]


def test_a_folder_with_faults_adds_no_image(squares: ToyProject, tree: Path) -> None:
    (tree / "lft").mkdir()
    (tree / "left" / "c.png").write_bytes((tree / "right" / "c.png").read_bytes())
    (tree / "lft" / "e.png").write_bytes(saved(smooth(9, 9)))
    (tree / "f.jpg").write_bytes(b"no image")
    (tree / "g.gif").write_bytes(saved(smooth(9, 9), "GIF"))
    with pytest.raises(Unprocessable) as refused:
        import_into(squares, tree)
    faults = "\n".join(refused.value.faults)
    for reason in ("lft/e.png: no class", "did you mean 'left'", "f.jpg: this is text", "GIF"):
        assert reason in faults
    assert "right/c.png: the same image is in the folder left too" in faults
    assert "line " not in faults  # a folder has no lines
    assert squares.project.status().items == 30
    assert import_into(squares, tree, skip_faulty=True).images == 5


def test_a_pool_of_vectors_takes_no_images(blobs: ToyProject, tree: Path) -> None:
    with pytest.raises(Unprocessable, match="holds vectors"):
        import_into(blobs, tree)


@pytest.mark.slow
def test_added_images_are_exported_and_imported(squares: ToyProject, make: Make, tree: Path, tmp_path: Path) -> None:
    import_into(squares, tree)
    for kind in ("imagefolder", "coco", "label-studio"):
        export_from(squares, kind, tmp_path / kind, everything=True, copy_images=kind != "imagefolder")
        other = make(SQUARES, labels={"initial": 0, "holdout": 0}).import_dataset()
        result = import_into(other, tmp_path / kind)
        assert (result.labels, result.images) == (3, 4)
        assert history(other) == history(squares)
        ids = [[item.id for item in project.project.items.page(limit=100).items] for project in (squares, other)]
        assert ids[0] == ids[1]
        export_from(other, kind, tmp_path / f"{kind} again", everything=True, copy_images=kind != "imagefolder")
        if kind != "label-studio":  # whose tasks are addressed by the folder's name
            assert files_in(tmp_path / kind) == files_in(tmp_path / f"{kind} again")
