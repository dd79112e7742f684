"""The pool as people look at it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from engine_help import SQUARES, Project, full

from nextlabel.contracts.errors import Gone, Unknown, Unprocessable
from nextlabel.engine.answers import LabelInput, Voice

Make = Callable[..., Project]


def test_pages_in_order(blobs: Project) -> None:
    first = blobs.loop.items(limit=25)
    assert [item.id for item in first.items] == [f"p{place}" for place in range(25)]
    second = blobs.loop.items(after=first.after, limit=25)
    third = blobs.loop.items(after=second.after, limit=25)
    assert [len(page.items) for page in (first, second, third)] == [25, 25, 10]
    assert third.after is None
    assert blobs.loop.items(limit=60).after is None


def test_pages_of_a_state(blobs: Project) -> None:
    open_ = [item.id for item in blobs.loop.items("open", limit=60).items]
    assert len(open_) == 54
    blobs.loop.submit("ann", [full(open_[0], "red"), full(open_[1], "red", "blue"), LabelInput(open_[2], skip=True)])
    assert len(blobs.loop.items("labelled", limit=60).items) == 7
    assert [item.id for item in blobs.loop.items("skipped").items] == [open_[2]]
    assert {item.state for item in blobs.loop.items("open", limit=60).items} == {"open"}
    assert len(blobs.loop.items("open", limit=60).items) == 52
    page = blobs.loop.items("labelled", limit=3)
    rest = blobs.loop.items("labelled", after=page.after, limit=60)
    assert len(page.items) + len(rest.items) == 7
    with pytest.raises(Unprocessable, match="no state 'opne'; valid: open, labelled, skipped"):
        blobs.loop.items("opne")
    with pytest.raises(Unknown, match="no item 'x'"):
        blobs.loop.items(after="x")


def test_one_item_with_who_says_what(blobs: Project) -> None:
    item = blobs.loop.query(1).items[0].id
    blobs.loop.submit("bob", [full(item, "red", "blue")])
    blobs.loop.submit("ann", [LabelInput(item, skip=True)])
    detail = blobs.loop.item(item)
    assert (detail.item.id, detail.item.state, detail.item.candidates) == (item, "open", ("red", "blue"))
    assert detail.voices == (Voice("ann", None, None), Voice("bob", ("red", "blue"), None))
    assert [(row.annotator, row.candidates, row.skip) for row in detail.history] == [
        ("bob", ("red", "blue"), False),
        ("ann", None, True),
    ]
    assert detail.prediction is None
    blobs.train()
    prediction = blobs.loop.item(item).prediction
    assert prediction is not None
    assert prediction.label is not None
    with pytest.raises(Unknown, match="no item 'x'"):
        blobs.loop.item("x")


def test_pictures(make: Make, picture: Callable[..., bytes]) -> None:
    project = make(SQUARES).bring()
    data, media = project.loop.image("s3")
    assert media == "image/png"
    assert data.startswith(b"\x89PNG")
    (added,) = project.loop.add_images([picture(1, 9, 9, "JPEG")])
    assert project.loop.image(added) == (picture(1, 9, 9, "JPEG"), "image/jpeg")
    project.context.home.upload_path(added).unlink()
    with pytest.raises(Gone, match="no longer there"):
        project.loop.image(added)
    project.context.home.upload_path(added).mkdir()  # as one that this user may not read
    with pytest.raises(Gone, match=r"cannot be read .*directory"):
        project.loop.image(added)


def test_what_is_no_picture_has_none(blobs: Project) -> None:
    with pytest.raises(Unknown, match="is no picture"):
        blobs.loop.image("p1")
