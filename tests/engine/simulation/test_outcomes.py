"""Reports pooled over the seeds of a simulation."""

from __future__ import annotations

import numpy as np

from nextlabel.engine.evaluation.outcome_report import Outcome
from nextlabel.engine.simulation.outcomes import pooled_reports
from nextlabel.engine.simulation.simulate import Run


def test_seeds_measured_on_other_items_have_their_own_report() -> None:
    splits = {0: "holdout", 1: "unlabelled", 2: "holdout"}
    truth = np.array([0, 1])
    made = pooled_reports(
        {Run("random", "exact", seed): Outcome(split, truth, truth, ("a", "b")) for seed, split in splits.items()}
    )
    assert [(report.split, report.seeds, report.report.macro.support) for report in made] == [
        ("holdout", (0, 2), 4), ("unlabelled", (1,), 2)
    ]  # fmt: skip
