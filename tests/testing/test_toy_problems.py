"""The toy problems have labels of every class."""

from __future__ import annotations

import numpy as np
import pytest

from nextlabel.testing.toy_problems import KINDS, tasks


@pytest.mark.parametrize("kind", KINDS)
def test_every_class_is_labelled(kind: str) -> None:
    for task in tasks(kind, "classification"):
        labelled = task.full.labelled
        assert set(task.truth[labelled]) == set(range(len(task.classes)))
        assert 0 < labelled.sum() < len(labelled)


@pytest.mark.parametrize("kind", KINDS)
def test_values_differ(kind: str) -> None:
    for task in tasks(kind, "regression"):
        values = task.full.values
        assert values is not None
        assert np.nanstd(values) > 0.5
