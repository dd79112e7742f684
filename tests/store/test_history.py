"""Labels with all that was true of them elsewhere."""

from __future__ import annotations

import pytest

from nextlabel.contracts.errors import NotFound
from nextlabel.store import history, labels
from nextlabel.store.history import SaidLabel
from nextlabel.store.labels import NewLabel


def test_each_label_keeps_its_annotator_time_and_key(database, project):
    rows = [
        SaidLabel(2, "ann", "candidates", ("a", 'ü, "x"'), None, 9.5, "k"),
        SaidLabel(1, "bob", "value", None, 0.1, 1.25, None),
        SaidLabel(2, "ann", "retract", None, None, 3.0, None),
    ]
    with database.write() as c:
        labels.append(c, project, "eve", [NewLabel(0, "skip")], 5.0)
        assert history.restore(c, project, rows[:2]) == 3
        assert history.restore(c, project, rows[2:]) == 4
        assert history.restore(c, project, []) == 4
    with database.read() as c:
        found = labels.since(c, project, 1)
        by_item = labels.of_items(c, project, [2, 1, 3], until=3)
    told = [SaidLabel(r.position, r.annotator, r.kind, r.candidates, r.value, r.time, r.key) for r in found]
    assert told == rows
    assert [row.id for row in found] == [2, 3, 4]
    assert {position: [row.id for row in each] for position, each in by_item.items()} == {2: [2], 1: [3]}


def test_a_label_of_no_item_is_refused_and_none_is_stored(database, project):
    rows = [SaidLabel(position, "ann", "skip", None, None, 1.0, None) for position in (0, 10_000)]
    with pytest.raises(NotFound), database.write() as c:
        history.restore(c, project, rows)
    with database.read() as c:
        assert labels.last(c, project) == 0
