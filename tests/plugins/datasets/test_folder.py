"""The data set `folder`: the layouts it reads and the ones it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nextlabel.contracts import Contents
from nextlabel.contracts.errors import DatasetMissing, ProjectError
from nextlabel.engine.plugins.parameters import build
from nextlabel.engine.plugins.registry import Registry
from nextlabel_plugins.datasets.folder import Folder, FolderParameters

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that creates images in a folder `pets`."""

    def create(*names: str) -> Path:
        for name in names:
            file = tmp_path / "pets" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"}:
                Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(file, {".jpg": "JPEG"}.get(file.suffix.lower()))
            else:
                file.write_text("no image")
        return tmp_path / "pets"

    return create


def read(path: Path | str, root: Path | None = None, **parameters: object) -> Contents:
    return Folder(FolderParameters(str(path), **parameters)).read(root, 0)


def class_names(contents: Contents) -> list[str | None]:
    assert contents.truth is not None
    return [None if number < 0 else contents.classes[number] for number in contents.truth]


def test_one_folder_per_class(make: Make) -> None:
    folder = make("dog/2.jpg", "cat/b.PNG", "cat/deep/er/a.jpeg", "dog/1.webp", "dog/notes.txt", "cat/.hidden.jpg")
    contents = read(folder)
    assert contents.ids == ["cat/b.PNG", "cat/deep/er/a.jpeg", "dog/1.webp", "dog/2.jpg"]
    assert contents.classes == ("cat", "dog")
    assert class_names(contents) == ["cat", "cat", "dog", "dog"]
    assert list(contents.content.paths) == [folder / name for name in contents.ids]
    assert contents.test is None


def test_images_beside_the_classes_are_unlabelled(make: Make) -> None:
    contents = read(make("cat/1.jpg", "dog/2.jpg", "3.jpg"))
    assert contents.ids == ["3.jpg", "cat/1.jpg", "dog/2.jpg"]
    assert class_names(contents) == [None, "cat", "dog"]


def test_a_flat_folder_needs_its_classes_named(make: Make) -> None:
    folder = make("1.jpg", "2.jpg")
    contents = read(folder, classes=("yes", "no"))
    assert contents.ids == ["1.jpg", "2.jpg"]
    assert contents.classes == ("yes", "no")
    assert contents.truth is None
    with pytest.raises(ProjectError, match=r"has no sub-folders, so its classes must be named: classes = \[...\]"):
        read(folder)


def test_classes_must_name_every_folder_and_may_name_more(make: Make) -> None:
    folder = make("cat/1.jpg", "dog/2.jpg")
    assert read(folder, classes=("dog", "bird", "cat")).classes == ("dog", "bird", "cat")
    assert class_names(read(folder, classes=("dog", "bird", "cat"))) == ["cat", "dog"]
    with pytest.raises(ProjectError, match="folders that `classes` does not name: dog"):
        read(folder, classes=("cat", "bird"))
    with pytest.raises(ProjectError, match="names a class twice"):
        read(folder, classes=("cat", "dog", "cat"))


def test_one_class_alone_is_refused(make: Make) -> None:
    folder = make("cat/1.jpg")
    with pytest.raises(ProjectError, match="has only one class, 'cat'; name the others too"):
        read(folder)
    assert read(folder, classes=("cat", "dog")).classes == ("cat", "dog")


@pytest.mark.parametrize("split", ["val", "valid", "validation", "test"])
def test_train_with_a_test_split_beside_it(make: Make, split: str) -> None:
    contents = read(make("train/cat/1.jpg", "train/dog/2.jpg", f"{split}/cat/3.jpg", f"{split}/dog/x/4.jpg"))
    assert contents.ids == ["train/cat/1.jpg", "train/dog/2.jpg"]
    assert contents.classes == ("cat", "dog")
    assert contents.test is not None
    assert contents.test.truth.tolist() == [0, 1]
    assert [path.name for path in contents.test.content.paths] == ["3.jpg", "4.jpg"]


def test_val_and_test_together_are_the_test_split(make: Make) -> None:
    contents = read(make("train/a/1.jpg", "train/b/2.jpg", "val/a/3.jpg", "test/b/4.jpg", "test/5.jpg"))
    assert len(contents.ids) == 2
    assert contents.test is not None
    assert contents.test.truth.tolist() == [1, 0]


def test_train_without_a_test_split(make: Make) -> None:
    contents = read(make("train/a/1.jpg", "train/b/2.jpg", "train/3.jpg"))
    assert contents.ids == ["train/3.jpg", "train/a/1.jpg", "train/b/2.jpg"]
    assert class_names(contents) == [None, "a", "b"]


def test_a_test_split_beside_the_classes(make: Make) -> None:
    contents = read(make("a/1.jpg", "b/2.jpg", "test/a/3.jpg"))
    assert contents.ids == ["a/1.jpg", "b/2.jpg"]
    assert contents.test is not None
    assert contents.test.truth.tolist() == [0]


