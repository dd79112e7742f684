"""Whatever was said comes back, in every format: who, what, when, under which key, in which order."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.engine import ToyProject
from support.import_export import (
    CLASSES,
    FORMATS,
    IDS,
    ODD,
    Make,
    copied,
    export_from,
    files_in,
    history,
    import_into,
    registry,
    store,
)

from nextlabel.store.history import SaidLabel

NAMES = st.sampled_from(["a,b", "=1+1", "@x", '"', "two\nlines", "a\r\nb", "ann@example.org", "İ", " ", "-", "a|b"])
TEXTS = NAMES | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20
).filter(lambda name: name != "dataset")
TIMES = st.floats(0, 4e9) | st.integers(0, 10**9).map(float)


@st.composite
def histories(draw: Any, classes: tuple[str, ...]) -> list[SaidLabel]:
    """Labels that people could have given one after the other."""
    annotators = draw(st.lists(TEXTS, min_size=1, max_size=3, unique=True))
    standing: set[tuple[str, int]] = set()
    rows = []
    for _ in range(draw(st.integers(1, 12))):
        who, position = draw(st.sampled_from(annotators)), draw(st.integers(0, len(IDS) - 1))
        kinds = ["candidates" if classes else "value"] * 3 + ["skip"]
        kind = draw(st.sampled_from(kinds + ["retract"] * ((who, position) in standing)))
        (standing.discard if kind == "retract" else standing.add)((who, position))
        sets = value = None
        if kind == "candidates":
            chosen = draw(st.sets(st.sampled_from(classes), min_size=1, max_size=len(classes)))
            sets = tuple(name for name in classes if name in chosen)
        elif kind == "value":
            value = draw(st.floats(allow_nan=False, allow_infinity=False))
        key = draw(st.none() | TEXTS)
        rows.append(SaidLabel(position, who, kind, sets, value, draw(TIMES), key))
        if draw(st.booleans()) and kind != "retract":
            rows.append(rows[-1])  # sent twice in one request
    return rows


def targets(project: ToyProject) -> np.ndarray[Any, Any]:
    found = project.services.state(project.services.row(project.name)).labels.targets()
    return np.asarray(found.values if found.candidates is None else found.candidates)


@pytest.mark.parametrize("classes", [CLASSES, ()], ids=["classes", "values"])
@pytest.mark.parametrize("kind", FORMATS)
def test_a_history_comes_back_whole(make: Make, tmp_path: Path, kind: str, classes: tuple[str, ...]) -> None:
    """Exported, imported into another home folder, exported again: the same labels, targets and bytes."""
    empty, number = make(ODD, plugins=registry(classes)).bring(), count()

    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(histories(classes))
    def travels(rows: list[SaidLabel]) -> None:
        here, there = (copied(empty, tmp_path / f"home-{next(number)}") for _ in range(2))
        store(here, *rows)
        out = [tmp_path / f"{next(number)}.{kind}" for _ in range(3)]
        export_from(here, kind, out[0], copy_images=kind == "coco")
        export_from(here, kind, out[1], copy_images=kind == "coco")
        assert files_in(out[0]) == files_in(out[1])
        done = import_into(there, out[0], format=None if out[0].is_dir() else kind)
        assert (done.labels, done.present, done.images, done.faulty) == (len(rows), 0, 0, 0)
        assert history(there) == history(here)
        assert len(history(there)) == len(rows)
        np.testing.assert_array_equal(targets(there), targets(here))
        export_from(there, kind, out[2], copy_images=kind == "coco")
        assert files_in(out[2]) == files_in(out[0])
        again = import_into(there, out[0], format=None if out[0].is_dir() else kind)
        assert (again.labels, again.present) == (0, len(rows))
        assert history(there) == history(here)
        for project in (here, there):
            project.services.database.dispose()

    travels()
