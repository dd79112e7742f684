"""BALD: the information that an item's label has about the model, by posterior samples that are never stored."""

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


def _entropy(probabilities: FloatArray) -> FloatArray:
    logarithms = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    return -(probabilities * logarithms).sum(axis=-1)


@hookimpl
def nextlabel_strategies() -> Iterator[StrategyPlugin]:
    yield StrategyPlugin("tiny-bald", "mutual information", Bald, summary_needs=["samples"])
