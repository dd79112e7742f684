"""BALD and query by committee: disagreement of posterior samples, which are summarized and never stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from nextlabel.contracts import FloatArray, NoParameters, NumberArray, Pool, Strategy, StrategyPlugin, hookimpl


class Bald(Strategy[NoParameters]):
    """Mutual information of an item's class and the model: H(mean p) - mean H(p) (Houlsby et al., 2011)."""

    def summarize(self, pool: Pool) -> Mapping[str, NumberArray]:
        """Return the mutual information of each item, from samples (T, n, C)."""
        samples = pool.samples
        return {"information": _entropy(samples.mean(axis=0)) - _entropy(samples).mean(axis=0)}

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """Return the mutual information; before any model it is 0 for all items."""
        return pool.prepared.get("information", np.zeros(pool.size, np.float32))


class Committee(Strategy[NoParameters]):
    """Entropy of the members' votes (Dagan and Engelson, ICML 1995)."""

    def summarize(self, pool: Pool) -> Mapping[str, NumberArray]:
        """Return the vote entropy of each item; a sample is a member."""
        votes = pool.samples.argmax(axis=2)
        shares = [(votes == number).mean(axis=0) for number in range(pool.samples.shape[2])]
        return {"disagreement": _entropy(np.stack(shares, axis=1).astype(np.float32))}

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """Return the vote entropy; before any model it is 0 for all items."""
        return pool.prepared.get("disagreement", np.zeros(pool.size, np.float32))


def _entropy(probabilities: FloatArray) -> FloatArray:
    logarithms = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    return -(probabilities * logarithms).sum(axis=-1)


@hookimpl
def nextlabel_strategies() -> Iterator[StrategyPlugin]:
    yield StrategyPlugin("tiny-bald", "mutual information", Bald, summary_needs=["samples"])
    yield StrategyPlugin("tiny-query-by-committee", "vote entropy", Committee, summary_needs=["samples"])
