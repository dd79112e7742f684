"""The learner `pseudo-label`: it uses unlabelled items, and refuses what it cannot learn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from nextlabel.contracts import Targets, Training
from nextlabel.contracts.errors import ProjectError, Unprocessable
from nextlabel.engine.images.image_items import PixelItems
from nextlabel.engine.plugins.parameters import validate
from nextlabel_plugins.datasets.digits import Digits, DigitsParameters
from nextlabel_plugins.learners.pseudo_label import PseudoLabel, PseudoLabelParameters
from nextlabel_plugins.networks.training import hardware

QUICK = PseudoLabelParameters(epochs=2, min_steps=6, filters=2, threshold=0.1)


@pytest.fixture(scope="module")
def digits() -> tuple[PixelItems, np.ndarray]:
    contents = Digits(DigitsParameters(limit=600, shuffle_seed=0)).read(None, 0)
    return PixelItems(contents.content.array), contents.truth


def sets(truth: np.ndarray, labelled: int, more: int = 0) -> np.ndarray:
    """Return sets: the truth and `more` other classes for the first `labelled` items, all classes for the rest."""
    rng = np.random.default_rng(0)
    candidates = np.ones((len(truth), 10), np.bool_)
    for row in range(labelled):
        candidates[row] = False
        candidates[row, [truth[row], *rng.permutation(10)[:more]]] = True
    return candidates


@pytest.mark.parametrize("more", [0, 2])
def test_it_learns_from_full_and_from_partial_labels(digits: tuple[PixelItems, np.ndarray], more: int) -> None:
    items, truth = digits
    options = PseudoLabelParameters(filters=8, epochs=3, min_steps=150, learning_rate=0.003)
    model = PseudoLabel(options).fit(items, Targets(candidates=sets(truth, 200, more)), Training(0))
    outputs = model.predict(items.take(np.arange(200, 600)), frozenset(), np.random.default_rng(0))
    assert (outputs.probabilities.argmax(axis=1) == truth[200:]).mean() > 0.85


def test_unlabelled_items_change_the_model_only_with_pseudo_labels(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits

    def weights(parameters: PseudoLabelParameters, count: int) -> np.ndarray:
        targets = Targets(candidates=sets(truth, 50)[:count])
        return PseudoLabel(parameters).fit(items.take(np.arange(count)), targets, Training(0)).tensors()["head.weight"]

    assert not np.array_equal(weights(QUICK, 50), weights(QUICK, 100))
    supervised = replace(QUICK, supervised_epochs=2)
    np.testing.assert_array_equal(weights(supervised, 50), weights(supervised, 100))


def test_it_reports_its_precision(digits: tuple[PixelItems, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    items, truth = digits
    bits: list[float] = []

    def progress(_share: float, metrics: Mapping[str, float]) -> None:
        bits.extend([metrics["bits"]] if "bits" in metrics else [])

    for native in (True, False):
        monkeypatch.setattr(hardware, "_uses_bfloat16", lambda _device, native=native: native)
        PseudoLabel(QUICK).fit(items, Targets(candidates=sets(truth, 9)), Training(0, progress=progress))
    assert bits == [16, 32]


def test_training_without_a_label_is_refused(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    with pytest.raises(Unprocessable, match="no label to learn from"):
        PseudoLabel(QUICK).fit(items, Targets(candidates=sets(truth, 0)), Training(0))


def test_images_too_small_for_mnist_net_are_refused(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    small = replace(QUICK, network="mnist-net", image_size=5)
    with pytest.raises(Unprocessable, match="at least 6 x 6 pixels, and these have 5 x 5; set `image_size`"):
        PseudoLabel(small).fit(items, Targets(candidates=sets(truth, 9)), Training(0))


def test_parameters_are_checked() -> None:
    with pytest.raises(ProjectError) as error:
        validate(PseudoLabelParameters, {"network": "large", "threshold": 1.5, "treshold": 0.9}, "[learner]")
    for part in ("network", "simple", "threshold", "did you mean 'threshold'"):
        assert part in str(error.value)
    with pytest.raises(ProjectError, match="supervised_epochs is 3, more than the 2 epochs"):
        validate(PseudoLabelParameters, {"epochs": 2, "supervised_epochs": 3}, "[learner]")
