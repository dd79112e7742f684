"""k-center greedy, compared with the plain loop over all distances."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nextlabel.contracts import NoParameters, Pool, Selection
from nextlabel_plugins.strategies import core_set
from nextlabel_plugins.strategies.core_set import CoreSet

Points = Callable[[np.random.Generator], np.ndarray]


def gaussian(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((3_000, 16))


def clustered(rng: np.random.Generator) -> np.ndarray:
    centres = rng.standard_normal((100, 16)) * 3
    return centres[rng.integers(0, 100, 3_000)] + 0.3 * rng.standard_normal((3_000, 16))


def choose(pool: np.ndarray, earlier: np.ndarray, new: np.ndarray, size: int, *, prepared: bool = True) -> Selection:
    """Choose as in a query, when `earlier` points were covered at the last scoring and `new` ones since."""
    strategy, size_of_pool = CoreSet(NoParameters()), len(pool)
    arrays = {"embeddings": pool, "covered_embeddings": earlier}
    rows = strategy.prepare(Pool(size_of_pool, arrays), np.random.default_rng(0)) if prepared else {}
    arrays["covered_embeddings"] = np.concatenate([earlier, new])
    query = Pool(size_of_pool, arrays, prepared=rows, new_embeddings=(lambda: new) if rows else None)
    return strategy.select(query, size, np.random.default_rng(1))


def assert_greedy(chosen: Selection, pool: np.ndarray, covered: np.ndarray, first: int | None = None) -> None:
    """Check each item and distance of a choice in a plain loop."""
    nearest = np.full(len(pool), np.inf)
    for point in covered:
        nearest = np.minimum(nearest, np.linalg.norm(pool - point, axis=1))
    for number, (position, score) in enumerate(zip(chosen.positions, chosen.scores, strict=True)):
        if first is None or number:
            assert position == nearest.argmax()
            assert score == pytest.approx(nearest[position], rel=1e-6)
        nearest = np.minimum(nearest, np.linalg.norm(pool - pool[position], axis=1))


@pytest.mark.parametrize("points", [gaussian, clustered])
@pytest.mark.parametrize("prepared", [False, True])
@pytest.mark.parametrize("active", [7, 100, 10_000])
def test_it_chooses_what_the_plain_loop_chooses(
    monkeypatch: pytest.MonkeyPatch, points: Points, active: int, *, prepared: bool
) -> None:
    monkeypatch.setattr(core_set, "ACTIVE_NUMBERS", 16 * active)
    rows = points(np.random.default_rng(0))
    chosen = choose(rows[30:], rows[:20], rows[20:30], 60, prepared=prepared)
    assert_greedy(chosen, rows[30:], rows[:30])


@pytest.mark.parametrize("points", [gaussian, clustered])
def test_the_first_item_is_drawn_if_nothing_is_covered(points: Points) -> None:
    rows = points(np.random.default_rng(0))
    chosen = choose(rows, rows[:0], rows[:0], 40)
    assert chosen.scores[0] == 0
    assert_greedy(chosen, rows, rows[:0], first=int(chosen.positions[0]))
    strategy, pool = CoreSet(NoParameters()), Pool(len(rows), {"embeddings": rows, "covered_embeddings": rows[:0]})
    firsts = {int(strategy.select(pool, 1, np.random.default_rng(seed)).positions[0]) for seed in range(5)}
    assert len(firsts) > 1


def test_items_covered_since_the_last_scoring_count_if_none_was_before() -> None:
    rows = gaussian(np.random.default_rng(0))
    assert_greedy(choose(rows[5:], rows[:0], rows[:5], 20), rows[5:], rows[:5])


def test_a_whole_pool_with_copies_is_chosen() -> None:
    rows = np.repeat(np.random.default_rng(0).standard_normal((5, 3)), 4, axis=0)
    chosen = choose(rows, rows[:1], rows[:0], 20)
    assert sorted(chosen.positions) == list(range(20))
    assert {int(i) // 4 for i in chosen.positions[:4]} == {1, 2, 3, 4}
    np.testing.assert_allclose(chosen.scores[4:], 0, atol=1e-6)
