"""An import in several transactions: nobody sees a part of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nextlabel.contracts.errors import Conflict, NotReady
from nextlabel.store import items, labels, projects, statistics, unfinished_import
from nextlabel.store.items import NewItem
from nextlabel.store.labels import DATASET, Label, LabelEvent
from nextlabel.store.projects import ProjectRow

ROW = ProjectRow("p", "classification", ("a", "b"), True, False, 12.5)
PARTS = [[NewItem(f"{part}-{i}", "array", None, None, True) for i in range(3)] for part in range(3)]
UPLOAD = NewItem("up", "upload", "up.png", "image/png", False)


def begin(c):
    projects.create_hidden(c, ROW)
    for number, part in enumerate(PARTS):
        items.insert(c, "p", 3 * number, part, 1.0)
    events = [LabelEvent(f"{part}-0", DATASET, Label(candidates=("a",)), 1.0) for part in range(3)]
    labels.append(c, "p", events, {f"{part}-0": 3 * part for part in range(3)})


def visible(c):
    """Return everything that readers see of the project."""
    return (
        items.count(c, "p"),
        len(items.page(c, "p", -1, 100)),
        len(items.by_ids(c, "p", ["0-0", "1-0"])),
        len(items.by_positions(c, "p", [0, 1])),
        len(items.holdout_flags(c, "p", 0)),
        len(items.with_text_in_id(c, "p", "0")),
        len(labels.since(c, "p", 0)),
        len(labels.of_item(c, "p", 0)),
        len(statistics.by_annotator(c, "p", ("a", "b"), 0.0)),
    )


@pytest.mark.parametrize("uploads", [False, True])
def test_it_is_visible_as_a_whole(database, uploads):
    with database.write() as c:
        if uploads:  # the project has a bundled checkpoint, and may have a pool of uploads
            projects.create(c, replace(ROW, imported=0.0))
        begin(c)
        assert visible(c) == (0,) * 9
        assert (projects.get(c, "p"), len(projects.all(c))) == (
            replace(ROW, imported=0.0) if uploads else None,
            uploads,
        )
        with pytest.raises(NotReady, match="is being imported"):
            items.add(c, "p", [UPLOAD], 1.0)
        projects.set_dataset(c, ROW)
        assert visible(c) == (9, 9, 2, 2, 9, 5, 3, 1, 1)
        assert projects.get(c, "p") == ROW
        assert items.add(c, "p", [UPLOAD], 1.0) == [9]


def test_pages_of_the_history_are_empty_meanwhile(database):
    with database.write() as c:
        begin(c)
    assert list(labels.pages(database, "p")) == []


def test_what_is_left_is_deleted_in_parts(database, monkeypatch):
    monkeypatch.setattr(unfinished_import, "PART", 2)
    with database.write() as c:
        begin(c)
        assert [unfinished_import.delete_part(c, "p") for _ in range(8)] == [True] * 7 + [False]
        assert (items.stored(c, "p"), labels.last(c, "p")) == (0, 0)
        begin(c)
        projects.set_dataset(c, ROW)
        assert not unfinished_import.delete_part(c, "p")
        assert items.count(c, "p") == 9


def test_uploads_and_their_labels_are_not_deleted(database):
    with database.write() as c:
        projects.create(c, replace(ROW, imported=0.0))
        items.add(c, "p", [UPLOAD], 1.0)
        labels.append(c, "p", [LabelEvent("up", "ann", Label(candidates=("a",)), 1.0)])
        assert not unfinished_import.delete_part(c, "p")
        assert (items.count(c, "p"), labels.last(c, "p")) == (1, 1)


def test_a_hidden_project_does_not_take_the_name(database):
    with database.write() as c:
        projects.create_hidden(c, ROW)
        projects.create(c, replace(ROW, classes=("x", "y")))
        assert projects.get(c, "p") == replace(ROW, classes=("x", "y"))
        with pytest.raises(Conflict):
            projects.create(c, ROW)
