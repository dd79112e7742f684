"""Built-in query strategies, one file each."""

from __future__ import annotations

from collections.abc import Iterator

from nextlabel.contracts import StrategyPlugin, hookimpl

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
