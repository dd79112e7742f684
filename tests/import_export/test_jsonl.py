"""JSON, whole and in lines: what is read, in pieces of any size, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.engine import ToyProject
from support.import_export import history, import_into

from nextlabel.contracts.errors import BadRequest, Unprocessable

Make = Callable[..., ToyProject]


def test_lines_of_json(squares: ToyProject, file: Any) -> None:
    good = ['{"id":"s1","label":"left"}', "", '{"file":"s2","candidates":["right","left"],"annotator":"bob"}',
            '{"id":"s3","skip":true}', '{"id":"s3","retract":true}']  # fmt: skip
    assert import_into(squares, file("\r\n".join(good), "a.jsonl")).labels == 4
    assert [row.retract for row in history(squares)] == [False, False, False, True]
    bad = ['{"id":"s1","lable":"left"}', "{", "[]", '{"id":"s1","value":NaN}', '{"id":"s1","value":1}',
           '{"id":"s1","retract":true}', '{"id":"s1","label":"left","annotator":7}', '{"label":"left"}',
           '{"id":"s1","candidates":[]}', '{"id":"s1","label":"left","annotator":"dataset"}',
           '{"id":"s1","label":"left","annotator":"\\ud800"}']  # fmt: skip
    done = import_into(squares, file("\n".join(bad), "b.jsonl"), skip_faulty=True, annotator="eve")
    assert (done.labels, done.faulty) == (0, len(bad))
    words = ["no field", "not JSON", "an object", "not JSON", "takes candidates", "to retract", "a text",
             "names no item", "at least one", "the data set itself", "cannot be stored"]  # fmt: skip
    for fault, word in zip(done.faults, words, strict=True):
        assert word in fault


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f'{{"id": "s1", "value": 1{"0" * 400}}}', "a value is a finite number"),
        (f'{{"id": "s1", "label": "left", "time": 1{"0" * 400}}}', "a time must be finite"),
        (f'{{"id": "s1", "label": "left", "time": {"1" * 5000}}}', "too many digits"),
    ],
)
def test_numbers_too_large_for_anything(squares: ToyProject, file: Any, line: str, reason: str) -> None:
    with pytest.raises(Unprocessable, match=reason):
        import_into(squares, file(f"{line}\n", "labels.jsonl"))
    with pytest.raises(BadRequest, match="too many digits"):
        import_into(squares, file(f'[{{"id": {"1" * 5000}}}]', "tasks.json"))
