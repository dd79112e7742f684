"""Folders of images, a class a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.engine import SQUARES, ToyProject, full
from support.import_export import ODD, candidate_sets, export_from, files_in, history, import_into, registry
from support.odd_images import saved, smooth

from nextlabel.contracts.errors import BadRequest, Unprocessable

Make = Callable[..., ToyProject]


def test_a_folder_of_images_a_class_a_folder(squares: ToyProject, tree: Path) -> None:
    done = import_into(squares, tree)
    assert (done.labels, done.images, done.faulty) == (3, 4, 0)
    assert any("passed over: 1" in note for note in done.notes)
    assert [classes for _, classes in candidate_sets(squares)] == [("left",), ("left",), ("right",)]
    assert squares.project.status().items == 34
    again = import_into(squares, tree)
    assert (again.labels, again.present, again.images) == (0, 3, 0)
    (tree / "left" / "a.png").rename(tree / "right" / "a.png")
    assert import_into(squares, tree).labels == 1
    (tree / "right" / "a.png").rename(tree / "left" / "a.png")
    assert import_into(squares, tree).labels == 1


def test_what_was_corrected_here_stays_where_a_folder_says_the_same_again(squares: ToyProject, tree: Path) -> None:
    import_into(squares, tree)
    item = history(squares)[0].id
    squares.project.labels.submit("ann", [full(item, "right")])
    (tree / "left" / "new.png").write_bytes(saved(smooth(12, 12)))
    done = import_into(squares, tree)
    assert (done.labels, done.present) == (1, 3)
    assert [row.candidates for row in history(squares) if row.id == item] == [("left",), ("right",)]


def test_a_correction_stays_also_where_a_second_folder_only_said_what_stood(squares: ToyProject, tree: Path) -> None:
    import_into(squares, tree)
    moved = tree.rename(tree.with_name("moved"))
    assert import_into(squares, moved).labels == 3  # another source says it too
    item = history(squares)[0].id
    squares.project.labels.submit("ann", [full(item, "right")])
    assert import_into(squares, moved).labels == 0
    assert [row.candidates for row in history(squares) if row.id == item][-1] == ("right",)


def test_linked_folders_are_followed_but_not_in_circles(squares: ToyProject, tree: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "left").symlink_to(tree / "left")
    (linked / "right").symlink_to(tree / "right")
    (tree / "left" / "up").symlink_to(tree / "left")
    assert import_into(squares, linked).labels == 3
    labels = tmp_path / "labels.csv"
    labels.write_text("file,label\nleft/a.png,right\n")
    assert import_into(squares, labels, images=linked).labels == 1


def test_an_image_of_ours_that_was_moved_to_another_class(make: Make, tmp_path: Path) -> None:
    project = make(ODD, plugins=registry(("cat", "a/b"), ("p/0.png", "p/1.png")), labels={"holdout": 0}).bring()
    project.project.labels.submit("bob", [full("p/0.png", "cat"), full("p/1.png", "cat")])
    export_from(project, "imagefolder", tmp_path / "out")
    train = tmp_path / "out" / "train"
    (train / "a%2Fb").mkdir()
    (train / "cat" / "p%2F0.png").rename(train / "a%2Fb" / "p%2F0.png")
    (train / "cat" / "p%2F1.png").rename(tmp_path / "out" / "p%2F1.png")
    done = import_into(project, tmp_path / "out")
    assert (done.labels, done.present) == (1, 2)
    assert any("not to the folder of a class: 1" in note for note in done.notes)
    moved = history(project)[-1]
    assert (moved.id, moved.candidates, moved.annotator) == ("p/0.png", ("a/b",), "ann")
    assert import_into(project, tmp_path / "out").labels == 0
    (tmp_path / "out" / "classes.json").write_text("{}")
    with pytest.raises(BadRequest, match="which folder is of which class"):
        import_into(project, tmp_path / "out")


def test_a_folder_with_faults_adds_no_image(squares: ToyProject, tree: Path) -> None:
    (tree / "lft").mkdir()
    (tree / "left" / "c.png").write_bytes((tree / "right" / "c.png").read_bytes())
    (tree / "lft" / "e.png").write_bytes(saved(smooth(9, 9)))
    (tree / "f.jpg").write_bytes(b"no image")
    (tree / "g.gif").write_bytes(saved(smooth(9, 9), "GIF"))
    with pytest.raises(Unprocessable) as refused:
        import_into(squares, tree)
    told = "\n".join(refused.value.faults)
    for words in ("lft/e.png: no class", "did you mean 'left'", "f.jpg: this is text", "GIF"):
        assert words in told
    assert "right/c.png: the same image lies in the folder left too" in told
    assert "line " not in told  # a folder has none
    assert squares.project.status().items == 30
    assert import_into(squares, tree, skip_faulty=True).images == 5


def test_a_pool_of_vectors_takes_no_images(blobs: ToyProject, tree: Path) -> None:
    with pytest.raises(Unprocessable, match="holds vectors"):
        import_into(blobs, tree)


def test_what_people_added_travels_with_its_images(squares: ToyProject, make: Make, tree: Path, tmp_path: Path) -> None:
    import_into(squares, tree)
    for kind in ("imagefolder", "coco", "label-studio"):
        export_from(squares, kind, tmp_path / kind, everything=True, copy_images=kind != "imagefolder")
        other = make(SQUARES, labels={"initial": 0, "holdout": 0}).bring()
        done = import_into(other, tmp_path / kind)
        assert (done.labels, done.images) == (3, 4)
        assert history(other) == history(squares)
        ids = [[item.id for item in project.project.items.page(limit=100).items] for project in (squares, other)]
        assert ids[0] == ids[1]
        export_from(other, kind, tmp_path / f"{kind} again", everything=True, copy_images=kind != "imagefolder")
        if kind != "label-studio":  # whose tasks are addressed by the folder's name
            assert files_in(tmp_path / kind) == files_in(tmp_path / f"{kind} again")
