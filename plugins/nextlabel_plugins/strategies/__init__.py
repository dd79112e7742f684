"""Built-in query strategies, one file each."""

from __future__ import annotations

from collections.abc import Iterator

from nextlabel.contracts import StrategyPlugin, hookimpl
from nextlabel_plugins.strategies.dbal import DbalParameters
from nextlabel_plugins.strategies.query_by_committee import QueryByCommitteeParameters

PACKAGE = "nextlabel_plugins.strategies"


@hookimpl
def nextlabel_strategies() -> Iterator[StrategyPlugin]:
    """Yield the built-in strategies."""
    yield StrategyPlugin("random", "all open items with equal probability", f"{PACKAGE}.random:Random")
    yield StrategyPlugin(
        "least-confidence",
        "items with the lowest probability of the most probable class",
        f"{PACKAGE}.least_confidence:LeastConfidence",
        needs=("probabilities",),
    )
    yield StrategyPlugin(
        "margin",
        "items with the smallest gap between the two most probable classes",
        f"{PACKAGE}.margin:Margin",
        needs=("probabilities",),
    )
    yield StrategyPlugin(
        "entropy",
        "items with the highest entropy of the probabilities",
        f"{PACKAGE}.entropy:Entropy",
        needs=("probabilities",),
    )
    yield StrategyPlugin(
        "k-means",
        "the item nearest to the centre of each cluster, whatever is labelled",
        f"{PACKAGE}.k_means:KMeans",
        needs=("embeddings",),
        in_worker=True,
    )
    yield StrategyPlugin(
        "core-set",
        "items far from all labelled and chosen ones",
        f"{PACKAGE}.core_set:CoreSet",
        needs=("embeddings", "covered_embeddings"),
    )
    yield StrategyPlugin(
        "dbal",
        "one item from each cluster of the most uncertain items",
        f"{PACKAGE}.dbal:Dbal",
        DbalParameters,
        needs=("probabilities", "embeddings"),
    )
    yield StrategyPlugin(
        "query-by-committee",
        "items that posterior samples, or the members of a committee, disagree about",
        f"{PACKAGE}.query_by_committee:QueryByCommittee",
        QueryByCommitteeParameters,
        summary_needs=("samples",),
    )
    yield StrategyPlugin(
        "largest-std",
        "for regression: items with the largest standard deviation",
        f"{PACKAGE}.largest_std:LargestStd",
        needs=("std",),
    )
