"""The learner `linear`: scikit-learn's logistic regression on full labels, and candidate sets beyond it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from nextlabel.contracts import GraphItems, ImageInput, Targets, Training, VectorItems
from nextlabel.contracts.errors import Unprocessable
from nextlabel.engine.images.image_items import FileItems, JoinedItems, PixelItems
from nextlabel_plugins.learners import linear
from nextlabel_plugins.learners.linear import Linear, LinearModel, LinearParameters


def fit(vectors: np.ndarray, sets: np.ndarray, **parameters: Any) -> LinearModel:
    learner = Linear(LinearParameters(**parameters))
    model = learner.fit(VectorItems(vectors.astype(np.float32)), Targets(candidates=sets), Training(0))
    assert isinstance(model, LinearModel)
    return model


def predict(model: LinearModel, vectors: np.ndarray) -> np.ndarray:
    items = VectorItems(vectors.astype(np.float32))
    probabilities = model.predict(items, frozenset(), np.random.default_rng(0)).probabilities
    assert probabilities is not None
    return probabilities


def one_hot(truth: np.ndarray, classes: int = 3) -> np.ndarray:
    return np.eye(classes, dtype=np.bool_)[truth]


def blobs(spread: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = np.arange(300) % 3
    return np.eye(3)[truth] * 6 + rng.normal(0, spread, (300, 3)), truth


@pytest.mark.parametrize("scale", ["common", "column"])
@pytest.mark.parametrize("strength", [0.01, 1.0, 10.0])
@pytest.mark.parametrize("load", [load_iris, load_digits])
def test_full_labels_give_what_scikit_learn_gives(load, strength, scale):
    vectors, truth = load(return_X_y=True)
    vectors = vectors.astype(np.float32)[::3]
    truth = truth[::3]
    model = fit(vectors, one_hot(truth, int(truth.max()) + 1), C=strength, scale=scale)
    inputs = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    inputs /= np.sqrt((inputs**2).mean()) if scale == "common" else np.maximum(inputs.std(axis=0), 1e-9)
    theirs = LogisticRegression(C=strength, tol=1e-10, max_iter=10_000).fit(inputs, truth)
    np.testing.assert_allclose(predict(model, vectors), theirs.predict_proba(inputs), atol=1e-4)


@pytest.mark.parametrize("strength", [0.01, 1.0, 10.0])
def test_two_classes_give_what_scikit_learn_gives(strength):
    vectors, truth = load_breast_cancer(return_X_y=True)
    vectors = vectors.astype(np.float32)[::3]
    truth = truth[::3]
    model = fit(vectors, one_hot(truth, 2), C=strength, scale="column")
    standardised = StandardScaler().fit_transform(vectors.astype(np.float64))
    theirs = LogisticRegression(C=strength, tol=1e-10, max_iter=10_000).fit(standardised, truth)
    np.testing.assert_allclose(predict(model, vectors), theirs.predict_proba(standardised), atol=1e-4)


def test_few_labels_of_many_columns_are_not_drowned_in_noise():
    # as embeddings are: a few columns that separate the classes, and many that are nearly always zero
    rng = np.random.default_rng(0)
    truth = np.arange(1000) % 2
    vectors = np.where(rng.random((1000, 1000)) < 0.05, rng.random((1000, 1000)), 0.0)
    vectors[:, :20] = rng.normal(0.9 * truth[:, None], 1.0, (1000, 20))
    correct = {
        scale: (predict(fit(vectors[:20], one_hot(truth[:20], 2), scale=scale), vectors).argmax(axis=1) == truth).mean()
        for scale in ("common", "column")
    }
    assert correct["column"] < 0.8
    assert correct["common"] > 0.9


def test_columns_in_different_units_can_have_a_scale_each():
    vectors, truth = load_wine(return_X_y=True)
    labelled = slice(None, None, 6)
    correct = {
        scale: (
            predict(fit(vectors[labelled], one_hot(truth[labelled]), scale=scale), vectors).argmax(axis=1) == truth
        ).mean()
        for scale in ("common", "column")
    }
    assert correct["common"] < 0.8
    assert correct["column"] > 0.9


def test_the_default_strength_is_scikit_learns():
    assert LinearParameters().C == LogisticRegression().C


def test_unlabelled_rows_are_not_read():
    class LabelledRowsOnly(VectorItems):
        @property
        def vectors(self):
            raise AssertionError("the learner reads all rows")

    vectors, truth = blobs()
    vectors += 100
    sets = np.ones((300, 3), np.bool_)
    sets[:30] = one_hot(truth[:30])
    items = LabelledRowsOnly(vectors.astype(np.float32))
    model = Linear(LinearParameters()).fit(items, Targets(candidates=sets), Training(0))
    assert isinstance(model, LinearModel)
    assert (predict(model, vectors).argmax(axis=1) == truth).mean() > 0.97
    np.testing.assert_array_equal(predict(model, vectors), predict(fit(vectors[:30], sets[:30]), vectors))


def test_partial_labels_alone_separate_the_classes():
    vectors, truth = blobs()
    others = (truth + np.random.default_rng(1).integers(1, 3, 300)) % 3
    model = fit(vectors, one_hot(truth) | one_hot(others))
    assert (predict(model, vectors).argmax(axis=1) == truth).mean() > 0.97


def test_the_loss_is_that_of_the_summed_probability():
    # three sets at the same point: the intercepts alone are learnt, and the likelihood p0 (p0 + p1) p2 is largest
    # for p1 = 0, p0 = 2/3
    sets = np.array([[True, False, False], [True, True, False], [False, False, True]])
    probabilities = predict(fit(np.ones((3, 2)), sets), np.ones((1, 2)))
    np.testing.assert_allclose(probabilities, [[2 / 3, 0, 1 / 3]], atol=1e-3)


def test_labels_of_one_class_only_give_that_class():
    vectors, _ = blobs()
    model = fit(vectors[:4], one_hot(np.ones(4, np.int64)))
    probabilities = predict(model, vectors)
    assert (probabilities[:, 1] > 0.99).all()
    assert np.isfinite(np.log(probabilities)).all()


def test_a_column_that_is_constant_among_the_labels_is_not_used():
    vectors, truth = blobs()
    vectors[:, 0] = 1e6 / 3
    model = fit(vectors, one_hot(truth))
    other = vectors.copy()
    other[:, 0] += 1000
    np.testing.assert_allclose(predict(model, other), predict(model, vectors), atol=1e-4)


def test_vectors_far_from_zero_keep_their_digits_in_onnx(tmp_path):
    vectors, truth = blobs()
    vectors = (vectors + 100_000).astype(np.float32)
    model = fit(vectors, one_hot(truth))
    assert (predict(model, vectors).argmax(axis=1) == truth).mean() > 0.97
    assert model.write_onnx(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"input": vectors})[0], predict(model, vectors), atol=1e-5)


def test_small_images_are_flattened():
    ink, truth = load_digits(return_X_y=True)
    images = np.rint(ink.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    targets = Targets(candidates=one_hot(truth, 10))
    model = Linear(LinearParameters()).fit(PixelItems(images), targets, Training(0))
    assert model.input == ImageInput(8, 8, 1)
    outputs = model.predict(PixelItems(images[:50]), frozenset({"embeddings"}), np.random.default_rng(0))
    flat = images.reshape(-1, 64) / np.float32(255)
    np.testing.assert_array_equal(outputs.embeddings, flat[:50])
    expected = predict(fit(flat, one_hot(truth, 10)), flat[:50])
    np.testing.assert_allclose(outputs.probabilities, expected, atol=1e-4)


def test_images_of_different_sizes_are_resized():
    grey = [PixelItems(np.full((2, side, side), side, np.uint8)) for side in (9, 20)]
    targets = Targets(candidates=one_hot(np.array([0, 0, 1, 1]), 2))
    model = Linear(LinearParameters()).fit(JoinedItems(grey), targets, Training(0))
    assert model.input == ImageInput(32, 32, 1)
    model = Linear(LinearParameters(image_size=5)).fit(JoinedItems(grey), targets, Training(0))
    assert model.input == ImageInput(5, 5, 1)
    rebuilt = Linear(LinearParameters()).rebuild(model.description(), model.tensors())
    assert rebuilt.input == model.input


def test_the_loss_of_each_evaluation_is_reported():
    reports: list[tuple[float, dict[str, float]]] = []
    vectors, truth = blobs(4.0)
    training = Training(0, progress=lambda share, metrics: reports.append((share, dict(metrics))))
    model = Linear(LinearParameters()).fit(VectorItems(vectors), Targets(candidates=one_hot(truth)), training)
    assert isinstance(model, LinearModel)
    losses = [metrics["loss"] for _, metrics in reports]
    assert losses[-1] < losses[0] == pytest.approx(np.log(3))  # before the first step
    # without the penalty, so that it is the loss of other learners
    assert losses[-1] == pytest.approx(-np.log(predict(model, vectors)[np.arange(300), truth]).mean(), abs=1e-5)
    assert reports[-1][0] == 1
    assert all(metrics.keys() == {"loss"} for _, metrics in reports)  # L-BFGS has no epochs


@pytest.mark.parametrize("limit", [5, 1000])
def test_a_fit_that_ends_at_its_limit_is_logged(limit, monkeypatch, capsys):
    monkeypatch.setattr(linear, "MAX_ITERATIONS", limit)
    vectors, truth = blobs(4.0)
    fit(vectors, one_hot(truth))
    logged = "linear: the fit ended at its limit of 5 iterations\n"
    assert capsys.readouterr().out == (logged if limit == 5 else "")


def test_unusable_items_and_targets_are_refused():
    vectors = np.zeros((3, 2), np.float32)
    learner, sets = Linear(LinearParameters()), Targets(candidates=one_hot(np.arange(3)))
    with pytest.raises(Unprocessable, match="learns classes of vectors or images"):
        learner.fit(VectorItems(vectors), Targets(values=np.zeros(3)), Training(0))
    with pytest.raises(Unprocessable, match="learns classes of vectors or images"):
        learner.fit(GraphItems(vectors, np.empty((2, 0), np.int64)), sets, Training(0))
    with pytest.raises(Unprocessable, match="no label"):
        learner.fit(VectorItems(vectors), Targets(candidates=np.ones((3, 3), np.bool_)), Training(0))
    with pytest.raises(Unprocessable, match=r"\[features\]"):
        learner.fit(VectorItems(vectors), sets, Training(0, features=lambda: vectors))
    model = fit(vectors, one_hot(np.arange(3)))
    with pytest.raises(Unprocessable, match="vectors only"):
        model.predict(FileItems([]), frozenset(), np.random.default_rng(0))
