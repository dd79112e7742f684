"""The fold, against a naive one that looks at all labels again each time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextlabel.contracts.errors import NotFound, Unprocessable
from nextlabel.engine.labels.label_state import DATASET, LabelState
from nextlabel.store.labels import LabelRow

CLASSES = ("ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibis")  # nine: more than a byte of bits
SIZE = 4


def row(id_: int, position: int, annotator: str, kind: str, said: Any = None) -> LabelRow:
    candidates = said if kind == "candidates" else None
    value = said if kind == "value" else None
    return LabelRow(id_, position, str(position), annotator, kind, candidates, value, 0.0, None, None)


def sets(*said: tuple[int, str, Sequence[str] | None]) -> list[LabelRow]:
    """Rows of (position, annotator, set); None retracts, an empty set skips."""
    kinds = [("retract", None) if s is None else ("candidates", tuple(s)) if s else ("skip", None) for _, _, s in said]
    return [row(i, p, who, *kind) for i, ((p, who, _), kind) in enumerate(zip(said, kinds, strict=True), 1)]


def naive(classes: tuple[str, ...], size: int, rows: Sequence[LabelRow]) -> dict[str, Any]:
    """The definition, word by word."""
    candidates = np.ones((size, len(classes)), bool)
    values = np.full(size, np.nan)
    answers = np.zeros(size, int)
    skipped = np.zeros(size, bool)
    contested = np.zeros(size, bool)
    voices: list[dict[str, Any]] = [{} for _ in range(size)]
    for position in range(size):
        mine = [r for r in rows if r.position == position]
        for annotator in {r.annotator for r in mine}:
            last = [r for r in mine if r.annotator == annotator][-1]
            if last.kind != "retract":
                voices[position][annotator] = last.value if last.value is not None else last.candidates
        said = [v for v in voices[position].values() if v is not None]
        answers[position] = sum(v is not None and a != DATASET for a, v in voices[position].items())
        skipped[position] = None in voices[position].values() and answers[position] == 0
        if said and classes:
            allowed = set.intersection(*map(set, said)) or set.union(*map(set, said))
            contested[position] = not set.intersection(*map(set, said))
            candidates[position] = [name in allowed for name in classes]
        elif said:
            values[position] = np.mean(said)
    opened = candidates.sum(axis=1) > 1 if classes else np.isnan(values)
    return {
        "candidates": candidates if classes else None,
        "values": None if classes else values,
        "answers": answers,
        "skipped": skipped,
        "opened": opened,
        "contested": contested,
        "voices": voices,
    }


def check(state: LabelState, rows: Sequence[LabelRow]) -> None:
    expected = naive(state.classes, len(state), rows)
    for name in ("candidates", "answers", "skipped", "opened", "contested"):
        np.testing.assert_array_equal(getattr(state, name), expected[name], err_msg=name)
    if state.classes:
        assert state.values is None
        np.testing.assert_array_equal(state.targets().candidates, expected["candidates"])
    else:
        np.testing.assert_allclose(state.values, expected["values"], rtol=1e-12)
        np.testing.assert_array_equal(state.targets().values, state.values)
    for position, voices in enumerate(expected["voices"]):
        found = state.voices(position)
        assert {a: v if v is None or isinstance(v, float) else set(v) for a, v in found.items()} == {
            a: v if v is None or isinstance(v, float) else set(v) for a, v in voices.items()
        }
    for annotator in {r.annotator for r in rows} | {"nobody"}:
        assert state.spoken(annotator) == {p for p in range(len(state)) if annotator in expected["voices"][p]}
    assert state.last == (rows[-1].id if rows else 0)


WHO = st.sampled_from([DATASET, "ann", "bob", "cy"])
SET = st.tuples(st.just("candidates"), st.sets(st.sampled_from(CLASSES), min_size=1).map(tuple))
VALUE = st.tuples(st.just("value"), st.floats(-1e6, 1e6))
OTHER = st.sampled_from([("skip", None), ("retract", None)])


def histories(answer: st.SearchStrategy[Any]) -> st.SearchStrategy[list[tuple[int, str, tuple[str, Any]]]]:
    return st.lists(st.tuples(st.integers(0, SIZE - 1), WHO, answer | OTHER), max_size=30)


@settings(max_examples=300, deadline=None)
@given(histories(SET), st.lists(st.integers(0, 30), max_size=6), st.integers(1, 3))
def test_sets_fold_as_defined_in_any_portions(history, cuts, step):
    _fold(CLASSES, history, cuts, step)


@settings(max_examples=150, deadline=None)
@given(histories(VALUE), st.lists(st.integers(0, 30), max_size=6), st.integers(1, 3))
def test_values_fold_as_defined_in_any_portions(history, cuts, step):
    _fold((), history, cuts, step)


def test_the_mean_of_numbers_near_the_largest_there_is():
    state = LabelState((), SIZE)
    state.apply(
        [row(1, 0, "ann", "value", 1.7e308), row(2, 0, "bob", "value", 1.7e308), row(3, 1, "ann", "value", 2.5)]
    )
    assert state.values[:2].tolist() == [1.7e308, 2.5]
    assert state.last == 3


def _fold(classes, history, cuts, step):
    # ids of a project have no gaps in the store, but nothing here depends on it
    rows = [row(i * step, p, who, *said) for i, (p, who, said) in enumerate(history, 1)]
    state = LabelState(classes, SIZE)
    edges = [0, *sorted(cuts), len(rows)]
    for start, end in pairwise(edges):
        state.apply(rows[start:end])
        check(state, rows[: min(max(end, start), len(rows))])
    state.apply(rows)  # all of them known
    check(state, rows)
    whole = LabelState(classes, SIZE)
    whole.apply(iter(rows))
    check(whole, rows)
    if not classes:
        np.testing.assert_array_equal(whole.values, state.values)  # to the last bit


@settings(max_examples=50, deadline=None)
@given(histories(SET), st.integers(0, 5))
def test_growing_keeps_what_was_said(history, more):
    rows = [row(i, p, who, *said) for i, (p, who, said) in enumerate(history, 1)]
    state = LabelState(CLASSES, SIZE)
    state.apply(rows)
    state.grow(SIZE + more)
    assert len(state) == SIZE + more
    check(state, rows)


def test_the_readme_of_resolution():
    state = LabelState(("cat", "dog", "ship"), 6)
    state.apply(
        sets(
            (0, "ann", ["cat", "dog"]),
            (0, "bob", ["dog", "ship"]),  # they share dog
            (1, "ann", ["cat"]),
            (1, "bob", ["ship"]),  # they share nothing
            (2, "ann", ["cat"]),
            (2, "ann", ["dog"]),  # changed her mind
            (3, "ann", ["cat"]),
            (3, "ann", None),  # took it back
            (4, "ann", []),  # skipped
            (5, DATASET, ["cat", "dog", "ship"]),  # says nothing
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
    assert state.opened.tolist() == [False, True, False, True, True, True]
    assert state.answers.tolist() == [2, 2, 1, 0, 0, 0]
    assert state.skipped.tolist() == [False, False, False, False, True, False]
    assert state.spoken("ann") == {0, 1, 2, 4}
    assert state.voices(0) == {"ann": ("cat", "dog"), "bob": ("dog", "ship")}
    assert state.voices(4) == {"ann": None}


def test_a_persons_skip_shows_beside_the_data_sets_own_label():
    state = LabelState(CLASSES, 1)
    state.apply(sets((0, DATASET, ["ant", "bee"]), (0, "ann", [])))
    assert state.skipped.tolist() == [True]
    assert state.opened.tolist() == [True]


def test_one_class_leaves_nothing_open():
    state = LabelState(("only",), 2)
    assert not state.opened.any()
    assert state.targets().candidates is not None


@pytest.mark.parametrize("count", [1, 7, 8, 9, 100, 1000])
def test_any_number_of_classes(count):
    names = tuple(f"class{i}" for i in range(count))
    state = LabelState(names, 3)
    state.apply(sets((1, "ann", [names[0], names[-1]])))
    assert np.flatnonzero(state.candidates[1]).tolist() == sorted({0, count - 1})
    assert state.candidates[[0, 2]].all()


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (row(2, 0, "ann", "candidates", ("owl",)), NotFound),
        (row(2, 0, "ann", "candidates", ()), Unprocessable),
        (row(2, 0, "ann", "value", 1.0), Unprocessable),
        (row(2, SIZE, "ann", "skip"), ValueError),
        (row(2, -1, "ann", "skip"), ValueError),
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


def test_what_it_gives_cannot_be_written_to():
    state = LabelState(CLASSES, 2)
    for array in (state.candidates, state.answers, state.skipped, state.opened, LabelState((), 1).values):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    targets = state.targets()
    state.apply(sets((0, "ann", ["ant"])))
    assert targets.candidates[0].all()


def test_sixty_thousand_rows_fold_fast_and_one_more_at_once():
    rng = np.random.default_rng(0)
    some = [tuple(np.array(CLASSES)[np.flatnonzero(bits)].tolist()) for bits in rng.random((200, 9)) < 0.3]
    rows = [row(i + 1, i, DATASET, "candidates", some[i % 200] or ("ant",)) for i in range(60_000)]
    state = LabelState(CLASSES, 60_000)
    begin = time.process_time()
    state.apply(rows)
    assert time.process_time() - begin < 1.5  # 0.1 s on a quiet core
    begin = time.process_time()
    for i in range(1000):
        state.apply([row(60_001 + i, i, "ann", "candidates", ("ant",))])
    assert time.process_time() - begin < 0.5  # 8 ms: what is new, not what there is


def test_who_took_everything_back_was_heard_and_has_nothing_standing() -> None:
    state = LabelState(("cat", "dog"), 1)
    said = [("candidates", ("cat",)), ("retract", None)]
    state.apply(LabelRow(n, 0, "i", "ann", kind, sets, None, 0.0, None, None) for n, (kind, sets) in enumerate(said, 1))
    assert (state.heard("ann"), state.annotators) == (True, ())
    assert not state.heard("bob")
