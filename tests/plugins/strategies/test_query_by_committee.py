"""Query by committee, compared with hand calculations and plain loops."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.contracts import Pool
from nextlabel_plugins.strategies.query_by_committee import QueryByCommittee, QueryByCommitteeParameters


def scores(samples: np.ndarray, measure: str) -> np.ndarray:
    strategy = QueryByCommittee(QueryByCommitteeParameters(measure))  # type: ignore[arg-type]
    count = samples.shape[1]
    prepared = strategy.summarize(Pool(count, {"samples": samples}))
    return strategy.score(Pool(count, prepared=prepared), np.random.default_rng(0))


@pytest.mark.parametrize("measure", ["vote-entropy", "consensus-kl"])
def test_scores_by_hand(measure: str) -> None:
    samples = np.array([[[1, 0], [0.5, 0.5], [1, 0]], [[0, 1], [0.5, 0.5], [1, 0]]], np.float32)
    np.testing.assert_allclose(scores(samples, measure), [log(2), 0, 0], atol=1e-12)


def test_the_measures_differ_where_members_vote_alike_with_different_certainty() -> None:
    samples = np.array([[[0.9, 0.1]], [[0.6, 0.4]]])
    assert scores(samples, "vote-entropy").tolist() == [0]
    by_hand = (0.9 * log(0.9 / 0.75) + 0.1 * log(0.1 / 0.25) + 0.6 * log(0.6 / 0.75) + 0.4 * log(0.4 / 0.25)) / 2
    np.testing.assert_allclose(scores(samples, "consensus-kl"), [by_hand])


@given(st.integers(1, 5), st.integers(2, 5), st.integers(0, 1000))
def test_scores_equal_those_of_a_loop(members: int, classes: int, seed: int) -> None:
    samples = np.random.default_rng(seed).dirichlet(np.full(classes, 0.5), (members, 6))
    votes, divergences = [], []
    for item in range(6):
        rows = samples[:, item].tolist()
        shares = [sum(row.index(max(row)) == c for row in rows) / members for c in range(classes)]
        votes.append(-sum(share * log(share) for share in shares if share))
        mean = [sum(row[c] for row in rows) / members for c in range(classes)]
        terms = [p * log(p / q) for row in rows for p, q in zip(row, mean, strict=True) if p]
        divergences.append(sum(terms) / members)
    np.testing.assert_allclose(scores(samples, "vote-entropy"), votes, atol=1e-12)
    np.testing.assert_allclose(scores(samples, "consensus-kl"), divergences, atol=1e-9)


def test_before_the_first_model_all_items_are_alike() -> None:
    strategy = QueryByCommittee(QueryByCommitteeParameters())
    assert strategy.score(Pool(3), np.random.default_rng(0)).tolist() == [0, 0, 0]
