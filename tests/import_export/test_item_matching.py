"""Which item or image a file's name is of."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.engine import ToyProject
from support.import_export import ODD, history, import_into, registry
from support.odd_images import saved, smooth

from nextlabel.contracts.errors import Unprocessable

Make = Callable[..., ToyProject]


def test_images_beside_a_table(squares: ToyProject, tree: Path, file: Any) -> None:
    path = file("file,label\nleft/a.png,left\nc.png,right\n")
    with pytest.raises(Unprocessable, match="--images"):
        import_into(squares, path)
    done = import_into(squares, path, images=tree)
    assert (done.labels, done.images) == (2, 2)
    assert import_into(squares, path, images=tree).labels == 0


def test_a_name_that_fits_several_is_a_fault_that_lists_them(squares: ToyProject, tree: Path, file: Any) -> None:
    (tree / "right" / "a.png").write_bytes(saved(smooth(20, 8)))
    with pytest.raises(Unprocessable, match=r"could be 'left/a.png', 'right/a.png'; say more"):
        import_into(squares, file("file,label\na.png,left\n"), images=tree)
    with pytest.raises(Unprocessable, match="nor an image"):
        import_into(squares, file("file,label\nwrong/d2.png,left\n"), images=tree)
    with pytest.raises(Unprocessable, match="nor an image"):
        import_into(squares, file("file,label\n../tree/left/deep/a.png,left\n"), images=tree)


def test_an_address_that_is_none_names_no_item(squares: ToyProject, file: Any) -> None:
    choice = {"from_name": "a", "value": {"choices": ["left"]}}
    task = {"data": {"image": "http://[s1/a.png?d=1"}, "annotations": [{"id": 1, "result": [choice]}]}
    with pytest.raises(Unprocessable, match="no item of the pool"):
        import_into(squares, file([task], "tasks.json"))


def test_an_image_that_is_only_called_as_an_item_is_another(make: Make, tmp_path: Path) -> None:
    ids = ("cat/1.png", "cat/2.png")
    project = make(ODD, plugins=registry(("cat", "dog"), ids), labels={"holdout": 0}).bring()
    folder = tmp_path / "mine" / "cat"
    folder.mkdir(parents=True)
    (folder / "1.png").write_bytes(project.project.items.image(ids[0])[0])
    Image.new("L", (5, 5)).save(folder / "2.png")
    done = import_into(project, folder.parent)
    assert (done.labels, done.images) == (2, 1)
    assert [row.id for row in history(project)] == [ids[0], sha256((folder / "2.png").read_bytes()).hexdigest()]
