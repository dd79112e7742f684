"""Every format keeps the whole history: items, annotators, labels, times, keys and their order."""

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

from nextlabel.store.labels import Label, LabelEvent

NAMES = st.sampled_from(["a,b", "=1+1", "@x", '"', "two\nlines", "a\r\nb", "ann@example.org", "İ", " ", "-", "a|b"])
TEXTS = NAMES | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20
).filter(lambda name: name != "dataset")
TIMES = st.floats(0, 4e9) | st.integers(0, 10**9).map(float)


@st.composite
def histories(draw: Any, classes: tuple[str, ...]) -> list[LabelEvent]:
    """Labels that annotators could have submitted one after the other."""
    annotators = draw(st.lists(TEXTS, min_size=1, max_size=3, unique=True))
    labelled: set[tuple[str, str]] = set()
    events = []
    for _ in range(draw(st.integers(1, 12))):
        annotator, item = draw(st.sampled_from(annotators)), draw(st.sampled_from(IDS))
        kinds = ["candidates" if classes else "value"] * 3 + ["skip"]
        kind = draw(st.sampled_from(kinds + ["retract"] * ((annotator, item) in labelled)))
        (labelled.discard if kind == "retract" else labelled.add)((annotator, item))
        label = Label(skip=True) if kind == "skip" else Label(retract=True)
        if kind == "candidates":
            chosen = draw(st.sets(st.sampled_from(classes), min_size=1, max_size=len(classes)))
            label = Label(candidates=tuple(name for name in classes if name in chosen))
        elif kind == "value":
            label = Label(value=draw(st.floats(allow_nan=False, allow_infinity=False)))
        events.append(LabelEvent(item, annotator, label, draw(TIMES), draw(st.none() | TEXTS)))
        if draw(st.booleans()) and kind != "retract":
            events.append(events[-1])  # submitted twice in one request
    return events


def targets(project: ToyProject) -> np.ndarray[Any, Any]:
    """The training targets, as one array."""
    arrays = project.services.state(project.services.row(project.name)).labels.targets()
    return np.asarray(arrays.values if arrays.candidates is None else arrays.candidates)


@pytest.mark.slow
@pytest.mark.parametrize("classes", [CLASSES, ()], ids=["classes", "values"])
@pytest.mark.parametrize("kind", FORMATS)
def test_round_trip_keeps_history_and_targets(make: Make, tmp_path: Path, kind: str, classes: tuple[str, ...]) -> None:
    """Exported, imported into another home folder, exported again: the same labels, targets and bytes."""
    empty, number = make(ODD, plugins=registry(classes)).import_dataset(), count()

    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(histories(classes))
    def round_trip(events: list[LabelEvent]) -> None:
        here, there = (copied(empty, tmp_path / f"home-{next(number)}") for _ in range(2))
        store(here, *events)
        out = [tmp_path / f"{next(number)}.{kind}" for _ in range(3)]
        export_from(here, kind, out[0], copy_images=kind == "coco")
        export_from(here, kind, out[1], copy_images=kind == "coco")
        assert files_in(out[0]) == files_in(out[1])
        done = import_into(there, out[0], format=None if out[0].is_dir() else kind)
        assert (done.labels, done.present, done.images, done.faulty) == (len(events), 0, 0, 0)
        assert history(there) == history(here)
        assert len(history(there)) == len(events)
        np.testing.assert_array_equal(targets(there), targets(here))
        export_from(there, kind, out[2], copy_images=kind == "coco")
        assert files_in(out[2]) == files_in(out[0])
        again = import_into(there, out[0], format=None if out[0].is_dir() else kind)
        assert (again.labels, again.present) == (0, len(events))
        assert history(there) == history(here)
        for project in (here, there):
            project.services.database.dispose()

    round_trip()