def test_a_class_of_the_test_split_only_is_refused(make: Make) -> None:
    folder = make("train/a/1.jpg", "train/b/2.jpg", "val/a/3.jpg", "val/c/4.jpg")
    with pytest.raises(ProjectError, match="val has classes that the pool does not have: c"):
        read(folder)


def test_a_class_of_a_split_beside_the_classes_only_is_refused(make: Make) -> None:
    folder = make("a/1.jpg", "b/2.jpg", "test/a/3.jpg", "test/c/4.jpg")
    with pytest.raises(ProjectError, match="test has classes that the pool does not have: c"):
        read(folder)
    contents = read(folder, classes=("a", "b", "test"))
    assert class_names(contents) == ["a", "b", "test", "test"]
    assert contents.test is None


def test_other_folders_beside_train_are_refused(make: Make) -> None:
    folder = make("train/a/1.jpg", "train/b/2.jpg", "holdout/a/3.jpg", "unlabelled/4.jpg")
    with pytest.raises(
        ProjectError, match="has holdout, unlabelled beside train, which has folders of classes itself"
    ) as refused:
        read(folder)
    assert "test or val or valid or validation" in str(refused.value)
    named = ("holdout", "train", "unlabelled")
    assert class_names(read(folder, classes=named)) == ["holdout", "train", "train", "unlabelled"]


def test_train_may_have_a_class_train(make: Make) -> None:
    folder = make("train/train/1.jpg", "train/bus/2.jpg", "val/train/3.jpg")
    contents = read(folder, classes=("bus", "train"))
    assert class_names(contents) == ["bus", "train"]
    assert contents.test is not None
    assert contents.test.truth.tolist() == [1]


def test_unlabelled_images_in_train_allow_no_other_folders(make: Make) -> None:
    folder = make("train/a/1.jpg", "train/5.jpg", "val/a/3.jpg", "extra/4.jpg")
    with pytest.raises(ProjectError, match="has extra beside train"):
        read(folder)


def test_classes_may_be_named_train_and_test(make: Make) -> None:
    contents = read(make("train/1.jpg", "plane/2.jpg", "test/3.jpg"))
    assert contents.classes == ("plane", "test", "train")
    assert contents.test is None


def test_a_class_train_with_sub_folders_must_be_named(make: Make) -> None:
    folder = make("train/1.jpg", "plane/2.jpg", "test/3.jpg", "train/old/4.jpg")
    with pytest.raises(ProjectError, match="has plane beside train"):
        read(folder)
    contents = read(folder, classes=("plane", "test", "train"))
    assert class_names(contents) == ["plane", "test", "train", "train"]
    assert contents.test is None


def test_a_relative_path_is_below_the_folder_of_data_sets(make: Make) -> None:
    folder = make("a/1.jpg", "b/2.jpg")
    assert read("pets", folder.parent).ids == ["a/1.jpg", "b/2.jpg"]


def test_missing_folders_and_images_are_reported(make: Make, tmp_path: Path) -> None:
    with pytest.raises(DatasetMissing, match=r"there is no folder .*missing"):
        read(tmp_path / "missing")
    folder = make("a/readme.txt", "b/table.csv")
    with pytest.raises(
        DatasetMissing, match=r"holds no image; files with these extensions are read: .jpeg, .jpg, .png, .webp"
    ):
        read(folder)
    with pytest.raises(DatasetMissing, match="there is no folder"):
        read(folder / "a" / "readme.txt")


def test_links_are_followed_without_endless_loops(make: Make, tmp_path: Path) -> None:
    folder = make("a/1.jpg", "b/2.jpg")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / "a" / "1.jpg").rename(elsewhere / "3.jpg")
    (folder / "a" / "linked").symlink_to(elsewhere)
    (folder / "b" / "loop").symlink_to(folder)
    (folder / "b" / "missing.jpg").symlink_to(tmp_path / "missing.jpg")
    assert read(folder).ids == ["a/linked/3.jpg", "b/2.jpg"]


def test_images_can_be_read_as_greyscale(make: Make) -> None:
    folder = make("a/1.jpg", "b/2.jpg")
    assert read(folder).content.channels == 3
    assert read(folder, grey=True).content.channels == 1


def test_a_file_name_that_is_not_utf8_is_refused(make: Make) -> None:
    folder = make("a/1.jpg", "b/2.jpg")
    invalid = bytes(folder / "a") + b"/\xff.jpg"
    try:
        Path(invalid.decode("utf-8", "surrogateescape")).write_bytes((folder / "a" / "1.jpg").read_bytes())
    except OSError:
        pytest.skip("this file system does not allow such names")
    with pytest.raises(ProjectError, match="is not UTF-8"):
        read(folder)


def test_parameters_of_a_project_file(make: Make, registry: Registry) -> None:
    folder = make("1.jpg", "2.jpg")
    parameters = {"path": str(folder), "classes": ["yes", "no"], "grey": True}
    contents = build(registry.dataset("folder"), parameters, "[dataset]").read(None, 0)
    assert contents.classes == ("yes", "no")
    with pytest.raises(ProjectError, match="path"):
        build(registry.dataset("folder"), {}, "[dataset]")
