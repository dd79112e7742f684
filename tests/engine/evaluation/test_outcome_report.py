"""Reports on predictions, compared with scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest

from nextlabel.engine.evaluation.outcome_report import ClassReport, ErrorReport, Outcome, outcome, report
from nextlabel.engine.metrics import Predictions

NAMES = ("cat", "dog", "eel", "fox")


def drawn(seed: int, size: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Return the truth and predictions, most of them right. No item is a fox, and none is predicted an eel."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=size)
    predicted = np.where(rng.random(size) < 2 / 3, truth, rng.choice([0, 1, 3], size=size))
    predicted[predicted == 2] = 0
    return truth, predicted


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_scikit_learn(seed: int) -> None:
    from sklearn.metrics import classification_report, confusion_matrix

    truth, predicted = drawn(seed)
    made = report([Outcome("test", truth, predicted, NAMES)])
    assert isinstance(made, ClassReport)
    expected = classification_report(
        truth, predicted, labels=range(4), target_names=NAMES, output_dict=True, zero_division=0
    )
    for name, scores in {
        **dict(zip(NAMES, made.classes, strict=True)), "macro avg": made.macro, "weighted avg": made.weighted
    }.items():  # fmt: skip
        row = expected[name]
        assert (scores.precision, scores.recall, scores.f1) == pytest.approx(
            (row["precision"], row["recall"], row["f1-score"]), abs=1e-12
        )
        assert scores.support == row["support"]
    assert made.accuracy == pytest.approx(expected["accuracy"])
    assert (made.confusion == confusion_matrix(truth, predicted, labels=range(4))).all()
    assert (made.classes[2].precision, made.classes[3].recall, made.classes[3].support) == (0, 0, 0)


def test_outcomes_are_pooled() -> None:
    both = [Outcome("test", *drawn(seed), NAMES) for seed in (1, 2)]
    single = [report([one]) for one in both]
    pooled = report(both)
    assert isinstance(pooled, ClassReport)
    assert (pooled.confusion == sum(one.confusion for one in single)).all()
    assert pooled.accuracy == pytest.approx(np.mean([one.accuracy for one in single]))


def test_the_document_of_a_classification() -> None:
    made = report([Outcome("holdout", np.array([0, 1, 1]), np.array([0, 0, 1]), ("cat", "dog"))]).document()
    cat = {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "support": 1}
    dog = {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2}
    assert made["report"]["classes"] == {"cat": cat, "dog": dog}
    assert made["report"]["accuracy"] == pytest.approx(2 / 3)
    assert made["report"]["macro"] == {"precision": 0.75, "recall": 0.75, "f1": pytest.approx(2 / 3), "support": 3}
    assert made["report"]["weighted"]["precision"] == pytest.approx(2.5 / 3)
    assert made["confusion"] == [[1, 0], [1, 1]]


def test_errors_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    rng = np.random.default_rng(0)
    truth, predicted = rng.normal(size=(2, 50))
    made = report([Outcome("test", truth[:20], predicted[:20]), Outcome("test", truth[20:], predicted[20:])])
    assert isinstance(made, ErrorReport)
    assert made.rmse == pytest.approx(root_mean_squared_error(truth, predicted))
    assert made.mean_absolute_error == pytest.approx(mean_absolute_error(truth, predicted))
    assert made.r2 == pytest.approx(r2_score(truth, predicted))
    assert set(made.document()["report"]) == {"rmse", "mean_absolute_error", "r2", "support"}


def test_equal_values_have_no_coefficient_of_determination() -> None:
    made = report([Outcome("test", np.full(3, 2.0), np.array([2.0, 2.0, 2.5]))])
    assert isinstance(made, ErrorReport)
    assert (made.r2, made.support) == (None, 3)


def test_an_outcome_has_the_most_probable_classes_or_the_means() -> None:
    positions = np.array([0, 2])
    probabilities = np.array([[0.1, 0.9], [0.5, 0.5], [0.7, 0.3]], np.float32)
    truth = np.array([1, 1])
    made = outcome("test", Predictions({"probabilities": probabilities}, positions, truth), ("a", "b"))
    assert (made.predicted.tolist(), made.truth.tolist()) == ([1, 0], [1, 1])
    mean = np.array([0.5, 1.5, 2.5])
    values = Predictions({"mean": mean, "std": mean}, positions, np.ones(2))
    assert outcome("test", values, ()).predicted.tolist() == [0.5, 2.5]
