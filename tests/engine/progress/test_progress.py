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


def names(listing) -> list[str]:
    return [item.id for item in listing.items]


@pytest.fixture
def trained(make):
    return make(labels={"control": 0.5}).import_dataset().train()


def open_ids(project, count: int) -> list[str]:
    return [item.id for item in project.project.items.page("open", limit=200).items if not item.holdout][:count]


def test_the_error_names_what_is_missing(make, blobs):
    new = make(name="other").project.progress
    assert new.curve() == ()
    for read in (new.labels, new.confusion, new.control, lambda: new.conflicts(1, 5)):
        with pytest.raises(NotReady, match="not been read"):
            read()
    progress = blobs.project.progress
    assert progress.labels().unseen == 0
    for read in (progress.confusion, progress.control, lambda: progress.label_issues(1, 5)):
        with pytest.raises(NotReady, match="no trained model"):
            read()


def overwrite_scores(project, checkpoint, change):
    with project.services.database.read() as connection:
        folder = project.services.home.at(checkpoints.scoring(connection, project.name, checkpoint).folder)
    probabilities = np.load(folder / "probabilities.npy")
    change(probabilities)
    np.save(folder / "probabilities.npy", probabilities)


def test_items_that_the_model_knows_nothing_about_count(trained):
    query = trained.project.queries.create(20, annotator="ann")
    trained.answer(query, "ann")
    before, arms = trained.project.progress.confusion(), trained.project.progress.control().arms
    overwrite_scores(trained, "r1", lambda probabilities: probabilities.fill(1 / probabilities.shape[1]))
    matrix = trained.project.progress.confusion()
    assert (matrix.items, matrix.unscored) == (before.items, 0)
    assert matrix.counts[:, 0].sum() == before.items  # of equal ones, the first is the prediction
    for name, arm in trained.project.progress.control().arms.items():
        assert arm.items == arms[name].items


def test_missing_scores_are_reported(trained):
    with trained.services.database.read() as connection:
        folder = checkpoints.scoring(connection, trained.name, "r1").folder
    shutil.rmtree(trained.services.home.at(folder))
    with pytest.raises(NotReady, match="r1 has not scored"):
        trained.project.progress.confusion()


def test_the_confusion_matrix_matches_the_accuracy(trained):
    (point,) = trained.project.progress.curve()
    matrix = trained.project.progress.confusion()
    assert matrix.items == point.holdout
    assert matrix.right / matrix.items == pytest.approx(point.accuracy)
    assert point.interval == wilson(point.accuracy, point.holdout)
    progress = trained.project.progress
    for row, true in enumerate(matrix.classes):
        for column, predicted in enumerate(matrix.classes):
            cell = progress.confused(true, predicted, 1, 1000)
            assert cell.total == matrix.counts[row, column] == len(cell.items)
            assert all(
                item.holdout and item.truth == true and item.prediction.label == predicted for item in cell.items
            )


def test_an_unknown_class_raises_not_found(trained):
    with pytest.raises(NotFound, match="no class is called 'nope'"):
        trained.project.progress.confused("nope", trained.services.row("toy").classes[0], 1, 5)


def test_conflicts_list_items_without_a_common_class(trained):
    one, two, three = trained.services.row("toy").classes[:3]
    first, second, third = open_ids(trained, 3)
    trained.project.labels.submit("ann", [full(first, one), full(second, one, two), full(third, one)])
    trained.project.labels.submit("bob", [full(first, two), full(second, two, three), full(third, three)])
    listing = trained.project.progress.conflicts(1, 10)
    assert (listing.total, sorted(names(listing))) == (2, sorted([first, third]))
    shown = next(item for item in listing.items if item.id == first)
    assert shown.current_labels == {"ann": Label(candidates=(one,)), "bob": Label(candidates=(two,))}
    assert shown.truth is None
    trained.project.labels.submit("bob", [(third, Label(retract=True))])
    assert names(trained.project.progress.conflicts(1, 10)) == [first]


