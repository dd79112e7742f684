"""Pages of items, one item in detail, and images."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.engine import SQUARES, ToyProject, full

from nextlabel.contracts.errors import Gone, NotFound, Unprocessable
from nextlabel.store.labels import Label

Make = Callable[..., ToyProject]


def test_pages_in_order(blobs: ToyProject) -> None:
    first = blobs.project.items.page(limit=25)
    assert [item.id for item in first.items] == [f"p{number}" for number in range(25)]
    second = blobs.project.items.page(after=first.after, limit=25)
    third = blobs.project.items.page(after=second.after, limit=25)
    assert [len(page.items) for page in (first, second, third)] == [25, 25, 10]
    assert third.after is None
    assert blobs.project.items.page(limit=60).after is None


def test_pages_of_a_state(blobs: ToyProject) -> None:
    open_ = [item.id for item in blobs.project.items.page("open", limit=60).items]
    assert len(open_) == 54
    blobs.project.labels.submit(
        "ann", [full(open_[0], "red"), full(open_[1], "red", "blue"), (open_[2], Label(skip=True))]
    )
    assert len(blobs.project.items.page("labelled", limit=60).items) == 7
    assert [item.id for item in blobs.project.items.page("skipped").items] == [open_[2]]
    assert {item.state for item in blobs.project.items.page("open", limit=60).items} == {"open"}
    assert len(blobs.project.items.page("open", limit=60).items) == 52
    page = blobs.project.items.page("labelled", limit=3)
    rest = blobs.project.items.page("labelled", after=page.after, limit=60)
    assert len(page.items) + len(rest.items) == 7
    with pytest.raises(Unprocessable, match="no state 'opne'; valid: open, labelled, skipped"):
        blobs.project.items.page("opne")
    with pytest.raises(NotFound, match="no item 'x'"):
        blobs.project.items.page(after="x")


def test_one_item_with_its_labels_and_prediction(blobs: ToyProject) -> None:
    item = blobs.project.queries.create(1).items[0].id
    blobs.project.labels.submit("bob", [full(item, "red", "blue")])
    blobs.project.labels.submit("ann", [(item, Label(skip=True))])
    detail = blobs.project.items.get(item)
    assert (detail.item.id, detail.item.state, detail.item.candidates) == (item, "open", ("red", "blue"))
    assert detail.current_labels == {"ann": Label(skip=True), "bob": Label(candidates=("red", "blue"))}
    assert [(event.annotator, event.label.candidates, event.label.skip) for event in detail.history] == [
        ("bob", ("red", "blue"), False),
        ("ann", None, True),
    ]
    assert detail.prediction is None
    blobs.train()
    prediction = blobs.project.items.get(item).prediction
    assert prediction is not None
    assert prediction.label is not None
    with pytest.raises(NotFound, match="no item 'x'"):
        blobs.project.items.get("x")


def test_images(make: Make, image: Callable[..., bytes]) -> None:
    project = make(SQUARES).import_dataset()
    data, media = project.project.items.image("s3")
    assert media == "image/png"
    assert data.startswith(b"\x89PNG")
    (added,) = project.add_images([image(1, 9, 9, "JPEG")])
    assert project.project.items.image(added) == (image(1, 9, 9, "JPEG"), "image/jpeg")
    project.services.home.upload_path(added).unlink()
    with pytest.raises(Gone, match="no longer there"):
        project.project.items.image(added)
    project.services.home.upload_path(added).mkdir()  # as one that this user may not read
    with pytest.raises(Gone, match=r"cannot be read .*directory"):
        project.project.items.image(added)


def test_an_item_that_is_not_an_image_has_none(blobs: ToyProject) -> None:
    with pytest.raises(NotFound, match="is not an image"):
        blobs.project.items.image("p1")
