"""The database's aggregates against ones computed by hand."""

from __future__ import annotations

from dataclasses import replace

from nextlabel.store import labels, queries, statistics
from nextlabel.store.labels import Label, LabelEvent
from nextlabel.store.queries import Chosen, QueryRow
from nextlabel.store.statistics import AnnotatorTally

NAMES = ("a", "b", 'c","d', ",", "é")
"""Some contain the separators of the JSON list they are stored in."""


def events(annotator: str, time: float, *labels: Label) -> list[LabelEvent]:
    return [LabelEvent("item0", annotator, label, time) for label in labels]


def named(*classes: str) -> Label:
    return Label(candidates=classes)


def query(number: int, checkpoint: str | None, *chosen: Chosen) -> QueryRow:
    return QueryRow(
        f"p-{number}", "p", number, 1.0, None, "margin", {}, 1, checkpoint, None, 8, 0, len(chosen), (), (), chosen
    )


def test_tallies_by_annotator(database, project):
    with database.write() as c:
        labels.append(c, "p", events("ann", 10.0, *map(named, NAMES)))
        labels.append(c, "p", events("ann", 20.0, named("a", "b"), named(",", "é"), Label(skip=True)))
        labels.append(c, "p", events("bob", 30.0, named("a"), Label(retract=True), Label(value=2.5)))
    with database.read() as c:
        found = statistics.by_annotator(c, "p", NAMES, 20.0)
        assert statistics.by_annotator(c, "unknown", NAMES, 0.0) == []
    assert found == [
        AnnotatorTally("ann", full=5, partial=2, skips=1, retractions=0, last=20.0, recent=2),
        AnnotatorTally("bob", full=2, partial=0, skips=0, retractions=1, last=30.0, recent=2),
    ]


def test_values_need_no_classes(database, project):
    with database.write() as c:
        labels.append(c, "p", events("ann", 1.0, Label(value=1.0)))
    with database.read() as c:
        assert statistics.by_annotator(c, "p", (), 0.0)[0].full == 1


def test_items_chosen_by_a_checkpoint(database, project):
    one, two, three = (Chosen(place, 0.5, "strategy") for place in range(3))
    with database.write() as c:
        for row in (query(1, "r1", one), query(2, "r2", two), query(3, None, one), query(4, "r1", three, two)):
            queries.insert(c, row)
        queries.insert(c, replace(query(5, "r1", three), chosen=(Chosen(3, float("nan"), "control"),)))
        for number in (6, 7):  # pages that wait for more
            queries.insert(c, query(number, "r1"))
    with database.read() as c:
        found = statistics.chosen_under(c, "p", "r1")
        assert [[one.position for one in chosen] for chosen in found] == [[0], [2, 1], [3]]
        assert found[2][0].reason == "control"
        assert [chosen[0].position for chosen in statistics.chosen_under(c, "p", "r1", 2)] == [2, 3]


def test_positions_labelled_before(database, project):
    with database.write() as c:
        labels.append(c, "p", [LabelEvent(f"item{n}", "ann", Label(skip=True), 1.0) for n in (0, 1, 2, 1)])
    with database.read() as c:
        assert statistics.labelled_positions(c, "p", [1, 2, 3], 2) == {1}
        assert statistics.labelled_positions(c, "p", [0, 1, 2, 3], 4) == {0, 1, 2}
        assert statistics.labelled_positions(c, "p", [], 4) == set()
