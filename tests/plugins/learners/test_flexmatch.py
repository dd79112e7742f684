"""The learner `flexmatch`: what it learns from unlabelled items, candidate sets, resuming and rebuilding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nextlabel.contracts import ImageInput, Targets, Training, VectorItems
from nextlabel.contracts.errors import ProjectError, Unprocessable
from nextlabel.engine.images.image_items import PixelItems
from nextlabel.engine.plugins.parameters import validate
from nextlabel_plugins.datasets.digits import Digits, DigitsParameters
from nextlabel_plugins.learners.flexmatch import FlexMatch, FlexMatchParameters
from nextlabel_plugins.networks.training import resume, train_flexmatch

PUBLISHED = FlexMatchParameters(steps=4, batch_size=8, mu=2, filters=2, epoch_steps=2, flip=False)
FAST = FlexMatchParameters(
    network="fast", filters=4, steps=4, batch_size=8, mu=2, learning_rate=0.24, epoch_steps=2, flip=False,
    ema_decay=0.98, burn_in_steps=3, burn_in_batch_size=16, burn_in_learning_rate=0.24,
    teacher="average", augment="jitter", curriculum="linear",
)  # fmt: skip
LONGER = replace(FAST, filters=16, burn_in_steps=60, steps=60, burn_in_batch_size=64, batch_size=64, mu=3)
EACH = {"published": PUBLISHED, "fast": FAST}


@pytest.fixture(scope="module")
def digits() -> tuple[PixelItems, np.ndarray]:
    contents = Digits(DigitsParameters()).read(None, 0)
    chosen = np.random.default_rng(0).permutation(1797)
    return PixelItems(contents.content.array[chosen]), contents.truth[chosen]


def targets(truth: np.ndarray, labelled: int, rate: float = 0.0) -> Targets:
    """Return sets: truth and, with chance `rate`, other classes for the first `labelled` items, else all classes."""
    candidates = np.random.default_rng(0).random((len(truth), 10)) < rate
    candidates[np.arange(len(truth)), truth] = True
    candidates[labelled:] = True
    return Targets(candidates=candidates)


def accuracy(parameters: FlexMatchParameters, items: PixelItems, truth: np.ndarray, known: Targets) -> float:
    model = FlexMatch(parameters).fit(items.take(np.arange(900)), known.take(np.arange(900)), Training(0))
    outputs = model.predict(items.take(np.arange(900, 1797)), frozenset(), np.random.default_rng(0))
    return float((outputs.probabilities.argmax(axis=1) == truth[900:]).mean())


def test_unlabelled_items_help(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    known = targets(truth, 40)
    alone = replace(LONGER, burn_in_steps=0, steps=120, batch_size=64, unlabelled_weight=0.0)
    assert accuracy(LONGER, items, truth, known) > accuracy(alone, items, truth, known) + 0.04


def test_partial_labels_alone_are_learnt_from(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    assert accuracy(LONGER, items, truth, targets(truth, 300, 0.3)) > 0.75


@pytest.mark.parametrize("name", EACH)
def test_a_pseudo_label_never_leaves_its_set(
    name: str, digits: tuple[PixelItems, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    items, truth = digits
    known = targets(truth[:90], 80, 0.3)
    updates: list[tuple[torch.Tensor, torch.Tensor]] = []
    update = train_flexmatch.Curriculum.update

    def recording(
        curriculum: train_flexmatch.Curriculum, rows: torch.Tensor, probabilities: torch.Tensor, **more: bool
    ) -> None:
        updates.append((rows, probabilities))
        update(curriculum, rows, probabilities, **more)

    monkeypatch.setattr(train_flexmatch.Curriculum, "update", recording)
    FlexMatch(replace(EACH[name], steps=8)).fit(items.take(np.arange(90)), known, Training(0))
    assert known.candidates is not None
    unlabelled = np.flatnonzero(known.candidates.sum(axis=1) > 1)  # one class: nothing to guess
    assert len(unlabelled) > 60
    seen = np.zeros(90, np.bool_)
    for rows, probabilities in updates:
        outside = probabilities.numpy()[~known.candidates[unlabelled[rows]]]
        assert not outside.any()
        np.testing.assert_allclose(probabilities.sum(dim=1), 1, atol=1e-5)
        seen[unlabelled[rows]] = True
    assert seen[unlabelled].all()


@pytest.mark.parametrize("augment", ["ctaugment", "randaugment", "jitter"])
@pytest.mark.parametrize("teacher", ["network", "average"])
@pytest.mark.parametrize("expand_labels", [False, True])
def test_every_option_trains(
    augment: str, teacher: str, expand_labels: bool, digits: tuple[PixelItems, np.ndarray]
) -> None:
    items, truth = digits
    options = {"augment": augment, "teacher": teacher, "expand_labels": expand_labels}
    parameters = replace(
        PUBLISHED, steps=2, progressive_resize=True, image_size=16, augment_labelled=expand_labels, **options
    )  # type: ignore[arg-type]
    reports: list[Mapping[str, float]] = []
    training = Training(0, progress=lambda _share, metrics: reports.append(metrics))
    model = FlexMatch(parameters).fit(items.take(np.arange(60)), targets(truth[:60], 20), training)
    assert all(np.isfinite(tensor).all() for tensor in model.tensors().values())
    assert [report["step"] for report in reports if "epoch" in report] == [2]


@pytest.mark.parametrize("name", EACH)
def test_without_unlabelled_weight_no_unlabelled_item_is_looked_at(
    name: str, digits: tuple[PixelItems, np.ndarray]
) -> None:
    items, truth = digits
    supervised = FlexMatch(replace(EACH[name], unlabelled_weight=0.0))
    every = supervised.fit(items.take(np.arange(60)), targets(truth[:60], 20), Training(0))
    labelled = supervised.fit(items.take(np.arange(20)), targets(truth[:20], 20), Training(0))
    for tensor, expected in zip(every.tensors().values(), labelled.tensors().values(), strict=True):
        np.testing.assert_array_equal(tensor, expected)


@pytest.mark.parametrize(("settings", "at_random"), [
    ({}, True), ({"expand_labels": False}, False), ({"expand_labels": False, "batch_size": 16}, True),
])  # fmt: skip
def test_copies_of_a_labelled_item_have_flips_of_their_own(
    settings: dict[str, Any], at_random: bool, digits: tuple[PixelItems, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    items, truth = digits
    epochs: list[int | None] = []
    views = train_flexmatch.InMemoryImages.views

    def recording(images: Any, rows: torch.Tensor, epoch: int | None, size: Any = None) -> torch.Tensor:
        epochs.append(epoch)
        return views(images, rows, epoch, size)

    monkeypatch.setattr(train_flexmatch.InMemoryImages, "views", recording)
    supervised = replace(PUBLISHED, unlabelled_weight=0.0, flip=True, **settings)
    FlexMatch(supervised).fit(items.take(np.arange(8)), targets(truth[:8], 8), Training(0))
    assert epochs == ([None] * 4 if at_random else [0, 1, 2, 3])


class KilledError(Exception):
    pass


@pytest.mark.parametrize("name", EACH)
def test_a_killed_training_resumes_to_the_same_weights(
    name: str, digits: tuple[PixelItems, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume, "SAVE_EVERY", 0.0)  # after each update
    items, truth = digits
    parameters = replace(EACH[name], augment="ctaugment", steps=6)
    few, known = items.take(np.arange(90)), targets(truth[:90], 30, 0.1)
    expected = FlexMatch(parameters).fit(few, known, Training(0)).tensors()
    for stage in range(1, 5):  # the first is in the burn-in of `fast`, and it is killed right after it too

        def kill(share: float, _: Mapping[str, float], stage: int = stage) -> None:
            if share > stage * 0.22:
                raise KilledError

        with pytest.raises(KilledError):
            FlexMatch(parameters).fit(few, known, Training(0, progress=kill, folder=tmp_path))
    resumed = FlexMatch(parameters).fit(few, known, Training(0, folder=tmp_path)).tensors()
    for key, tensor in resumed.items():
        np.testing.assert_array_equal(tensor, expected[key])


def test_all_items_labelled(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    for parameters in EACH.values():
        FlexMatch(parameters).fit(items.take(np.arange(30)), targets(truth[:30], 30), Training(0))


def test_invalid_inputs_are_refused(digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    with pytest.raises(Unprocessable, match="no label to learn from"):
        FlexMatch(FAST).fit(items, targets(truth, 0), Training(0))
    with pytest.raises(Unprocessable, match="classes of images"):
        FlexMatch(FAST).fit(VectorItems(np.zeros((1797, 2), np.float32)), targets(truth, 9), Training(0))
    with pytest.raises(ProjectError, match=r"threshold.*curriculum"):
        validate(FlexMatchParameters, {"curriculum": "none", "threshold": 1.5}, "[learner]")


@pytest.mark.parametrize("name", EACH)
def test_a_rebuilt_model_predicts_the_same(name: str, digits: tuple[PixelItems, np.ndarray]) -> None:
    items, truth = digits
    learner = FlexMatch(replace(EACH[name], tta="flip-shift"))
    model = learner.fit(items.take(np.arange(60)), targets(truth[:60], 20), Training(0))
    assert model.input == ImageInput(8, 8, 1)
    rebuilt = learner.rebuild(model.description(), model.tensors())
    expected, actual = (m.predict(items, frozenset({"embeddings"}), np.random.default_rng(0)) for m in (model, rebuilt))
    np.testing.assert_array_equal(actual.probabilities, expected.probabilities)
    np.testing.assert_array_equal(actual.embeddings, expected.embeddings)
