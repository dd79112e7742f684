"""The learner `label-spreading`: it gives what scikit-learn gives, respects candidate sets, and stores little."""

from __future__ import annotations

import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.semi_supervised import LabelSpreading as Reference

from nextlabel.contracts import GraphItems, ImageInput, Targets, Training, VectorInput, VectorItems
from nextlabel.contracts.errors import ProjectError, Unprocessable
from nextlabel.engine.images.image_items import PixelItems
from nextlabel.engine.plugins.parameters import validate
from nextlabel_plugins.learners.label_spreading import LabelSpreading, LabelSpreadingParameters
from nextlabel_plugins.spreading import graph_matrix
from nextlabel_plugins.spreading.spread_labels import TOLERANCE
from nextlabel_plugins.spreading.spreading_model import SpreadingModel

NONE = frozenset()
RNG = np.random.default_rng(0)
SIZE, LABELLED = 300, 40


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """400 digits: ink (400, 64) from 0 to 16, and classes. The first 300 are the pool, the others new."""
    ink, truth = load_digits(return_X_y=True)
    return ink[:400], truth[:400]


def full(truth: np.ndarray, labelled: int) -> Targets:
    candidates = np.ones((len(truth), 10), np.bool_)
    candidates[:labelled] = np.eye(10, dtype=np.bool_)[truth[:labelled]]
    return Targets(candidates=candidates)


def fit(items: Any, targets: Targets, training: Training | None = None, **parameters: Any) -> SpreadingModel:
    model = LabelSpreading(LabelSpreadingParameters(**parameters)).fit(items, targets, training or Training(0))
    assert isinstance(model, SpreadingModel)
    return model


def reference(points: np.ndarray, truth: np.ndarray, labelled: int, **parameters: Any) -> Reference:
    labels = np.where(np.arange(len(truth)) < labelled, truth, -1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns if it does not converge
        return Reference(**parameters).fit(points.astype(np.float64), labels)


def images(ink: np.ndarray) -> PixelItems:
    return PixelItems(np.rint(ink.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8))


def fitted(model: SpreadingModel) -> np.ndarray:
    probabilities = model.predict_fitted(NONE, RNG).probabilities
    assert probabilities is not None
    return probabilities


def predicted(model: SpreadingModel, items: Any) -> np.ndarray:
    probabilities = model.predict(items, NONE, RNG).probabilities
    assert probabilities is not None
    return probabilities


@pytest.mark.parametrize("as_images", [False, True])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"kernel": "rbf", "gamma": 0.25, "max_iter": 5}, {"kernel": "rbf", "gamma": 0.25, "max_iter": 5}),
        ({"kernel": "rbf", "gamma": 0.01}, {"kernel": "rbf", "gamma": 0.01}),
        ({"kernel": "rbf", "gamma": 0.01, "alpha": 0.9}, {"kernel": "rbf", "gamma": 0.01, "alpha": 0.9}),
        ({"kernel": "knn"}, {"kernel": "knn"}),
        ({"kernel": "knn", "neighbours": 3, "alpha": 0.8}, {"kernel": "knn", "n_neighbors": 3, "alpha": 0.8}),
    ],
)
def test_the_results_are_those_of_scikit_learn(
    digits: tuple[np.ndarray, np.ndarray], ours: dict[str, Any], theirs: dict[str, Any], as_images: bool
) -> None:
    ink, truth = digits
    expected = reference(ink[:SIZE], truth[:SIZE], LABELLED, **theirs)

    def make(rows: np.ndarray) -> PixelItems | VectorItems:
        return images(rows) if as_images else VectorItems(rows.astype(np.float32))

    model = fit(make(ink[:SIZE]), full(truth[:SIZE], LABELLED), pixel_max=16, **ours)
    reached = expected.label_distributions_.sum(axis=1) > 0
    assert reached.mean() > 0.6
    np.testing.assert_allclose(fitted(model)[reached], expected.label_distributions_[reached], rtol=0, atol=1e-6)
    np.testing.assert_allclose(fitted(model)[~reached], 0.1)  # nothing is known of these
    with np.errstate(invalid="ignore"):
        new = expected.predict_proba(ink[SIZE:])
    known = np.isfinite(new).all(axis=1)
    assert known.mean() > 0.9
    np.testing.assert_allclose(predicted(model, make(ink[SIZE:]))[known], new[known], rtol=0, atol=1e-6)


