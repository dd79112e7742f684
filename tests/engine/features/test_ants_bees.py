"""Photographs of ants and bees: a diverse first query without a label, and features that are computed once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ants_bees import FOLDER, play, services_for


@pytest.mark.slow
def test_twenty_labels_are_enough(tmp_path: Path) -> None:
    data = Path(os.environ.get("NEXTLABEL_DATA") or "/nowhere")
    if not (data / FOLDER).is_dir():
        pytest.skip(f"{FOLDER} is not in NEXTLABEL_DATA")
    services = services_for(tmp_path / "home", data, [0, 1])
    first, second = play(services, 0), play(services, 1)
    services.database.dispose()
    assert min(first.counts) >= 5
    # the pool, then the test split too, then nothing more
    assert first.contents == (156, 240, 240)
    assert second.contents == (240, 240, 240)
    assert (first.accuracy + second.accuracy) / 2 > 0.9