def test_lists_have_pages(trained):
    one, two = trained.services.row("toy").classes[:2]
    items = open_ids(trained, 5)
    trained.project.labels.submit("ann", [full(item, one) for item in items])
    trained.project.labels.submit("bob", [full(item, two) for item in items])
    pages = [trained.project.progress.conflicts(page, 2) for page in (1, 2, 3)]
    assert [(len(page.items), page.page, page.pages, page.total) for page in pages] == [
        (2, 1, 3, 5), (2, 2, 3, 5), (1, 3, 3, 5),
    ]  # fmt: skip
    assert sorted(name for page in pages for name in names(page)) == sorted(items)
    assert trained.project.progress.conflicts(99, 2).page == 3


def test_label_issues_are_labels_that_the_model_finds_unlikely(trained):
    classes = trained.services.row("toy").classes
    with trained.services.database.read() as connection:
        scoring = checkpoints.scoring(connection, "toy", "r1")
    scores = np.load(trained.services.home.at(scoring.folder) / "probabilities.npy")
    items = open_ids(trained, 30)
    wrong = {item: classes[int(scores[int("".join(filter(str.isdigit, item)))].argmin())] for item in items}
    trained.project.labels.submit("ann", [full(item, name) for item, name in wrong.items()])
    listing = trained.project.progress.label_issues(1, 1000)
    mislabelled = [item for item in listing.items if item.id in wrong]
    probabilities = [item.truth_probability for item in listing.items]
    assert mislabelled
    assert probabilities == sorted(probabilities)
    for item in mislabelled:
        assert item.truth_probability < 0.05
        assert item.truth == wrong[item.id] != item.prediction.label
    expected = {item.id: scores[int("".join(filter(str.isdigit, item.id)))].min() for item in mislabelled}
    assert {item.id: item.truth_probability for item in mislabelled} == pytest.approx(expected)


def test_labels_by_class_and_by_annotator(trained):
    one, two = trained.services.row("toy").classes[:2]
    before = {tally.name: tally for tally in trained.project.progress.labels().classes}
    first, second, third, fourth = open_ids(trained, 4)
    trained.project.labels.submit("ann", [full(first, one), full(second, one, two), (third, Label(skip=True))])
    trained.project.labels.submit("ann", [full(fourth, two), (fourth, Label(retract=True))])
    labels = trained.project.progress.labels()
    after = {tally.name: tally for tally in labels.classes}
    assert (after[one].full - before[one].full, after[one].named - before[one].named) == (1, 2)
    assert (after[two].full - before[two].full, after[two].named - before[two].named) == (0, 1)
    tallies = {tally.annotator: asdict(tally) for tally in labels.annotators}
    assert set(tallies) == {"ann", "dataset"}
    fields = ("full", "partial", "skips", "retractions", "recent")
    assert tuple(tallies["ann"][name] for name in fields) == (2, 1, 1, 1, 3)
    assert (labels.unseen, labels.last_hour) == (5, 3)
    trained.train()
    assert trained.project.progress.labels().unseen == 0


def test_the_control_arm_counts_labelled_queries(trained):
    query = trained.project.queries.create(20, annotator="ann")
    queried = {item.id: item.reason for item in query.items}
    trained.answer(query, "ann")
    control = trained.project.progress.control()
    assert control.checkpoint == "r1"
    for reason in ("control", "strategy"):
        arm = [name for name, why in queried.items() if why == reason]
        predictions = trained.project.models.predict_ids(arm).predictions
        right = sum(one.label == trained.truth(name) for one, name in zip(predictions, arm, strict=True))
        assert arm
        assert (control.arms[reason].items, control.arms[reason].right) == (len(arm), right)
    trained.train()  # labels it was trained on do not count
    assert trained.project.progress.control().arms == {}


def test_a_checkpoint_with_missing_files(trained):
    trained.train()
    with trained.services.database.read() as connection:
        folder = checkpoints.get(connection, "toy", "r1").folder
    shutil.rmtree(trained.services.home.at(folder))
    assert [point.has_files for point in trained.project.progress.curve()] == [False, True]


@pytest.mark.slow
def test_a_regression_has_errors_and_no_classes(make):
    wave = make(WAVE).import_dataset().train()
    (point,) = wave.project.progress.curve()
    assert point.accuracy is None
    assert point.interval is None
    assert point.rmse > 0
    labels = wave.project.progress.labels()
    assert labels.classes == ()
    assert [tally.full for tally in labels.annotators] == [3]
    for read in (wave.project.progress.confusion, wave.project.progress.control):
        with pytest.raises(Unprocessable, match="regression"):
            read()
