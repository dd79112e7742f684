"""What the last checkpoints of a simulation predict, pooled over the seeds of each strategy and annotator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nextlabel.engine.evaluation.outcome_report import Outcome, Report, Split, report
from nextlabel.engine.simulation.annotators import EXACT
from nextlabel.engine.simulation.simulate import Run


@dataclass(frozen=True)
class PooledReport:
    """The report on the last round of one strategy with one annotator, over all seeds measured on one split."""

    strategy: str
    annotator: str
    """Empty if only `exact` was simulated."""
    seeds: tuple[int, ...]
    split: Split
    report: Report

    def document(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        annotator = {"annotator": self.annotator} if self.annotator else {}
        return {
            "strategy": self.strategy,
            **annotator,
            "seeds": list(self.seeds),
            "split": self.split,
            **self.report.document(),
        }


def pooled_reports(outcomes: Mapping[Run, Outcome]) -> list[PooledReport]:
    """Return a report per strategy, annotator and split, in the order they were simulated.

    Seeds have different splits if the seed decides whether any item is held out.
    """
    name_annotators = any(run.annotator != EXACT for run in outcomes)
    groups: dict[tuple[str, str, Split], dict[int, Outcome]] = {}
    for run, outcome in outcomes.items():
        groups.setdefault((run.strategy, run.annotator, outcome.split), {})[run.seed] = outcome
    return [
        PooledReport(
            strategy=strategy,
            annotator=annotator if name_annotators else "",
            seeds=tuple(by_seed),
            split=split,
            report=report(list(by_seed.values())),
        )
        for (strategy, annotator, split), by_seed in groups.items()
    ]
