"""Users' own tables: how they are read, and the faults that are found."""

from __future__ import annotations

from typing import Any

import pytest
from support.engine import ToyProject
from support.import_export import candidate_sets, history, import_into

from nextlabel.contracts.errors import BadRequest, Unprocessable


@pytest.mark.parametrize(
    "text",
    [
        "id,label\ns1,left\ns2,left|right\n",
        "\ufeffID;Label\r\ns1;left\r\n\r\ns2; left | right \r\n",
        "label\tfile\nleft\ts1\nleft|right\ts2",
        'id,candidates\ns1,left\ns2,"[""right"", ""left""]"\n',
        "\n\nitem,class,notes\ns1,left,\ns2,right|left,unsure\n",
    ],
)
def test_users_own_tables(squares: ToyProject, file: Any, text: str) -> None:
    assert import_into(squares, file(text)).labels == 2
    assert candidate_sets(squares) == [("s1", ("left",)), ("s2", ("left", "right"))]
    assert {event.annotator for event in history(squares)} == {"ann"}


def test_a_column_with_a_very_long_name(squares: ToyProject, file: Any) -> None:
    assert import_into(squares, file(f"id,label,{'x' * 140_000}\ns1,left,\n")).labels == 1


def test_times_annotators_and_keys_are_stored(squares: ToyProject, file: Any) -> None:
    text = "id,label,annotator,time,key\ns1,left,bob,2026-01-31T12:00:00Z,k\ns2,left,,1.5,\ns3,left,bob,,\n"
    import_into(squares, file(text), key="mine")
    first, second, third = history(squares)
    assert (first.annotator, first.time, first.key) == ("bob", 1769860800.0, "k")
    assert (second.annotator, second.time, second.key) == ("ann", 1.5, None)
    assert (third.annotator, third.key) == ("bob", "mine")


def test_every_fault_has_its_line_and_nothing_is_stored(squares: ToyProject, file: Any) -> None:
    text = (
        "id,label,skip,time\ns1,left,,\ns1,lft,,\nx9,left,,\ns2,,,\ns3,left,true,\ns4,left,,noon\n"
        ',left,,\ns5\n"s6","left\n right",,\ns7,left|left,,\n'
    )
    with pytest.raises(Unprocessable) as refused:
        import_into(squares, file(text))
    lines = {int(fault.split(":")[0].removeprefix("line ")): fault for fault in refused.value.faults}
    assert list(lines) == [3, 4, 5, 6, 7, 8, 9, 10, 12]
    assert "did you mean 'left'" in lines[3]
    assert "no item 'x9'" in lines[4]
    assert "exactly one of" in lines[5]
    assert "label and skip" in lines[6]
    assert "not a time" in lines[7]
    assert "names no item" in lines[8]
    assert "1 cells" in lines[9]
    assert "twice" in lines[12]
    assert history(squares) == []
    result = import_into(squares, file(text), skip_faulty=True)
    assert (result.labels, result.faulty) == (1, 9)
    assert candidate_sets(squares) == [("s1", ("left",))]


def test_the_first_of_many_faults_are_listed_and_the_rest_counted(squares: ToyProject, file: Any) -> None:
    with pytest.raises(Unprocessable, match="500 parts of it cannot be imported, and nothing was stored") as refused:
        import_into(squares, file("id,label\n" + "s1,wrong\n" * 500))
    assert len(refused.value.faults) == 21
    assert refused.value.faults[-1] == "and 480 more"


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (b"id,label\ns1,sch\xf6n\n", "a.csv", "line 2: the byte 0xF6 is not UTF-8"),
        ("id,label\n".encode("utf-16"), "a.csv", "line 1: the byte 0xFF is not UTF-8"),
        (b"PK\x03\x04....", "a.csv", "must name the columns"),
        (b"", "a.csv", "empty"),
        (b"s1,left\n", "a.csv", "must name the columns"),
        (b"id,label\rs1,left\r", "a.csv", "new-line character"),
        (b"id,lable\ns1,left\n", "a.csv", "did you mean 'label'"),
        (b"id,label,label\ns1,left,right\n", "a.csv", "several columns are called 'label'"),
        (b'id,label\ns1,"left\ns2,left\n', "a.csv", "line 2"),
        (b'[{"id": 1}', "a.json", "line 1"),
        (b'[\n\n{"id": }]', "a.json", "line 3"),
        (b"[]]", "a.json", "Extra data"),
        (b'{"a": 1}', "a.json", "neither a COCO file nor a list of Label Studio tasks"),
        (b'[{"id": "\xff"}]', "a.json", "utf-8"),
        (b"7", "a.json", "a list or an object"),
        (b'[{"image": "s1", "choice": "left", "annotation_id": 1}]', "a.json", "JSON-MIN"),
    ],
)
def test_files_that_cannot_be_read_are_refused_whole(
    squares: ToyProject, file: Any, content: bytes, name: str, reason: str
) -> None:
    path = file(content, name)
    for skip in (False, True):
        with pytest.raises((BadRequest, Unprocessable), match=reason):
            import_into(squares, path, skip_faulty=skip)
    assert history(squares) == []
