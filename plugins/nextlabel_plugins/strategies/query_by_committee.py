"""Query by committee: query items that the members of a committee disagree about.

    vote-entropy   score(x) = -sum_c v(c) log v(c), where v(c) is the share of members whose most probable class is c
    consensus-kl   score(x) = 1/T sum_t sum_c p_t(c | x) log(p_t(c | x) / p(c | x)), where p = 1/T sum_t p_t

Each of the T posterior samples of a model is a member; `[[learner.members]]` makes a committee of learners.

Seung, Opper and Sompolinsky, "Query by committee", COLT 1992. Vote entropy: Dagan and Engelson, "Committee-based
sampling for training probabilistic classifiers", ICML 1995. Divergence from the consensus: McCallum and Nigam,
"Employing EM and pool-based active learning for text classification", ICML 1998.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from nextlabel.contracts import FloatArray, NumberArray, Pool, Strategy


@dataclass(frozen=True)
class QueryByCommitteeParameters:
    """Parameters of `query-by-committee`."""

    measure: Annotated[
        Literal["vote-entropy", "consensus-kl"],
        "disagreement: of the members' most probable classes, or of their probabilities",
    ] = "vote-entropy"


class QueryByCommittee(Strategy[QueryByCommitteeParameters]):
    """Prefers items that the members disagree about. The samples are summarized in the worker and not stored."""

    def summarize(self, pool: Pool) -> Mapping[str, NumberArray]:
        """Return the disagreement (n,) in nats, from samples (T, n, C) renormalised over each item's candidates."""
        measure = _vote_entropy if self.parameters.measure == "vote-entropy" else _consensus_kl
        return {"disagreement": measure(pool.samples)}

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:  # noqa: ARG002 - nothing is random
        """Return (n,) disagreements, from 0 to the logarithm of T or C; 0 for all items before the first model."""
        return pool.prepared["disagreement"].astype(np.float64) if pool.prepared else np.zeros(pool.size)


def _vote_entropy(samples: FloatArray) -> FloatArray:
    """Return (n,) entropies of the votes of samples (T, n, C)."""
    members, items, classes = samples.shape
    votes = np.zeros((items, classes))
    for probabilities in samples:
        votes[np.arange(items), probabilities.argmax(axis=1)] += 1
    return 0 - _sums_of_p_log_p(votes / members)


def _consensus_kl(samples: FloatArray) -> FloatArray:
    """Return (n,) mean Kullback-Leibler divergences of samples (T, n, C) from their mean.

    It is the entropy of the mean minus the mean of the entropies, so that one sample at a time is read.
    """
    members, items, classes = samples.shape
    mean, negative_entropy = np.zeros((items, classes)), np.zeros(items)
    for member in samples:
        probabilities = member.astype(np.float64)
        mean += probabilities / members
        negative_entropy += _sums_of_p_log_p(probabilities) / members
    return np.maximum(negative_entropy - _sums_of_p_log_p(mean), 0)


def _sums_of_p_log_p(probabilities: FloatArray) -> FloatArray:
    """Return (n,) sums of p log p over the classes of probabilities (n, C); it is 0 for a p of 0."""
    logarithms = np.log(np.where(probabilities > 0, probabilities, 1))
    sums: FloatArray = np.einsum("nc,nc->n", probabilities, logarithms)
    return sums
