"""The label state, against a simple one that reads the whole history each time."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextlabel.contracts.errors import NotFound, Unprocessable
from nextlabel.engine.labels.label_state import LabelState
from nextlabel.store.labels import DATASET, Label, LabelEvent, StoredLabel

CLASSES = ("ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibis")  # nine: more than a byte of bits
SIZE = 4


def stored(id_: int, position: int, annotator: str, label: Label) -> StoredLabel:
    return StoredLabel(id_, position, LabelEvent(str(position), annotator, label, 0.0))


def label_of(candidates: Sequence[str] | None) -> Label:
    """Return a label with these candidates; None retracts, an empty set skips."""
    if candidates:
        return Label(candidates=tuple(candidates))
    return Label(retract=True) if candidates is None else Label(skip=True)


def sets(*rows: tuple[int, str, Sequence[str] | None]) -> list[StoredLabel]:
    """Return the labels of (position, annotator, candidates) rows, as `label_of` reads candidates."""
    return [stored(i, position, annotator, label_of(names)) for i, (position, annotator, names) in enumerate(rows, 1)]


def naive(classes: tuple[str, ...], size: int, rows: Sequence[StoredLabel]) -> dict[str, Any]:
    """Resolve the labels by the definition, from the whole history."""
    candidates = np.ones((size, len(classes)), bool)
    values = np.full(size, np.nan)
    label_counts = np.zeros(size, int)
    skipped = np.zeros(size, bool)
    in_conflict = np.zeros(size, bool)
    current: list[dict[str, Label]] = [{} for _ in range(size)]
    for position in range(size):
        events = [row.event for row in rows if row.position == position]
        for annotator in {event.annotator for event in events}:
            last = [event.label for event in events if event.annotator == annotator][-1]
            if not last.retract:
                current[position][annotator] = last
        labels = [label for label in current[position].values() if not label.skip]
        label_counts[position] = sum(not label.skip and name != DATASET for name, label in current[position].items())
        skipped[position] = Label(skip=True) in current[position].values() and label_counts[position] == 0
        if labels and classes:
            named = [set(label.candidates or ()) for label in labels]
            allowed = set.intersection(*named) or set.union(*named)
            in_conflict[position] = not set.intersection(*named)
            candidates[position] = [name in allowed for name in classes]
        elif labels:
            values[position] = np.mean([label.value for label in labels])
    is_open = candidates.sum(axis=1) > 1 if classes else np.isnan(values)
    return {
        "candidates": candidates if classes else None,
        "values": None if classes else values,
        "label_counts": label_counts,
        "skipped": skipped,
        "is_open": is_open,
        "in_conflict": in_conflict,
        "current": current,
    }


def check(state: LabelState, rows: Sequence[StoredLabel]) -> None:
    expected = naive(state.classes, len(state), rows)
    for name in ("candidates", "label_counts", "skipped", "is_open", "in_conflict"):
        np.testing.assert_array_equal(getattr(state, name), expected[name], err_msg=name)
    np.testing.assert_array_equal(
        state.is_labelled, ~expected["candidates"].all(axis=1) if state.classes else ~expected["is_open"]
    )
    np.testing.assert_array_equal(state.is_partial, state.is_labelled & state.is_open)
    if state.classes:
        _check_sets(state, expected["candidates"])
        assert state.values is None
        np.testing.assert_array_equal(state.targets().candidates, expected["candidates"])
    else:
        np.testing.assert_allclose(state.values, expected["values"], rtol=1e-12)
        np.testing.assert_array_equal(state.targets().values, state.values)
    for position, current in enumerate(expected["current"]):
        assert {name: content(label) for name, label in state.current_labels(position).items()} == {
            name: content(label) for name, label in current.items()
        }
    for annotator in {row.event.annotator for row in rows} | {"unknown"}:
        labelled = {position for position in range(len(state)) if annotator in expected["current"][position]}
        assert state.positions_labelled_by(annotator) == labelled
    assert state.last == (rows[-1].id if rows else 0)
    assert state.by_annotators == sum(row.event.annotator != DATASET for row in rows)


def _check_sets(state: LabelState, candidates: Any) -> None:
    positions = np.arange(len(state))[::-1]
    np.testing.assert_array_equal(state.candidate_rows(positions), candidates[::-1])
    only = np.where(candidates.sum(axis=1) == 1, candidates.argmax(axis=1), -1)
    np.testing.assert_array_equal(state.single_classes(positions), only[::-1])
    np.testing.assert_array_equal(state.candidate_counts(state.is_labelled), candidates[state.is_labelled].sum(axis=0))
    for number in (0, len(state.classes) - 1):
        np.testing.assert_array_equal(state.has_candidate(number), candidates[:, number])


def content(label: Label) -> object:
    """Return a label without the order of its candidates."""
    return set(label.candidates) if label.candidates is not None else label


ANNOTATORS = st.sampled_from([DATASET, "ann", "bob", "cy"])
SETS = st.sets(st.sampled_from(CLASSES), min_size=1).map(lambda names: Label(candidates=tuple(names)))
VALUES = st.floats(-1e6, 1e6).map(lambda value: Label(value=value))
OTHERS = st.sampled_from([Label(skip=True), Label(retract=True)])


def histories(labels: st.SearchStrategy[Label]) -> st.SearchStrategy[list[tuple[int, str, Label]]]:
    return st.lists(st.tuples(st.integers(0, SIZE - 1), ANNOTATORS, labels | OTHERS), max_size=30)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(histories(SETS), st.lists(st.integers(0, 30), max_size=6), st.integers(1, 3))
def test_sets_are_resolved_as_defined_in_any_portions(history, cuts, step):
    _apply_in_portions(CLASSES, history, cuts, step)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(histories(VALUES), st.lists(st.integers(0, 30), max_size=6), st.integers(1, 3))
def test_values_are_resolved_as_defined_in_any_portions(history, cuts, step):
    _apply_in_portions((), history, cuts, step)


def test_the_mean_of_values_near_the_largest_float():
    state = LabelState((), SIZE)
    state.apply(
        [
            stored(1, 0, "ann", Label(value=1.7e308)),
            stored(2, 0, "bob", Label(value=1.7e308)),
            stored(3, 1, "ann", Label(value=2.5)),
        ]
    )
    assert state.values[:2].tolist() == [1.7e308, 2.5]
    assert state.last == 3


def _apply_in_portions(classes, history, cuts, step):
    # ids have no gaps in the database, but the state does not depend on that
    rows = [stored(i * step, *event) for i, event in enumerate(history, 1)]
    state = LabelState(classes, SIZE)
    edges = [0, *sorted(cuts), len(rows)]
    for start, end in pairwise(edges):
        state.apply(rows[start:end])
        check(state, rows[: min(max(end, start), len(rows))])
    state.apply(rows)  # all of them are known
    check(state, rows)
    whole = LabelState(classes, SIZE)
    whole.apply(iter(rows))
    check(whole, rows)
    if not classes:
        np.testing.assert_array_equal(whole.values, state.values)  # to the last bit


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(histories(SETS), st.integers(0, 5))
def test_growing_preserves_labels(history, more):
    rows = [stored(i, *event) for i, event in enumerate(history, 1)]
    state = LabelState(CLASSES, SIZE)
    state.apply(rows)
    state.grow(SIZE + more)
    assert len(state) == SIZE + more
    check(state, rows)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(histories(SETS), st.lists(st.integers(0, 30), max_size=6), st.integers(0, 2))
def test_snapshots_of_sets_stay_as_they_were(history, cuts, more):
    _check_snapshots(CLASSES, history, cuts, more)


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(histories(VALUES), st.lists(st.integers(0, 30), max_size=6), st.integers(0, 2))
def test_snapshots_of_values_stay_as_they_were(history, cuts, more):
    _check_snapshots((), history, cuts, more)


def _check_snapshots(classes, history, cuts, more):
    rows = [stored(i, *event) for i, event in enumerate(history, 1)]
    state = LabelState(classes, SIZE)
    snapshots = []
    for start, end in pairwise([0, *sorted(cuts), len(rows)]):
        state.apply(rows[start:end])
        snapshots.append((state.snapshot(), len(state), rows[: min(max(end, start), len(rows))]))
        state.grow(len(state) + more)
    for snapshot, size, known in snapshots:
        assert len(snapshot) == size
        check(snapshot, known)
    check(state, rows)


def test_a_snapshot_shares_the_arrays_until_they_change():
    state = LabelState(CLASSES, 3)
    state.apply(sets((0, "ann", ["ant"])))
    snapshot = state.snapshot()
    assert np.shares_memory(state.is_open, snapshot.is_open)
    state.apply([stored(2, 1, "bob", Label(candidates=("ant", "bee")))])
    assert np.shares_memory(state.is_open, snapshot.is_open)  # the item is still open
    assert not np.shares_memory(state.label_counts, snapshot.label_counts)
    assert snapshot.label_counts.tolist() == [1, 0, 0]
    assert snapshot.is_partial.tolist() == [False, False, False]
    assert snapshot.annotators == ("ann",)
    assert state.label_counts.tolist() == [1, 1, 0]
    assert state.is_partial.tolist() == [False, True, False]


def test_growing_by_nothing_copies_nothing():
    state = LabelState(CLASSES, 3)
    before = state.is_open, state.label_counts, state.skipped, state.in_conflict
    state.grow(3)
    for array, same in zip(before, (state.is_open, state.label_counts, state.skipped, state.in_conflict), strict=True):
        assert np.shares_memory(array, same)


def test_memory_does_not_depend_on_the_number_of_classes():
    tracemalloc.start()
    state = LabelState(tuple(f"class{i}" for i in range(1000)), 100_000)
    state.apply(sets((1, "ann", ["class1", "class2"])))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000  # a matrix of items and classes would take 100 MB


def test_resolution_by_example():
    state = LabelState(("cat", "dog", "ship"), 6)
    state.apply(
        sets(
            (0, "ann", ["cat", "dog"]),
            (0, "bob", ["dog", "ship"]),  # they share dog
            (1, "ann", ["cat"]),
            (1, "bob", ["ship"]),  # they share nothing
            (2, "ann", ["cat"]),
            (2, "ann", ["dog"]),  # replaced
            (3, "ann", ["cat"]),
            (3, "ann", None),  # retracted
            (4, "ann", []),  # skipped
            (5, DATASET, ["cat", "dog", "ship"]),  # rules out no class
        )
    )
    assert state.candidates is not None
    assert state.candidates.astype(int).tolist() == [
        [0, 1, 0],
        [1, 0, 1],
        [0, 1, 0],
        [1, 1, 1],
        [1, 1, 1],
        [1, 1, 1],
    ]
    assert state.is_open.tolist() == [False, True, False, True, True, True]
    assert state.label_counts.tolist() == [2, 2, 1, 0, 0, 0]
    assert state.skipped.tolist() == [False, False, False, False, True, False]
    assert state.positions_labelled_by("ann") == {0, 1, 2, 4}
    assert state.current_labels(0) == {
        "ann": Label(candidates=("cat", "dog")),
        "bob": Label(candidates=("dog", "ship")),
    }
    assert state.current_labels(4) == {"ann": Label(skip=True)}


def test_a_skip_shows_beside_a_label_of_the_data_set():
    state = LabelState(CLASSES, 1)
    state.apply(sets((0, DATASET, ["ant", "bee"]), (0, "ann", [])))
    assert state.skipped.tolist() == [True]
    assert state.is_open.tolist() == [True]


def test_one_class_leaves_no_item_open():
    state = LabelState(("only",), 2)
    assert not state.is_open.any()
    assert state.targets().candidates is not None


@pytest.mark.parametrize("count", [1, 7, 8, 9, 100, 1000])
def test_any_number_of_classes(count):
    names = tuple(f"class{i}" for i in range(count))
    state = LabelState(names, 3)
    state.apply(sets((1, "ann", sorted({names[0], names[-1]}))))
    assert np.flatnonzero(state.candidates[1]).tolist() == sorted({0, count - 1})
    assert state.candidates[[0, 2]].all()


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (stored(2, 0, "ann", Label(candidates=("owl",))), NotFound),
        (stored(2, 0, "ann", Label(value=1.0)), Unprocessable),
        (stored(2, SIZE, "ann", Label(skip=True)), ValueError),
        (stored(2, -1, "ann", Label(skip=True)), ValueError),
    ],
)
def test_a_label_that_does_not_fit_changes_nothing(bad, error):
    state = LabelState(CLASSES, SIZE)
    good = sets((0, "ann", ["ant"]))
    with pytest.raises(error):
        state.apply([*good, bad])
    check(state, [])
    state.apply(good)
    check(state, good)


def test_a_set_does_not_fit_regression():
    with pytest.raises(Unprocessable):
        LabelState((), 1).apply(sets((0, "ann", ["ant"])))


def test_it_never_shrinks():
    with pytest.raises(ValueError, match="already"):
        LabelState(CLASSES, 3).grow(2)


def test_its_arrays_are_read_only():
    state = LabelState(CLASSES, 2)
    for array in (state.candidates, state.label_counts, state.skipped, state.is_open, LabelState((), 1).values):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    targets = state.targets()
    state.apply(sets((0, "ann", ["ant"])))
    assert targets.candidates[0].all()


@pytest.mark.slow
def test_applying_one_label_costs_little_in_a_large_pool():
    rng = np.random.default_rng(0)
    some = [tuple(np.array(CLASSES)[np.flatnonzero(bits)].tolist()) for bits in rng.random((200, 9)) < 0.3]
    labels = [Label(candidates=names or ("ant",)) for names in some]
    rows = [stored(i + 1, i, DATASET, labels[i % 200]) for i in range(60_000)]
    state = LabelState(CLASSES, 60_000)
    begin = time.process_time()
    state.apply(rows)
    assert time.process_time() - begin < 1.5  # 0.1 s on a quiet core
    begin = time.process_time()
    for i in range(1000):
        state.apply([stored(60_001 + i, i, "ann", Label(candidates=("ant",)))])
    assert time.process_time() - begin < 0.5  # 8 ms on a quiet core


def test_an_annotator_who_retracted_everything_stays_known():
    state = LabelState(("cat", "dog"), 1)
    state.apply(sets((0, "ann", ["cat"]), (0, "ann", None)))
    assert (state.is_known_annotator("ann"), state.annotators) == (True, ())
    assert not state.is_known_annotator("bob")
