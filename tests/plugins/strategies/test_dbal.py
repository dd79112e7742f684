"""DBAL, compared with plain loops and with hand-made pools."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
from support.naive_k_means import naive_centres

from nextlabel.contracts import Pool, Selection
from nextlabel_plugins.strategies.dbal import Dbal, DbalParameters


def choose(probabilities: np.ndarray, points: np.ndarray, size: int, seed: int = 0, **parameters: object) -> Selection:
    pool = Pool(len(points), {"probabilities": probabilities, "embeddings": points})
    strategy = Dbal(DbalParameters(**parameters))  # type: ignore[arg-type]
    return strategy.select(pool, size, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("weighted", [True, False])
def test_it_chooses_what_plain_loops_choose(seed: int, *, weighted: bool) -> None:
    rng = np.random.default_rng([1, seed])
    probabilities, points = rng.dirichlet(np.ones(4), 120), rng.standard_normal((120, 3))
    chosen = choose(probabilities, points, 4, seed, beta=5, weighted=weighted)
    uncertainty = [1 - (max(row) - sorted(row)[-2]) for row in probabilities.tolist()]
    largest = sorted(range(120), key=uncertainty.__getitem__, reverse=True)[:20]
    drawn = np.random.default_rng(seed)
    drawn.random(120)  # breaks ties
    weights = np.array([uncertainty[i] for i in largest]) if weighted else np.ones(20)
    centres = naive_centres(points[largest], 4, drawn, weights)
    expected: list[int] = []
    for centre in centres:
        rest = {i: round(np.linalg.norm(points[i] - centre), 9) for i in largest if i not in expected}
        # both of two points are equally near to their mean
        expected.append(min(rest, key=lambda i: (rest[i], i not in chosen.positions)))
    expected.sort(key=uncertainty.__getitem__, reverse=True)
    assert chosen.positions.tolist() == expected
    np.testing.assert_allclose(chosen.scores, [uncertainty[i] for i in expected], rtol=1e-12)


def test_it_spreads_its_choice_over_the_uncertain_items() -> None:
    probabilities = np.tile([0.99, 0.01], (40, 1))
    probabilities[:20] = [0.6, 0.4]  # the uncertain ones, in two groups
    points = np.zeros((40, 2))
    points[10:20] = 5
    chosen = choose(probabilities, points, 2)
    assert set(chosen.positions // 10) == {0, 1}
    np.testing.assert_allclose(chosen.scores, [0.8, 0.8])


def test_weights_draw_the_centre_to_the_uncertain_items() -> None:
    points = np.array([[0.0], [1.0], [2.0]])
    probabilities = np.array([[0.5, 0.5], [0.9, 0.1], [0.99, 0.01]])
    assert choose(probabilities, points, 1).positions.tolist() == [0]
    assert choose(probabilities, points, 1, weighted=False).positions.tolist() == [1]


@pytest.mark.parametrize("parameters", [{"beta": 1}, {"beta": 10}])
def test_nothing_is_left_out_that_must_be_chosen(parameters: dict[str, int]) -> None:
    rng = np.random.default_rng(0)
    probabilities, points = rng.dirichlet(np.ones(3), 8), rng.standard_normal((8, 2))
    assert sorted(choose(probabilities, points, 8, **parameters).positions) == list(range(8))


def test_with_a_beta_of_one_the_most_uncertain_items_are_chosen() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), 50)
    best = np.sort(probabilities, axis=1)
    chosen = choose(probabilities, rng.standard_normal((50, 2)), 6, beta=1).positions
    assert chosen.tolist() == np.argsort(best[:, -1] - best[:, -2])[:6].tolist()


@pytest.mark.parametrize("distinct", [1, 3])
@pytest.mark.parametrize("certain", [True, False])
def test_copies_give_distinct_items(distinct: int, *, certain: bool) -> None:
    points = np.random.default_rng(0).standard_normal((distinct, 3))[np.arange(60) % distinct]
    probabilities = np.tile([1.0, 0.0] if certain else [0.5, 0.5], (60, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chosen = choose(probabilities, points, 6).positions
    assert len(set(chosen)) == 6
    assert len({tuple(points[i]) for i in chosen}) == distinct


def test_equal_probabilities_cluster_items_drawn_at_random() -> None:
    """As before the first model; a backbone's own classes may be more than those of the project."""
    points = np.random.default_rng(0).standard_normal((500, 3))
    probabilities = np.full((500, 7), 1 / 7)
    chosen = [choose(probabilities, points, 5, seed) for seed in range(3)]
    assert len({frozenset(selection.positions) for selection in chosen}) == 3
    assert all((selection.scores == 1).all() for selection in chosen)


def test_choosing_imports_neither_scikit_learn_nor_scipy() -> None:
    """A web process chooses: its memory and its first answer would pay for them."""
    code = """
import sys
import numpy as np
from nextlabel.contracts import Pool
from nextlabel_plugins.strategies.dbal import Dbal, DbalParameters
rng = np.random.default_rng(0)
pool = Pool(300, {"probabilities": rng.dirichlet(np.ones(3), 300), "embeddings": rng.standard_normal((300, 8))})
assert len(Dbal(DbalParameters()).select(pool, 5, rng).positions) == 5
print([name for name in ("sklearn", "scipy", "threadpoolctl") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