def test_it_stops_when_it_has_converged(digits: tuple[np.ndarray, np.ndarray]) -> None:
    ink, truth = digits
    expected = reference(ink[:SIZE], truth[:SIZE], LABELLED, kernel="knn")
    reports: list[tuple[float, dict[str, float]]] = []
    training = Training(0, progress=lambda share, metrics: reports.append((share, dict(metrics))))
    fit(VectorItems(ink[:SIZE]), full(truth[:SIZE], LABELLED), training)
    iterations = [metrics for _, metrics in reports if "iteration" in metrics]
    assert [metrics["iteration"] for metrics in iterations] == list(range(1, expected.n_iter_ + 1))
    changes = [metrics["change"] for metrics in iterations]
    assert (np.diff(changes) < 0).all()
    assert changes[-1] < TOLERANCE < changes[-2]
    assert reports[-1][0] == 1


def test_without_convergence_it_stops_after_max_iter(digits: tuple[np.ndarray, np.ndarray]) -> None:
    ink, truth = digits
    changes: list[float] = []
    training = Training(0, progress=lambda _, metrics: changes.extend(metrics[n] for n in metrics if n == "change"))
    fit(VectorItems(ink), full(truth, LABELLED), training, kernel="rbf", gamma=0.01, alpha=0.9)
    assert len(changes) == 30
    assert changes[-1] > TOLERANCE


@pytest.mark.parametrize("kernel", ["rbf", "knn"])
def test_a_partly_labelled_item_gets_nothing_outside_its_set(
    digits: tuple[np.ndarray, np.ndarray], kernel: str
) -> None:
    ink, truth = digits
    targets = full(truth, 60)
    assert targets.candidates is not None
    pairs = targets.candidates[:30]
    pairs[np.arange(30), (truth[:30] + 1) % 10] = True
    model = fit(VectorItems(ink), targets, kernel=kernel, gamma=0.02, alpha=0.8)
    assert (fitted(model)[:30][~pairs] == 0).all()
    assert (fitted(model)[:30].argmax(axis=1) == truth[:30]).mean() > 0.6  # others decide within the set
    assert (fitted(model)[60:].argmax(axis=1) == truth[60:]).mean() > 0.8


def test_it_learns_from_partial_labels_alone(digits: tuple[np.ndarray, np.ndarray]) -> None:
    ink, truth = digits
    candidates = np.eye(10, dtype=np.bool_)[truth] | np.eye(10, dtype=np.bool_)[(truth + RNG.integers(1, 10, 400)) % 10]
    model = fit(VectorItems(ink), Targets(candidates=candidates), alpha=0.8)
    assert (fitted(model).argmax(axis=1) == truth).mean() > 0.95


def test_without_similar_items_all_classes_are_equally_probable() -> None:
    points = np.array([[0.0], [1.0], [1000.0]], np.float32)
    targets = Targets(candidates=np.array([[True, False], [True, True], [True, True]]))
    model = fit(VectorItems(points), targets, kernel="rbf", gamma=1.0)
    np.testing.assert_array_equal(fitted(model), [[1, 0], [1, 0], [0.5, 0.5]])
    # the nearest item decides, even where exp(-gamma |x - y|^2) is 0 in double precision
    np.testing.assert_array_equal(
        predicted(model, VectorItems(np.array([[-200.0], [900.0]], np.float32))), [[1, 0], [0.5, 0.5]]
    )


def test_knn_needs_no_matrix_of_all_pairs() -> None:
    points = RNG.normal(0, 1, (4000, 20)).astype(np.float32)
    candidates = np.ones((4000, 2), np.bool_)
    candidates[:2] = np.eye(2, dtype=np.bool_)
    fit(VectorItems(points[:50]), Targets(candidates=candidates[:50]))  # imports
    tracemalloc.start()
    model = fit(VectorItems(points), Targets(candidates=candidates))
    predicted(model, VectorItems(points))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16_000_000  # all pairs: 128,000,000


