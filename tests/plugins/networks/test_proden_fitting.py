"""The training: plain cross entropy where labels are full, the same by the same seed, nothing broken by odd sets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from nextlabel_plugins.networks import proden_fitting
from nextlabel_plugins.networks.kinds import make
from nextlabel_plugins.networks.network import ImageNetwork, Shape
from nextlabel_plugins.networks.proden_fitting import Data, Recipe, train
from nextlabel_plugins.networks.resident import Resident
from nextlabel_plugins.networks.soft_targets import SoftTargets, restricted

SHAPE = Shape(8, 8, 1, 4, 4, 0.0, "fast")
RECIPE = Recipe(
    epochs=2,
    steps=4,
    batch=32,
    rate=0.1,
    decay=1e-3,
    shift=1,
    flip=True,
    growth=False,
    momentum=0.0,
    delay=False,
    consistency=False,
)


def data(rows: int = 100, more: float = 0.0) -> Data:
    generator = torch.Generator().manual_seed(0)
    truth = torch.arange(rows) % 4
    images = torch.randint(0, 100, (rows, 8, 8, 1), generator=generator, dtype=torch.uint8)
    images[torch.arange(rows), 2 * truth] += 150  # a bright line says the class
    sets = torch.rand(rows, 4, generator=generator) < more
    return Data(images, sets | functional.one_hot(truth, 4).bool())


def fitted(given: Data, recipe: Recipe = RECIPE, kind: str = "fast", start: ImageNetwork | None = None) -> Tensor:
    """All weights in one row."""
    told: list[float] = []
    network = train(replace(SHAPE, kind=kind), given, recipe, 3, lambda share, _: told.append(share), start)
    assert not network.training
    assert told == sorted(told)
    assert told[-1] == 1
    return torch.cat([tensor.flatten().double() for tensor in network.state_dict().values()])


class CrossEntropy:
    """What stands in for the targets: cross entropy with the true class."""

    def __init__(self, candidates: Tensor, momentum: float) -> None:
        self.truth = candidates.int().argmax(dim=1)
        self.weights = candidates
        assert momentum == 0

    def loss(self, rows: Tensor, logits: Tensor, _: Tensor) -> Tensor:
        return functional.cross_entropy(logits[0], self.truth[rows])

    def update(self, rows: Tensor, logits: Tensor) -> Tensor:
        return self.weights[rows]


@pytest.mark.parametrize("kind", ["fast", "mlp", "convnet12", "resnet18"])
def test_full_labels_are_plain_cross_entropy_to_the_bit(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = fitted(data(), kind=kind)
    monkeypatch.setattr(proden_fitting, "SoftTargets", CrossEntropy)
    assert torch.equal(ours, fitted(data(), kind=kind))
    monkeypatch.undo()
    assert not torch.equal(ours, fitted(data(more=0.3), kind=kind))


@pytest.mark.parametrize("consistency", [False, True])
@pytest.mark.parametrize("delay", [False, True])
def test_it_learns_from_the_targets_of_the_same_forward_pass_or_of_the_last_visit(
    delay: bool, consistency: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[tuple[Tensor, Tensor, Tensor]] = []

    class Noted(SoftTargets):
        def loss(self, rows: Tensor, logits: Tensor, weights: Tensor) -> Tensor:
            kept.append((rows.clone(), logits.detach().clone(), weights.clone()))
            return super().loss(rows, logits, weights)

    monkeypatch.setattr(proden_fitting, "SoftTargets", Noted)
    given = data(96, more=0.4)  # whole batches: no item twice in one
    fitted(given, replace(RECIPE, delay=delay, consistency=consistency))
    last = given.candidates / given.candidates.sum(dim=1, keepdim=True)
    for rows, logits, weights in kept:
        said = restricted(logits.mean(dim=0), given.candidates[rows])
        assert not torch.equal(said, last[rows])
        assert torch.equal(weights, last[rows] if delay else said)
        last[rows] = said
    assert sum(len(rows) for rows, _, _ in kept) == RECIPE.epochs * 96


def test_from_a_network_the_last_visit_is_what_that_says(monkeypatch: pytest.MonkeyPatch) -> None:
    given = data(96, more=0.4)
    start = train(SHAPE, given, RECIPE, 5, lambda *_: None)
    with torch.no_grad():
        logits = start(given.images.permute(0, 3, 1, 2).float())
    said = restricted(logits, given.candidates)
    assert (said.max(dim=1).values > 1.2 / given.candidates.sum(dim=1)).any()
    kept: list[tuple[Tensor, Tensor]] = []

    class Noted(SoftTargets):
        def loss(self, rows: Tensor, logits: Tensor, weights: Tensor) -> Tensor:
            kept.append((rows.clone(), weights.clone()))
            return super().loss(rows, logits, weights)

    monkeypatch.setattr(proden_fitting, "SoftTargets", Noted)
    fitted(given, replace(RECIPE, delay=True, epochs=1, steps=1), start=start)
    assert sorted(torch.cat([rows for rows, _ in kept]).tolist()) == list(range(96))
    for rows, weights in kept:
        torch.testing.assert_close(weights, said[rows], atol=2e-2, rtol=0)  # where native by bfloat16


@pytest.mark.parametrize(("rows", "seen"), [(127, 1), (63, 2), (100, 1), (255, 1), (20, 1)])
def test_an_epoch_is_a_pass_over_all_items_however_few(rows: int, seen: int, monkeypatch: pytest.MonkeyPatch) -> None:
    learnt: list[int] = []

    class Counted(SoftTargets):
        def update(self, rows: Tensor, logits: Tensor) -> Tensor:
            learnt.append(len(rows))
            return super().update(rows, logits)

    monkeypatch.setattr(proden_fitting, "SoftTargets", Counted)
    fitted(data(rows), replace(RECIPE, epochs=16, steps=1, batch=1000, consistency=seen == 2))
    if rows < 32:  # repeated in an update, each time as another view
        assert len(learnt) == 16
    else:
        assert sum(learnt) == pytest.approx(16 * rows, abs=learnt[0] / 2)


@pytest.mark.parametrize("recipe", [RECIPE, replace(RECIPE, consistency=True, growth=True, momentum=0.5)])
def test_the_same_seed_gives_the_same_weights_and_leaves_the_generator(recipe: Recipe) -> None:
    torch.manual_seed(11)
    expected = torch.rand(1, generator=torch.Generator().manual_seed(11))
    one = fitted(data(more=0.3), recipe)
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(one, fitted(data(more=0.3), recipe))


@pytest.mark.parametrize("rows", [1, 2, 5, 100])
@pytest.mark.parametrize("recipe", [RECIPE, replace(RECIPE, consistency=True, growth=True)])
def test_an_unlabelled_item_and_few_items_break_nothing(rows: int, recipe: Recipe) -> None:
    given = data(rows, more=0.3)
    given.candidates[0] = True
    assert fitted(given, recipe).isfinite().all()


def test_a_batch_of_one_is_one_of_two() -> None:
    for kind in ("mlp", "fast"):  # their normalisation has nothing to go by in a single row
        given, recipe = data(10), replace(RECIPE, batch=1, epochs=1)
        assert torch.equal(fitted(given, recipe, kind), fitted(given, replace(recipe, batch=2), kind))


@pytest.mark.parametrize("more", [{}, {"consistency": True}, {"delay": True}, {"momentum": 0.5}])
def test_it_finds_the_true_class_among_candidates(more: dict[str, Any]) -> None:
    given = data(400, more=0.4)
    shape = replace(SHAPE, kind="mlp", filters=32)  # the others do not mind where the line is
    recipe = replace(RECIPE, steps=200, rate=0.05, shift=0, flip=False, **more)
    network = train(shape, given, recipe, 0, lambda *_: None)
    said = network(given.images.permute(0, 3, 1, 2).float()).argmax(dim=1)
    assert (said == torch.arange(400) % 4).float().mean() > 0.95


def test_it_starts_from_a_network_and_leaves_that_as_it_was() -> None:
    start = train(SHAPE, data(), RECIPE, 5, lambda *_: None)
    before = {name: tensor.clone() for name, tensor in start.state_dict().items()}
    still = replace(RECIPE, rate=1e-9, steps=1, epochs=1)
    after = fitted(data(), still, start=start)
    for name, tensor in start.state_dict().items():
        assert torch.equal(tensor, before[name])
    weights = torch.cat([w.flatten().double() for n, w in start.named_parameters() if n.startswith("head")])
    torch.testing.assert_close(after[-len(weights) :], weights, atol=1e-4, rtol=0)


def test_views_grow_to_the_whole_image() -> None:
    shape = replace(SHAPE, height=16, width=24)
    sizes = [proden_fitting._grown(shape, done) for done in (0.0, 0.49, 0.5, 0.79, 0.8, 0.99)]
    assert sizes == [(12, 18), (12, 18), (14, 21), (14, 21), (16, 24), (16, 24)]


@pytest.mark.parametrize("kind", ["fast", "convnet12", "resnet18"])
@torch.no_grad()
def test_views_that_grow_are_never_too_small_for_the_network(kind: str) -> None:
    for side in range(2, 36):
        shape = replace(SHAPE, kind=kind, height=side, width=40, filters=2)
        view = torch.zeros(1, 1, *proden_fitting._grown(shape, 0.0))
        assert make(shape).eval()(view).shape == (1, 4)


@pytest.mark.parametrize("rows", [1, 4, 33, 64, 100])
def test_each_item_is_seen_mirrored_as_often_as_not(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    views = Resident.views

    def noted(self: Resident, chosen: Tensor, epoch: int, size: tuple[int, int] | None) -> Tensor:
        seen.append(epoch % 2)
        return views(self, chosen, epoch, size)

    monkeypatch.setattr(Resident, "views", noted)
    fitted(data(rows), replace(RECIPE, batch=64, steps=40))
    assert 0.4 <= sum(seen) / len(seen) <= 0.6
