"""Filters, against what stands in the pool, counted by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.engine import SQUARES, WAVE, ToyProject, full

from nextlabel.contracts.errors import NotFound
from nextlabel.engine.browse.filters import Filter
from nextlabel.store.labels import Label

Make = Callable[..., ToyProject]


def found(project: ToyProject, wanted: Filter, limit: int = 100) -> list[str]:
    return [shown.item.id for shown in project.project.items.gallery().page(wanted, limit).items]


@pytest.fixture
def said(blobs: ToyProject) -> tuple[ToyProject, list[str]]:
    """Of the first open items: a full label, a partial one, a skip, a dispute."""
    ids = [item.id for item in blobs.project.items.page("open", limit=6).items]
    blobs.project.labels.submit("ann", [full(ids[0], "red"), full(ids[1], "red", "blue"), (ids[2], Label(skip=True))])
    blobs.project.labels.submit("ann", [full(ids[3], "red")])
    blobs.project.labels.submit("bob", [full(ids[3], "blue")])
    return blobs, ids


def test_counts_are_of_what_each_choice_would_show(said: tuple[ToyProject, list[str]]) -> None:
    project, ids = said
    gallery = project.project.items.gallery()
    for wanted in (
        Filter(),
        Filter(named="red"),
        Filter(annotator="ann"),
        Filter(state="partial", holdout="no"),
        Filter(named="blue", annotator="bob", search="p"),
        Filter(search=ids[1]),
    ):
        counts = gallery.page(wanted, 1).counts
        rest = {name: value for name, value in vars(wanted).items() if name != "state"}
        assert counts.every == len(found(project, Filter(**rest)))
        for state, count in counts.states.items():
            assert count == len(found(project, Filter(**{**rest, "state": state}))), state
        for place, choices in (
            ("named", counts.classes),
            ("annotator", counts.annotators),
            ("holdout", counts.holdout),
        ):
            for name, count in choices.items():
                assert count == len(found(project, Filter(**{**vars(wanted), place: name}))), (place, name)


def test_an_item_nobody_spoke_of_holds_no_class(said: tuple[ToyProject, list[str]]) -> None:
    project, ids = said
    held = found(project, Filter(named="red", annotator="ann"))
    assert held == [ids[0], ids[1], ids[3]]
    assert ids[5] not in found(project, Filter(named="red"))


def test_what_names_nothing(blobs: ToyProject) -> None:
    gallery = blobs.project.items.gallery()
    for wanted in (Filter(named="mauve"), Filter(guess="mauve"), Filter(annotator="nobody")):
        with pytest.raises(NotFound, match="is called"):
            gallery.page(wanted, 1)
    with pytest.raises(NotFound, match="no item 'x'"):
        gallery.page(Filter(), 1, after="x")
    with pytest.raises(NotFound, match="no item 'x'"):
        gallery.neighbours(Filter(), "x")


def test_guesses_are_those_of_the_live_model(blobs: ToyProject) -> None:
    gallery = blobs.project.items.gallery()
    assert gallery.page(Filter(guess="red"), 10).total == 0  # there is no model yet
    assert all(shown.guess is None for shown in gallery.page(Filter(), 10).items)
    blobs.train()
    gallery = blobs.project.items.gallery()
    by_class = {name: found(blobs, Filter(guess=name)) for name in blobs.project.status().classes}
    assert sum(map(len, by_class.values())) == 60
    for name, ids in by_class.items():
        for prediction in blobs.project.models.predict_ids(ids).predictions if ids else ():
            assert prediction.label == name
    for shown in gallery.page(Filter(differs=True), 100).items:
        assert shown.guess is not None
        assert shown.item.candidates is not None
        assert shown.guess.label not in shown.item.candidates


def test_neighbours_agree_with_the_pages(said: tuple[ToyProject, list[str]]) -> None:
    project, _ = said
    gallery = project.project.items.gallery()
    for newest in (False, True):
        ids = [shown.item.id for shown in gallery.page(Filter(state="open"), 100, newest=newest).items]
        for number, identity in enumerate(ids):
            beside = gallery.neighbours(Filter(state="open"), identity, newest=newest)
            assert beside.before == (ids[number - 1] if number else None)
            assert beside.after == (ids[number + 1] if number + 1 < len(ids) else None)
            assert (beside.number, beside.total) == (number + 1, len(ids))


def test_pages_of_every_size_meet(blobs: ToyProject) -> None:
    gallery = blobs.project.items.gallery()
    whole = found(blobs, Filter())
    for limit in (1, 7, 59, 60, 61):
        for newest in (False, True):
            page = gallery.page(Filter(), limit, newest=newest)
            ids = [shown.item.id for shown in page.items]
            while page.after is not None:
                page = gallery.page(Filter(), limit, after=page.after, newest=newest)
                ids += [shown.item.id for shown in page.items]
                assert page.before is not None
            assert ids == (whole[::-1] if newest else whole)


def test_added_images_are_new_once(make: Make, image: Callable[..., bytes]) -> None:
    project = make(SQUARES).bring()
    one, two = image(1), image(2)
    first = project.project.items.add([one, two, one])
    assert [added.new for added in first] == [True, True, False]
    assert [added.new for added in project.project.items.add([two, image(3)])] == [False, True]
    assert found(project, Filter(search=first[0].id[10:30].upper())) == [first[0].id]


def test_a_regression_has_values_and_no_classes(make: Make) -> None:
    project = make(WAVE).bring()
    page = project.project.items.gallery().page(Filter(state="labelled"), 10)
    assert page.total == 3
    assert all(shown.item.value is not None and shown.guess is None for shown in page.items)
    assert page.counts.classes == {}
    assert set(page.counts.states) == {"open", "labelled", "skipped"}
    assert page.counts.annotators == {"dataset": 3}
    with pytest.raises(NotFound, match="is called"):
        project.project.items.gallery().page(Filter(named="red"), 10)
