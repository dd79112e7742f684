"""Filters of the gallery, against items counted by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.engine import SQUARES, WAVE, ToyProject, full

from nextlabel.contracts.errors import NotFound
from nextlabel.engine.browse.filters import ItemFilter
from nextlabel.store.labels import Label

Make = Callable[..., ToyProject]


def matching(project: ToyProject, conditions: ItemFilter, limit: int = 100) -> list[str]:
    return [card.item.id for card in project.project.items.gallery().page(conditions, limit).items]


@pytest.fixture
def labelled(blobs: ToyProject) -> tuple[ToyProject, list[str]]:
    """Label the first open items: a full label, a partial one, a skip, a conflict."""
    ids = [item.id for item in blobs.project.items.page("open", limit=6).items]
    blobs.project.labels.submit("ann", [full(ids[0], "red"), full(ids[1], "red", "blue"), (ids[2], Label(skip=True))])
    blobs.project.labels.submit("ann", [full(ids[3], "red")])
    blobs.project.labels.submit("bob", [full(ids[3], "blue")])
    return blobs, ids


def test_counts_match_the_items_each_filter_shows(labelled: tuple[ToyProject, list[str]]) -> None:
    project, ids = labelled
    gallery = project.project.items.gallery()
    for conditions in (
        ItemFilter(),
        ItemFilter(candidate="red"),
        ItemFilter(annotator="ann"),
        ItemFilter(state="partial", holdout="no"),
        ItemFilter(candidate="blue", annotator="bob", search="p"),
        ItemFilter(search=ids[1]),
    ):
        counts = gallery.page(conditions, 1).counts
        rest = {name: value for name, value in vars(conditions).items() if name != "state"}
        assert counts.every == len(matching(project, ItemFilter(**rest)))
        for state, count in counts.states.items():
            assert count == len(matching(project, ItemFilter(**{**rest, "state": state}))), state
        for part, names in (
            ("candidate", counts.classes),
            ("annotator", counts.annotators),
            ("holdout", counts.holdout),
        ):
            for name, count in names.items():
                assert count == len(matching(project, ItemFilter(**{**vars(conditions), part: name}))), (part, name)


def test_an_unlabelled_item_has_no_candidates(labelled: tuple[ToyProject, list[str]]) -> None:
    project, ids = labelled
    ids_of_red = matching(project, ItemFilter(candidate="red", annotator="ann"))
    assert ids_of_red == [ids[0], ids[1], ids[3]]
    assert ids[5] not in matching(project, ItemFilter(candidate="red"))


def test_unknown_names_are_rejected(blobs: ToyProject) -> None:
    gallery = blobs.project.items.gallery()
    for conditions in (ItemFilter(candidate="mauve"), ItemFilter(predicted="mauve"), ItemFilter(annotator="unknown")):
        with pytest.raises(NotFound, match="is called"):
            gallery.page(conditions, 1)
    with pytest.raises(NotFound, match="no item 'x'"):
        gallery.page(ItemFilter(), 1, after="x")
    with pytest.raises(NotFound, match="no item 'x'"):
        gallery.neighbours(ItemFilter(), "x")


def test_predictions_are_by_the_live_model(blobs: ToyProject) -> None:
    gallery = blobs.project.items.gallery()
    assert gallery.page(ItemFilter(predicted="red"), 10).total == 0  # there is no model yet
    assert all(card.suggestion is None for card in gallery.page(ItemFilter(), 10).items)
    blobs.train()
    gallery = blobs.project.items.gallery()
    by_class = {name: matching(blobs, ItemFilter(predicted=name)) for name in blobs.project.status().classes}
    assert sum(map(len, by_class.values())) == 60
    for name, ids in by_class.items():
        for prediction in blobs.project.models.predict_ids(ids).predictions if ids else ():
            assert prediction.label == name
    for card in gallery.page(ItemFilter(differs=True), 100).items:
        assert card.suggestion is not None
        assert card.item.candidates is not None
        assert card.suggestion.label not in card.item.candidates


def test_neighbours_agree_with_the_pages(labelled: tuple[ToyProject, list[str]]) -> None:
    project, _ = labelled
    gallery = project.project.items.gallery()
    for newest in (False, True):
        ids = [card.item.id for card in gallery.page(ItemFilter(state="open"), 100, newest=newest).items]
        for number, identity in enumerate(ids):
            beside = gallery.neighbours(ItemFilter(state="open"), identity, newest=newest)
            assert beside.before == (ids[number - 1] if number else None)
            assert beside.after == (ids[number + 1] if number + 1 < len(ids) else None)
            assert (beside.number, beside.total) == (number + 1, len(ids))


def test_pages_of_every_size_are_contiguous(blobs: ToyProject) -> None:
    gallery = blobs.project.items.gallery()
    whole = matching(blobs, ItemFilter())
    for limit in (1, 7, 59, 60, 61):
        for newest in (False, True):
            page = gallery.page(ItemFilter(), limit, newest=newest)
            ids = [card.item.id for card in page.items]
            while page.after is not None:
                page = gallery.page(ItemFilter(), limit, after=page.after, newest=newest)
                ids += [card.item.id for card in page.items]
                assert page.before is not None
            assert ids == (whole[::-1] if newest else whole)


def test_added_images_are_new_once(make: Make, image: Callable[..., bytes]) -> None:
    project = make(SQUARES).import_dataset()
    one, two = image(1), image(2)
    first = project.project.items.add([one, two, one])
    assert [result.new for result in first] == [True, True, False]
    assert [result.new for result in project.project.items.add([two, image(3)])] == [False, True]
    assert matching(project, ItemFilter(search=first[0].id[10:30].upper())) == [first[0].id]


def test_a_regression_has_values_and_no_classes(make: Make) -> None:
    project = make(WAVE).import_dataset()
    page = project.project.items.gallery().page(ItemFilter(state="labelled"), 10)
    assert page.total == 3
    assert all(card.item.value is not None and card.suggestion is None for card in page.items)
    assert page.counts.classes == {}
    assert set(page.counts.states) == {"open", "labelled", "skipped"}
    assert page.counts.annotators == {"dataset": 3}
    with pytest.raises(NotFound, match="is called"):
        project.project.items.gallery().page(ItemFilter(candidate="red"), 10)
