"""Of two images of a cat or a dog, every uncertainty strategy queries the one that the model is less certain of."""

from __future__ import annotations

import numpy as np
import pytest

from nextlabel.contracts import NoParameters, Pool, Strategy
from nextlabel_plugins.strategies.entropy import Entropy
from nextlabel_plugins.strategies.least_confidence import LeastConfidence
from nextlabel_plugins.strategies.margin import Margin

CAT_OR_DOG = np.array([[0.9, 0.1], [0.6, 0.4]])
"""The first is almost certainly a cat; the second may well be a dog."""


@pytest.mark.parametrize("strategy", [LeastConfidence, Margin, Entropy])
@pytest.mark.parametrize("uncertain", [0, 1])
def test_the_less_certain_image_is_chosen(strategy: type[Strategy[NoParameters]], uncertain: int) -> None:
    rows = CAT_OR_DOG if uncertain else CAT_OR_DOG[::-1]
    chosen = strategy(NoParameters()).select(Pool(2, {"probabilities": rows}), 1, np.random.default_rng(0))
    assert chosen.positions.tolist() == [uncertain]
