"""JSON, whole and in lines: what is read, in pieces of any size, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.engine import SQUARES, ToyProject, full
from support.import_export import said, take

from nextlabel.contracts.errors import BadRequest, Unprocessable
from nextlabel.import_export.json_stream import members
from nextlabel.import_export.text_reader import Text

Make = Callable[..., ToyProject]


def test_lines_of_json(squares: ToyProject, file: Any) -> None:
    good = ['{"id":"s1","label":"left"}', "", '{"file":"s2","candidates":["right","left"],"annotator":"bob"}',
            '{"id":"s3","skip":true}', '{"id":"s3","retract":true}']  # fmt: skip
    assert take(squares, file("\r\n".join(good), "a.jsonl")).labels == 4
    assert [row.label.retract for row in said(squares)] == [False, False, False, True]
    bad = ['{"id":"s1","lable":"left"}', "{", "[]", '{"id":"s1","value":NaN}', '{"id":"s1","value":1}',
           '{"id":"s1","retract":true}', '{"id":"s1","label":"left","annotator":7}', '{"label":"left"}',
           '{"id":"s1","candidates":[]}', '{"id":"s1","label":"left","annotator":"dataset"}',
           '{"id":"s1","label":"left","annotator":"\\ud800"}']  # fmt: skip
    done = take(squares, file("\n".join(bad), "b.jsonl"), skip_faulty=True, annotator="eve")
    assert (done.labels, done.faulty) == (0, len(bad))
    words = ["no field", "not JSON", "an object", "not JSON", "takes candidates", "to retract", "a text",
             "names no item", "at least one", "the data set itself", "cannot be stored"]  # fmt: skip
    for fault, word in zip(done.faults, words, strict=True):
        assert word in fault


def test_the_document_of_the_history(squares: ToyProject, make: Make, file: Any) -> None:
    squares.project.labels.submit("bob", [full("s1", "left")])
    (row,) = said(squares)
    label = {
        "id": row.item,
        "annotator": row.annotator,
        "candidates": row.label.candidates,
        "time": row.time,
        "key": None,
    }
    other = make(SQUARES, labels={"initial": 0}).bring()
    assert take(other, file({"project": "toy", "labels": [label]}, "a.json")).format == "json"
    assert said(other) == [row]


def test_json_of_any_size_in_pieces(tmp_path: Path) -> None:
    whole = [{"n": n, "text": 'ü"\\]' * (n % 50), "list": [n, -1.5e3, None, True]} for n in range(20_000)]
    for indent in (None, 1):
        path = tmp_path / "a.json"
        path.write_text(json.dumps(whole, indent=indent, ensure_ascii=False), "utf-8")
        assert path.stat().st_size > 1 << 20
        found = list(members(Text(path)))
        assert [member.value for member in found] == whole
        lines = [1] * len(whole) if indent is None else [2 + 10 * n for n in range(len(whole))]
        assert [member.line for member in found] == lines
    path.write_text('{"a": 12, "b": [1, 2], "c": {"d": []}, "e": []}', "utf-8")
    assert [(member.key, member.value) for member in members(Text(path))] == [
        ("a", 12),
        ("b", 1),
        ("b", 2),
        ("c", {"d": []}),
    ]


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
        take(squares, file(f"{line}\n", "labels.jsonl"))
    with pytest.raises(BadRequest, match="too many digits"):
        take(squares, file(f'[{{"id": {"1" * 5000}}}]', "tasks.json"))
