"""What a learner receives besides items and targets."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nextlabel.contracts import Training


def test_fields_by_position_stay_where_they_are() -> None:
    """Tests of third-party learners may build it without names: new fields are added at the end."""
    training = Training(1, ("a",), lambda _share, _metrics: None, None, lambda: np.zeros((1, 2)), Path("folder"))
    assert training.features is not None
    assert training.features().shape == (1, 2)
    assert training.folder == Path("folder")
    assert training.start_state == {}
