"""Query strategies: one file each."""

from __future__ import annotations

from collections.abc import Iterator

from nextlabel.contracts import StrategyPlugin, hookimpl

HERE = "nextlabel_plugins.strategies"


@hookimpl
def nextlabel_strategies() -> Iterator[StrategyPlugin]:
    """Offer the strategies in the box."""
    yield StrategyPlugin("random", "any open item, each as likely as the others", f"{HERE}.random:Random")
    yield StrategyPlugin(
        "least-confidence",
        "the items whose most probable class is least probable",
        f"{HERE}.least_confidence:LeastConfidence",
        needs=("probabilities",),
    )
    yield StrategyPlugin(
        "margin",
        "the items whose two most probable classes are closest",
        f"{HERE}.margin:Margin",
        needs=("probabilities",),
    )
    yield StrategyPlugin(
        "entropy",
        "the items whose probabilities are spread widest",
        f"{HERE}.entropy:Entropy",
        needs=("probabilities",),
    )
