"""Files as people have them: what is read, and what is said of what cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from engine_help import SQUARES, Project, full
from exchange_help import ODD, give, registry, said, take, written
from odd_pictures import saved, smooth
from PIL import Image

from nextlabel.contracts.errors import Conflict, Malformed, Unprocessable
from nextlabel.engine.answers import LabelInput
from nextlabel.engine.exchange.importing import Wanted, import_file
from nextlabel.engine.exchange.json_stream import members
from nextlabel.engine.exchange.lines import Text

Make = Callable[..., Project]


@pytest.fixture
def squares(make: Make) -> Project:
    """Thirty pictures s0, s1, ... of the classes left and right, and nothing said of them."""
    return make(SQUARES, labels={"initial": 0, "holdout": 0}).bring()


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    def made(content: str | bytes | Any, name: str = "labels.csv") -> Path:
        if not isinstance(content, str | bytes):
            content = json.dumps(content)
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path / name

    return made


def sets(project: Project) -> list[tuple[str, tuple[str, ...] | None]]:
    return [(row.id, row.candidates) for row in said(project)]


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
def test_tables_kept_by_hand(squares: Project, file: Any, text: str) -> None:
    assert take(squares, file(text)).labels == 2
    assert sets(squares) == [("s1", ("left",)), ("s2", ("left", "right"))]
    assert {row.annotator for row in said(squares)} == {"ann"}


def test_a_column_of_any_name(squares: Project, file: Any) -> None:
    assert take(squares, file(f"id,label,{'x' * 140_000}\ns1,left,\n")).labels == 1


def test_times_annotators_and_keys_are_kept(squares: Project, file: Any) -> None:
    text = "id,label,annotator,time,key\ns1,left,bob,2026-01-31T12:00:00Z,k\ns2,left,,1.5,\ns3,left,bob,,\n"
    take(squares, file(text), key="mine")
    one, two, three = said(squares)
    assert (one.annotator, one.time, one.key) == ("bob", 1769860800.0, "k")
    assert (two.annotator, two.time, two.key) == ("ann", 1.5, None)
    assert (three.annotator, three.key) == ("bob", "mine")


def test_every_fault_is_told_with_its_line_and_nothing_is_stored(squares: Project, file: Any) -> None:
    text = (
        "id,label,skip,time\ns1,left,,\ns1,lft,,\nx9,left,,\ns2,,,\ns3,left,true,\ns4,left,,noon\n"
        ',left,,\ns5\n"s6","left\n right",,\ns7,left|left,,\n'
    )
    with pytest.raises(Unprocessable) as refused:
        take(squares, file(text))
    lines = {int(fault.split(":")[0].removeprefix("line ")): fault for fault in refused.value.faults}
    assert list(lines) == [3, 4, 5, 6, 7, 8, 9, 10, 12]
    assert "did you mean 'left'" in lines[3]
    assert "no item 'x9'" in lines[4]
    assert "say one of" in lines[5]
    assert "label and skip" in lines[6]
    assert "no time" in lines[7]
    assert "names no item" in lines[8]
    assert "1 cells" in lines[9]
    assert "twice" in lines[12]
    assert said(squares) == []
    done = take(squares, file(text), skip_faulty=True)
    assert (done.labels, done.faulty) == (1, 9)
    assert sets(squares) == [("s1", ("left",))]


def test_of_many_faults_the_first_are_listed_and_the_rest_counted(squares: Project, file: Any) -> None:
    with pytest.raises(Unprocessable, match="500 parts of it cannot be taken, and nothing was stored") as refused:
        take(squares, file("id,label\n" + "s1,wrong\n" * 500))
    assert len(refused.value.faults) == 21
    assert refused.value.faults[-1] == "and 480 more"


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (b"id,label\ns1,sch\xf6n\n", "a.csv", "line 2: the byte 0xF6 is not UTF-8"),
        ("id,label\n".encode("utf-16"), "a.csv", "UTF-16"),
        (b"PK\x03\x04....", "a.csv", "unpack it first"),
        (b"", "a.csv", "empty"),
        (b"s1,left\n", "a.csv", "must name the columns"),
        (b"id,label\rs1,left\r", "a.csv", "end with CR alone"),
        (b"id,lable\ns1,left\n", "a.csv", "did you mean 'label'"),
        (b'id,label\ns1,"left\ns2,left\n', "a.csv", "line 2"),
        (b'[{"id": 1}', "a.json", "line 1"),
        (b'[\n\n{"id": }]', "a.json", "line 3"),
        (b"[]]", "a.json", "behind the end"),
        (b'{"a": 1}', "a.json", "another kind"),
        (b'[{"id": "\xff"}]', "a.json", "UTF-8"),
        (b"7", "a.json", "a list or an object"),
    ],
)
def test_what_is_no_such_file_is_refused_whole(
    squares: Project, file: Any, content: bytes, name: str, reason: str
) -> None:
    path = file(content, name)
    for skip in (False, True):
        with pytest.raises((Malformed, Unprocessable), match=reason):
            take(squares, path, skip_faulty=skip)
    assert said(squares) == []


def test_lines_of_json(squares: Project, file: Any) -> None:
    good = ['{"id":"s1","label":"left"}', "", '{"file":"s2","candidates":["right","left"],"annotator":"bob"}',
            '{"id":"s3","skip":true}', '{"id":"s3","retract":true}']  # fmt: skip
    assert take(squares, file("\r\n".join(good), "a.jsonl")).labels == 4
    assert [row.retract for row in said(squares)] == [False, False, False, True]
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


def test_the_document_of_the_history(squares: Project, make: Make, file: Any) -> None:
    squares.loop.submit("bob", [full("s1", "left")])
    (row,) = said(squares)
    label = {"id": row.id, "annotator": row.annotator, "candidates": row.candidates, "time": row.time, "key": None}
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


# ------------------------------------------------------------------------------ twice is once


def test_the_same_file_again_stores_nothing_and_another_what_is_new(squares: Project, file: Any) -> None:
    first = file("id,label\ns1,left\ns1,right\ns2,left\n")
    assert take(squares, first).labels == 3
    done = take(squares, first)
    assert (done.labels, done.present) == (0, 3)
    squares.loop.submit("ann", [full("s2", "right")])
    assert take(squares, first).labels == 0
    done = take(squares, file("id,label\ns1,right\ns2,left\n", "b.csv"))
    assert (done.labels, done.present) == (1, 1)
    assert sets(squares)[-1] == ("s2", ("left",))


def test_a_crash_in_between_is_completed_by_importing_again(
    squares: Project, file: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nextlabel.engine.exchange import importing

    monkeypatch.setattr(importing, "_BATCH", 4)
    path = file("id,label\n" + "".join(f"s{n},left\ns{n},right\n" for n in range(15)))
    with monkeypatch.context() as patched:
        done, real = [], importing.history.restore

        def dies(*given: Any) -> Any:
            if len(done) == 3:
                raise KeyboardInterrupt
            done.append(real(*given))

        patched.setattr(importing.history, "restore", dies)
        with pytest.raises(KeyboardInterrupt):
            take(squares, path)
    assert len(said(squares)) == 12
    again = take(squares, path)
    assert (again.labels, again.present) == (18, 12)
    assert sets(squares) == [(f"s{n}", (side,)) for n in range(15) for side in ("left", "right")]


def test_a_dry_run_stores_nothing(squares: Project, file: Any) -> None:
    assert take(squares, file("id,label\ns1,left\n"), dry_run=True).labels == 1
    assert said(squares) == []


def test_importing_counts_towards_a_training_and_ends_leases(make: Make, file: Any) -> None:
    project = make(SQUARES, labels={"initial": 4, "holdout": 0}, train={"every": 3}).bring()
    asked = project.loop.query(3, annotator="ann")
    rows = "".join(f"{item.id},left\n" for item in asked.items)
    take(project, file(f"id,label\n{rows}"))
    assert project.loop.status().training is not None
    assert not {item.id for item in asked.items} & {item.id for item in project.loop.query(30, annotator="eve").items}


# ------------------------------------------------------------------------------ pictures


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """left/a.png, left/deep/b.jpg, right/c.png, d.png, and what else lies about."""
    root = tmp_path / "tree"
    for number, name in enumerate(["left/a.png", "left/deep/b.jpg", "right/c.png", "d.png"]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(saved(smooth(8 + number, 8), "JPEG" if name.endswith("jpg") else "PNG"))
    (root / ".DS_Store").write_bytes(b"x")
    (root / "left" / "Thumbs.db").write_bytes(b"x")
    return root


def test_a_folder_of_pictures_a_class_a_folder(squares: Project, tree: Path) -> None:
    done = take(squares, tree)
    assert (done.labels, done.pictures, done.faulty) == (3, 4, 0)
    assert any("passed over: 1" in note for note in done.notes)
    assert [classes for _, classes in sets(squares)] == [("left",), ("left",), ("right",)]
    assert squares.loop.status().items == 34
    again = take(squares, tree)
    assert (again.labels, again.present, again.pictures) == (0, 3, 0)
    (tree / "left" / "a.png").rename(tree / "right" / "a.png")
    assert take(squares, tree).labels == 1
    (tree / "right" / "a.png").rename(tree / "left" / "a.png")
    assert take(squares, tree).labels == 1


def test_what_was_corrected_here_stays_where_a_folder_says_the_same_again(squares: Project, tree: Path) -> None:
    take(squares, tree)
    item = said(squares)[0].id
    squares.loop.submit("ann", [full(item, "right")])
    (tree / "left" / "new.png").write_bytes(saved(smooth(12, 12)))
    done = take(squares, tree)
    assert (done.labels, done.present) == (1, 3)
    assert [row.candidates for row in said(squares) if row.id == item] == [("left",), ("right",)]


def test_linked_folders_are_followed_but_not_in_circles(squares: Project, tree: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "left").symlink_to(tree / "left")
    (linked / "right").symlink_to(tree / "right")
    (tree / "left" / "up").symlink_to(tree / "left")
    assert take(squares, linked).labels == 3
    labels = tmp_path / "labels.csv"
    labels.write_text("file,label\nleft/a.png,right\n")
    assert take(squares, labels, pictures=linked).labels == 1


def test_a_picture_of_ours_that_was_moved_to_another_class(make: Make, tmp_path: Path) -> None:
    project = make(ODD, plugins=registry(("cat", "a/b"), ("p/0.png", "p/1.png")), labels={"holdout": 0}).bring()
    project.loop.submit("bob", [full("p/0.png", "cat"), full("p/1.png", "cat")])
    give(project, "imagefolder", tmp_path / "out")
    train = tmp_path / "out" / "train"
    (train / "a%2Fb").mkdir()
    (train / "cat" / "p%2F0.png").rename(train / "a%2Fb" / "p%2F0.png")
    (train / "cat" / "p%2F1.png").rename(tmp_path / "out" / "p%2F1.png")
    done = take(project, tmp_path / "out")
    assert (done.labels, done.present) == (1, 2)
    assert any("not to the folder of a class: 1" in note for note in done.notes)
    moved = said(project)[-1]
    assert (moved.id, moved.candidates, moved.annotator) == ("p/0.png", ("a/b",), "ann")
    assert take(project, tmp_path / "out").labels == 0
    (tmp_path / "out" / "classes.json").write_text("{}")
    with pytest.raises(Malformed, match="which folder is of which class"):
        take(project, tmp_path / "out")


def test_annotations_that_no_longer_agree_with_our_history_are_counted(squares: Project, tmp_path: Path) -> None:
    squares.loop.submit("ann", [full("s1", "left"), full("s2", "left"), LabelInput("s3", skip=True)])
    squares.loop.submit("ann", [full("s2", "right")])
    give(squares, "coco", tmp_path / "out")
    assert take(squares, tmp_path / "out").notes == []
    path = tmp_path / "out" / "annotations.json"
    told = json.loads(path.read_text())
    told["annotations"][0]["category_id"] = 2
    path.write_text(json.dumps(told))
    done = take(squares, path)
    assert done.labels == 0
    assert any("alone was read: 1" in note for note in done.notes)


def test_a_folder_with_faults_adds_no_picture(squares: Project, tree: Path) -> None:
    (tree / "lft").mkdir()
    (tree / "left" / "c.png").write_bytes((tree / "right" / "c.png").read_bytes())
    (tree / "lft" / "e.png").write_bytes(saved(smooth(9, 9)))
    (tree / "f.jpg").write_bytes(b"no picture")
    (tree / "g.gif").write_bytes(saved(smooth(9, 9), "GIF"))
    with pytest.raises(Unprocessable) as refused:
        take(squares, tree)
    told = "\n".join(refused.value.faults)
    for words in ("lft/e.png: no class", "did you mean 'left'", "f.jpg: this is text", "GIF"):
        assert words in told
    assert "right/c.png: the same picture lies in the folder left too" in told
    assert "line " not in told  # a folder has none
    assert squares.loop.status().items == 30
    assert take(squares, tree, skip_faulty=True).pictures == 5


def test_a_pool_of_vectors_takes_no_pictures(blobs: Project, tree: Path) -> None:
    with pytest.raises(Unprocessable, match="holds vectors"):
        take(blobs, tree)


def test_pictures_beside_a_table(squares: Project, tree: Path, file: Any) -> None:
    path = file("file,label\nleft/a.png,left\nc.png,right\n")
    with pytest.raises(Unprocessable, match="--pictures"):
        take(squares, path)
    done = take(squares, path, pictures=tree)
    assert (done.labels, done.pictures) == (2, 2)
    assert take(squares, path, pictures=tree).labels == 0


def test_a_name_that_fits_several_is_a_fault_that_lists_them(squares: Project, tree: Path, file: Any) -> None:
    (tree / "right" / "a.png").write_bytes(saved(smooth(20, 8)))
    with pytest.raises(Unprocessable, match=r"could be 'left/a.png', 'right/a.png'; say more"):
        take(squares, file("file,label\na.png,left\n"), pictures=tree)
    with pytest.raises(Unprocessable, match="nor a picture"):
        take(squares, file("file,label\nwrong/d2.png,left\n"), pictures=tree)
    with pytest.raises(Unprocessable, match="nor a picture"):
        take(squares, file("file,label\n../tree/left/deep/a.png,left\n"), pictures=tree)


def test_what_people_added_travels_with_its_pictures(squares: Project, make: Make, tree: Path, tmp_path: Path) -> None:
    take(squares, tree)
    for kind in ("imagefolder", "coco", "label-studio"):
        give(squares, kind, tmp_path / kind, everything=True, copy=kind != "imagefolder")
        other = make(SQUARES, labels={"initial": 0, "holdout": 0}).bring()
        done = take(other, tmp_path / kind)
        assert (done.labels, done.pictures) == (3, 4)
        assert said(other) == said(squares)
        ids = [[item.id for item in project.loop.items(limit=100).items] for project in (squares, other)]
        assert ids[0] == ids[1]
        give(other, kind, tmp_path / f"{kind} again", everything=True, copy=kind != "imagefolder")
        if kind != "label-studio":  # whose tasks are addressed by the folder's name
            assert written(tmp_path / kind) == written(tmp_path / f"{kind} again")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f'{{"id": "s1", "value": 1{"0" * 400}}}', "a value is a finite number"),
        (f'{{"id": "s1", "label": "left", "time": 1{"0" * 400}}}', "a time must be finite"),
        (f'{{"id": "s1", "label": "left", "time": {"1" * 5000}}}', "too many digits"),
    ],
)
def test_numbers_too_large_for_anything(squares: Project, file: Any, line: str, reason: str) -> None:
    with pytest.raises(Unprocessable, match=reason):
        take(squares, file(f"{line}\n", "labels.jsonl"))
    with pytest.raises(Malformed, match="too many digits"):
        take(squares, file(f'[{{"id": {"1" * 5000}}}]', "tasks.json"))


def test_an_address_that_is_none_names_no_item(squares: Project, file: Any) -> None:
    choice = {"from_name": "a", "value": {"choices": ["left"]}}
    task = {"data": {"image": "http://[s1/a.png?d=1"}, "annotations": [{"id": 1, "result": [choice]}]}
    with pytest.raises(Unprocessable, match="no item of the pool"):
        take(squares, file([task], "tasks.json"))


def test_a_picture_that_is_only_called_as_an_item_is_another(make: Make, tmp_path: Path) -> None:
    ids = ("cat/1.png", "cat/2.png")
    project = make(ODD, plugins=registry(("cat", "dog"), ids), labels={"holdout": 0}).bring()
    folder = tmp_path / "mine" / "cat"
    folder.mkdir(parents=True)
    (folder / "1.png").write_bytes(project.loop.image(ids[0])[0])
    Image.new("L", (5, 5)).save(folder / "2.png")
    done = take(project, folder.parent)
    assert (done.labels, done.pictures) == (2, 1)
    assert [row.id for row in said(project)] == [ids[0], sha256((folder / "2.png").read_bytes()).hexdigest()]


def test_two_imports_at_once_do_not_store_twice(squares: Project, file: Any) -> None:
    path = file("id,label\ns1,left\n")
    refused = []

    def meanwhile(*_: object) -> None:
        with pytest.raises(Conflict, match="another import into project") as clash:
            take(squares, path)
        refused.append(clash)

    import_file(squares.context, squares.loop, Wanted(path, "ann"), meanwhile)
    assert refused
    assert sets(squares) == [("s1", ("left",))]
    assert take(squares, path).present == 1