def test_the_kernel_rbf_refuses_more_items_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_matrix, "DENSE_LIMIT", 3)
    targets = Targets(candidates=np.array([[True, False], *[[True, True]] * 3]))
    fit(VectorItems(np.zeros((3, 1), np.float32)), targets.take(np.arange(3)), kernel="rbf")
    with pytest.raises(Unprocessable, match='at most 3 items, and these are 4; set kernel = "knn"'):
        fit(VectorItems(np.zeros((4, 1), np.float32)), targets, kernel="rbf")


def test_images_are_stored_as_bytes_and_vectors_in_half_precision_where_that_is_exact(
    digits: tuple[np.ndarray, np.ndarray],
) -> None:
    ink, truth = digits
    of_images = fit(images(ink), full(truth, 9))
    assert (of_images.tensors()["pool"].dtype, of_images.tensors()["pool"].nbytes) == (np.uint8, 400 * 64)
    assert of_images.input == ImageInput(8, 8, 1)
    exact = fit(VectorItems(ink.astype(np.float32)), full(truth, 9))
    assert exact.tensors()["pool"].dtype == np.float16
    assert exact.input == VectorInput(64)
    for inexact in (ink.astype(np.float32) / 3, ink.astype(np.float32) * 1e6):
        assert fit(VectorItems(inexact), full(truth, 9)).tensors()["pool"].dtype == np.float32


@pytest.mark.parametrize("kernel", ["rbf", "knn"])
def test_a_stored_model_gives_identical_predictions(digits: tuple[np.ndarray, np.ndarray], kernel: str) -> None:
    ink, truth = digits
    for make in (images, lambda rows: VectorItems(rows.astype(np.float32))):
        model = fit(make(ink[:SIZE]), full(truth[:SIZE], 20), kernel=kernel, gamma=0.1, pixel_max=16)
        again = LabelSpreading(LabelSpreadingParameters()).rebuild(model.description(), model.tensors())
        assert isinstance(again, SpreadingModel)
        np.testing.assert_array_equal(fitted(again), fitted(model))
        np.testing.assert_array_equal(predicted(again, make(ink[SIZE:])), predicted(model, make(ink[SIZE:])))


def test_whole_numbers_are_restored_from_pixels(digits: tuple[np.ndarray, np.ndarray]) -> None:
    ink, truth = digits
    needs = frozenset({"embeddings"})
    embedded = fit(images(ink), full(truth, 9), pixel_max=16).predict_fitted(needs, RNG).embeddings
    np.testing.assert_array_equal(embedded, ink)
    embedded = fit(images(ink), full(truth, 9)).predict_fitted(needs, RNG).embeddings
    np.testing.assert_allclose(embedded, ink / 16, atol=1 / 500)


def test_bad_input_is_refused(digits: tuple[np.ndarray, np.ndarray]) -> None:
    ink, truth = digits
    with pytest.raises(Unprocessable, match="no label to spread"):
        fit(images(ink), full(truth, 0))
    with pytest.raises(Unprocessable, match="classes of images or vectors"):
        fit(images(ink), Targets(values=truth.astype(np.float64)))
    with pytest.raises(Unprocessable, match="classes of images or vectors"):
        fit(GraphItems(ink, np.zeros((2, 0), np.int64)), full(truth, 9))
    with pytest.raises(Unprocessable, match=r"`label-spreading` does not use .* a table \[features\]"):
        fit(images(ink), full(truth, 9), Training(0, features=lambda: ink))
    for pool, other, kind in ((images(ink), VectorItems(ink), "images"), (VectorItems(ink), images(ink), "vectors")):
        with pytest.raises(Unprocessable, match=f"predicts {kind} only"):
            fit(pool, full(truth, 9)).predict(other, frozenset(), RNG)


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"gamma": 0}, "gamma"),
        ({"alpha": 1.0}, "alpha"),
        ({"neighbours": 0}, "neighbours"),
        ({"kernel": "cosine"}, "kernel"),
        ({"max_iter": 0}, "max_iter"),
        ({"pixel_max": 256}, "pixel_max"),
        ({"neighbors": 7}, "did you mean 'neighbours'"),
    ],
)
def test_parameters_are_checked(parameters: dict[str, Any], name: str) -> None:
    with pytest.raises(ProjectError, match=name):
        validate(LabelSpreadingParameters, parameters, "[learner]")
