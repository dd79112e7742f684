"""Lines of JSON: how they are read, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from support.engine import ToyProject
from support.import_export import history, import_into

from nextlabel.contracts.errors import BadRequest, Unprocessable


def test_lines_of_json(squares: ToyProject, file: Any) -> None:
    valid = ['{"id":"s1","label":"left"}', "", '{"file":"s2","candidates":["right","left"],"annotator":"bob"}',
             '{"id":"s3","skip":true}', '{"id":"s3","retract":true}']  # fmt: skip
    assert import_into(squares, file("\r\n".join(valid), "a.jsonl")).labels == 4
    assert [event.label.retract for event in history(squares)] == [False, False, False, True]
    invalid = ['{"id":"s1","lable":"left"}', "{", "[]", '{"id":"s1","value":NaN}', '{"id":"s1","value":1}',
               '{"id":"s1","retract":true}', '{"id":"s1","label":"left","annotator":7}', '{"label":"left"}',
               '{"id":"s1","candidates":[]}', '{"id":"s1","label":"left","annotator":"dataset"}',
               '{"id":"s1","label":"left","annotator":"\\ud800"}']  # fmt: skip
    result = import_into(squares, file("\n".join(invalid), "b.jsonl"), skip_faulty=True, annotator="eve")
    assert (result.labels, result.faulty) == (0, len(invalid))
    reasons = ["no field", "not JSON", "must be an object", "not JSON", "takes candidates", "to retract",
               "must be text", "names no item", "at least one", "the data set itself", "cannot be stored"]  # fmt: skip
    for fault, reason in zip(result.faults, reasons, strict=True):
        assert reason in fault


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f'{{"id": "s1", "value": 1{"0" * 400}}}', "a value must be a finite number"),
        (f'{{"id": "s1", "label": "left", "time": 1{"0" * 400}}}', "a time must be finite"),
        (f'{{"id": "s1", "label": "left", "time": {"1" * 5000}}}', "has 5000 digits"),
    ],
)
def test_numbers_that_are_too_large(squares: ToyProject, file: Any, line: str, reason: str) -> None:
    with pytest.raises(Unprocessable, match=reason):
        import_into(squares, file(f"{line}\n", "labels.jsonl"))
    with pytest.raises(BadRequest, match="has 5000 digits"):
        import_into(squares, file(f'[{{"id": {"1" * 5000}}}]', "tasks.json"))


def test_a_time_of_zero_is_a_time(squares: ToyProject, file: Any) -> None:
    import_into(squares, file('{"id": "s1", "label": "left", "time": 0}', "labels.jsonl"))
    assert history(squares)[0].time == 0.0
