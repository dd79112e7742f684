from __future__ import annotations

import shutil
from dataclasses import asdict

import numpy as np
import pytest
from support.engine import WAVE, full

from nextlabel.contracts.errors import NotFound, NotReady, Unprocessable
from nextlabel.engine.progress.wilson import wilson
from nextlabel.store import checkpoints
from nextlabel.store.labels import Label


def names(found) -> list[str]:
    return [item.id for item in found.items]


@pytest.fixture
def trained(make):
    return make(labels={"control": 0.5}).bring().train()


def open_ids(project, count: int) -> list[str]:
    return [item.id for item in project.project.items.page("open", limit=200).items if not item.holdout][:count]


def test_before_anything_it_says_what_is_missing(make, blobs):
    fresh = make(name="other").project.progress
    assert fresh.curve() == ()
    for tell in (fresh.labels, fresh.confusion, fresh.control, lambda: fresh.contested(1, 5)):
        with pytest.raises(NotReady, match="not been read"):
            tell()
    read = blobs.project.progress
    assert read.labels().unseen == 0
    for tell in (read.confusion, read.control, lambda: read.doubtful(1, 5)):
        with pytest.raises(NotReady, match="no trained model"):
            tell()


def test_scores_that_are_gone_are_told(trained):
    with trained.services.database.read() as connection:
        folder = checkpoints.scoring(connection, trained.name, "r1").folder
    shutil.rmtree(trained.services.home.at(folder))
    with pytest.raises(NotReady, match="r1 has not scored"):
        trained.project.progress.confusion()


def test_the_confusion_is_the_accuracy_that_was_measured(trained):
    (point,) = trained.project.progress.curve()
    found = trained.project.progress.confusion()
    assert found.items == point.holdout
    assert found.right / found.items == pytest.approx(point.accuracy)
    assert point.interval == wilson(point.accuracy, point.holdout)
    progress = trained.project.progress
    for row, true in enumerate(found.classes):
        for column, predicted in enumerate(found.classes):
            cell = progress.confused(true, predicted, 1, 1000)
            assert cell.total == found.counts[row, column] == len(cell.items)
            assert all(item.holdout and item.truth == true and item.guess.label == predicted for item in cell.items)


def test_an_unknown_class_is_told_with_the_valid_ones(trained):
    with pytest.raises(NotFound, match="no class is called 'nope'"):
        trained.project.progress.confused("nope", trained.services.row("toy").classes[0], 1, 5)


def test_who_disagrees_about_what(trained):
    one, two, three = trained.services.row("toy").classes[:3]
    first, second, third = open_ids(trained, 3)
    trained.project.labels.submit("ann", [full(first, one), full(second, one, two), full(third, one)])
    trained.project.labels.submit("bob", [full(first, two), full(second, two, three), full(third, three)])
    found = trained.project.progress.contested(1, 10)
    assert (found.total, sorted(names(found))) == (2, sorted([first, third]))
    shown = next(item for item in found.items if item.id == first)
    assert {voice.annotator: voice.candidates for voice in shown.voices} == {"ann": (one,), "bob": (two,)}
    assert shown.truth is None
    trained.project.labels.submit("bob", [(third, Label(retract=True))])
    assert names(trained.project.progress.contested(1, 10)) == [first]


def test_lists_come_in_pages(trained):
    one, two = trained.services.row("toy").classes[:2]
    places = open_ids(trained, 5)
    trained.project.labels.submit("ann", [full(place, one) for place in places])
    trained.project.labels.submit("bob", [full(place, two) for place in places])
    pages = [trained.project.progress.contested(page, 2) for page in (1, 2, 3)]
    assert [(len(page.items), page.page, page.pages, page.total) for page in pages] == [
        (2, 1, 3, 5), (2, 2, 3, 5), (1, 3, 3, 5),
    ]  # fmt: skip
    assert sorted(name for page in pages for name in names(page)) == sorted(places)
    assert trained.project.progress.contested(99, 2).page == 3


def test_labels_that_the_model_finds_all_but_impossible(trained):
    classes = trained.services.row("toy").classes
    with trained.services.database.read() as connection:
        scoring = checkpoints.scoring(connection, "toy", "r1")
    scores = np.load(trained.services.home.at(scoring.folder) / "probabilities.npy")
    places = open_ids(trained, 30)
    wrong = {place: classes[int(scores[int("".join(filter(str.isdigit, place)))].argmin())] for place in places}
    trained.project.labels.submit("ann", [full(place, name) for place, name in wrong.items()])
    found = trained.project.progress.doubtful(1, 1000)
    mine = [item for item in found.items if item.id in wrong]
    given = [item.given for item in found.items]
    assert mine
    assert given == sorted(given)
    assert all(item.given < 0.05 and item.truth == wrong[item.id] and item.guess.label != item.truth for item in mine)
    likely = {item.id: scores[int("".join(filter(str.isdigit, item.id)))].min() for item in mine}
    assert {item.id: item.given for item in mine} == pytest.approx(likely)


def test_labels_by_class_and_by_annotator(trained):
    one, two = trained.services.row("toy").classes[:2]
    before = {tally.name: tally for tally in trained.project.progress.labels().classes}
    first, second, third, fourth = open_ids(trained, 4)
    trained.project.labels.submit("ann", [full(first, one), full(second, one, two), (third, Label(skip=True))])
    trained.project.labels.submit("ann", [full(fourth, two), (fourth, Label(retract=True))])
    found = trained.project.progress.labels()
    after = {tally.name: tally for tally in found.classes}
    assert (after[one].full - before[one].full, after[one].named - before[one].named) == (1, 2)
    assert (after[two].full - before[two].full, after[two].named - before[two].named) == (0, 1)
    tallies = {tally.annotator: asdict(tally) for tally in found.annotators}
    assert set(tallies) == {"ann", "dataset"}
    told = ("full", "partial", "skips", "retractions", "recent")
    assert tuple(tallies["ann"][name] for name in told) == (2, 1, 1, 1, 3)
    assert (found.unseen, found.last_hour) == (5, 3)
    trained.train()
    assert trained.project.progress.labels().unseen == 0


def test_what_the_control_arm_tells(trained):
    query = trained.project.queries.create(20, annotator="ann")
    asked = {item.id: item.reason for item in query.items}
    trained.answer(query, "ann")
    found = trained.project.progress.control()
    assert found.checkpoint == "r1"
    for reason in ("control", "strategy"):
        mine = [name for name, why in asked.items() if why == reason]
        guesses = trained.project.models.predict_ids(mine).predictions
        right = sum(guess.label == trained.truth(name) for guess, name in zip(guesses, mine, strict=True))
        assert mine
        assert (found.arms[reason].items, found.arms[reason].right) == (len(mine), right)
    trained.train()  # what it has learnt, it no longer counts
    assert trained.project.progress.control().arms == {}


def test_a_checkpoint_whose_files_are_gone(trained):
    trained.train()
    with trained.services.database.read() as connection:
        folder = checkpoints.get(connection, "toy", "r1").folder
    shutil.rmtree(trained.services.home.at(folder))
    assert [point.kept for point in trained.project.progress.curve()] == [False, True]


def test_a_regression_has_errors_and_no_classes(make):
    wave = make(WAVE).bring().train()
    (point,) = wave.project.progress.curve()
    assert point.accuracy is None
    assert point.interval is None
    assert point.rmse > 0
    found = wave.project.progress.labels()
    assert found.classes == ()
    assert [tally.full for tally in found.annotators] == [3]
    for tell in (wave.project.progress.confusion, wave.project.progress.control):
        with pytest.raises(Unprocessable, match="regression"):
            tell()
