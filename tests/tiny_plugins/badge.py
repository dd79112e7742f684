"""BADGE: k-means++ on the gradients of the last layer, whose lengths are known and which are never stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from nextlabel.contracts import (
    FloatArray,
    IntArray,
    NoParameters,
    NumberArray,
    Pool,
    Selection,
    Strategy,
    StrategyPlugin,
    hookimpl,
)
from tiny_plugins.vectors import batches

PROPOSALS = 16
PATIENCE = 80
"""Batches of proposals without an accepted one, after which all distances are computed."""


class Badge(Strategy[NoParameters]):
    """Draws items by their squared distance to the earlier picks, in the space of gradients (Ash et al., ICLR 2020).

    The gradient of an item is the outer product of a = p - onehot(argmax p) and its embedding z, so
    that |g|^2 = |a|^2 |z|^2, and g.h is the product of two short dot products. An item is proposed
    with a chance of (|g| + least |h|)^2, an upper bound of its squared distance d^2 to the picks h,
    and accepted with d^2 / bound, which is exact sampling. The first pick has the longest gradient, as
    in the authors' code.
    """

    def prepare(self, pool: Pool, rng: np.random.Generator) -> Mapping[str, NumberArray]:
        """Return the length of each embedding."""
        lengths = np.empty(pool.size, np.float32)
        for place, rows in batches(pool):
            lengths[place] = np.linalg.norm(rows, axis=1)
        return {"length": lengths}

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """Return the length of each gradient."""
        lengths = (pool.prepared or self.prepare(pool, rng))["length"]
        p = pool.probabilities
        return lengths * np.sqrt(np.maximum(np.einsum("nc,nc->n", p, p) - 2 * p.max(axis=1) + 1, 0))

    def choose(self, pool: Pool, scores: FloatArray, size: int, rng: np.random.Generator) -> Selection:
        """Return the picks with their distances to the picks before them; the first with its length."""
        gradients = Gradients(pool)
        lengths = scores.astype(np.float64)
        picks = [int(lengths.argmax())]
        reached = [lengths[picks[0]]]
        gradients.pick(picks[0])
        sums = np.cumsum(lengths**2), np.cumsum(lengths)
        while len(picks) < size:
            drawn, distance = _draw(gradients, picks, lengths, sums, rng) or _draw_exactly(gradients, picks, rng)
            picks.append(drawn)
            reached.append(distance)
            gradients.pick(drawn)
        return Selection(np.array(picks), np.array(reached))


class Gradients:
    """The gradients of a pool's items as two factors, and those of the picks."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.picked: list[tuple[FloatArray, FloatArray]] = []

    def factors(self, positions: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return (k, C) and (k, D) of some items."""
        a = self.pool.rows("probabilities", positions).astype(np.float64)
        a[np.arange(len(a)), a.argmax(axis=1)] -= 1
        return a, self.pool.rows("embeddings", positions).astype(np.float64)

    def pick(self, position: int) -> None:
        """Add a pick."""
        self.picked.append(self.factors(np.array([position])))

    def squared_distances(self, positions: IntArray) -> FloatArray:
        """Return (k,) squared distances to the nearest pick."""
        a, z = self.factors(positions)
        b, w = (np.concatenate(parts) for parts in zip(*self.picked, strict=True))
        own = (a**2).sum(axis=1) * (z**2).sum(axis=1)
        others = (b**2).sum(axis=1) * (w**2).sum(axis=1)
        return np.maximum(own[:, None] + others - 2 * (a @ b.T) * (z @ w.T), 0).min(axis=1)


def _draw(
    gradients: Gradients,
    picks: list[int],
    lengths: FloatArray,
    sums: tuple[FloatArray, FloatArray],
    rng: np.random.Generator,
) -> tuple[int, float] | None:
    """Return a pick and its distance by rejection, or None if too many proposals were refused."""
    least = lengths[picks].min()
    # (g + m)^2 = g^2 + 2 m g + m^2: three fixed distributions, mixed
    shares = np.array([sums[0][-1], 2 * least * sums[1][-1], least**2 * len(lengths)])
    if not shares.sum() > 0:
        return None
    for _ in range(PATIENCE):
        kinds = rng.choice(3, PROPOSALS, p=shares / shares.sum())
        places = rng.random(PROPOSALS)
        by_kind = [np.searchsorted(total, places * total[-1], side="right") for total in sums]
        proposed = np.choose(kinds, [*by_kind, (places * len(lengths)).astype(np.int64)])
        proposed = np.minimum(proposed, len(lengths) - 1)
        squares = gradients.squared_distances(proposed)
        bounds = (lengths[proposed] + least) ** 2
        accepted = (rng.random(PROPOSALS) * bounds < squares) & ~np.isin(proposed, picks)
        if accepted.any():
            first = int(accepted.argmax())
            return int(proposed[first]), float(np.sqrt(squares[first]))
    return None


def _draw_exactly(gradients: Gradients, picks: list[int], rng: np.random.Generator) -> tuple[int, float]:
    """Return a pick and its distance, after computing the distances of all items."""
    size = gradients.pool.size
    parts = np.array_split(np.arange(size), size // 16_384 + 1)
    squares = np.concatenate([gradients.squared_distances(part) for part in parts])
    squares[picks] = 0
    if not squares.max() > 0:  # nothing but copies of the picks is left
        return int(rng.choice(np.setdiff1d(np.arange(size), picks))), 0.0
    drawn = int(rng.choice(size, p=squares / squares.sum()))
    return drawn, float(np.sqrt(squares[drawn]))


@hookimpl
def nextlabel_strategies() -> Iterator[StrategyPlugin]:
    yield StrategyPlugin("tiny-badge", "diverse and long gradients", Badge, needs=["probabilities", "embeddings"])
