"""An import as a whole: once is enough, a crash in between is mended, and it counts as anybody's labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.engine import SQUARES, ToyProject, full
from support.import_export import candidate_sets, export_from, history, import_into

from nextlabel.contracts.errors import Conflict
from nextlabel.engine.records import LabelInput
from nextlabel.import_export.importing.import_file import ImportOptions, import_file

Make = Callable[..., ToyProject]


def test_the_same_file_again_stores_nothing_and_another_what_is_new(squares: ToyProject, file: Any) -> None:
    first = file("id,label\ns1,left\ns1,right\ns2,left\n")
    assert import_into(squares, first).labels == 3
    done = import_into(squares, first)
    assert (done.labels, done.present) == (0, 3)
    squares.project.labels.submit("ann", [full("s2", "right")])
    assert import_into(squares, first).labels == 0
    done = import_into(squares, file("id,label\ns1,right\ns2,left\n", "b.csv"))
    assert (done.labels, done.present) == (1, 1)
    assert candidate_sets(squares)[-1] == ("s2", ("left",))


def test_a_crash_in_between_is_completed_by_importing_again(
    squares: ToyProject, file: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nextlabel.import_export.importing import import_file

    monkeypatch.setattr(import_file, "_BATCH", 4)
    path = file("id,label\n" + "".join(f"s{n},left\ns{n},right\n" for n in range(15)))
    with monkeypatch.context() as patched:
        done, real = [], import_file.append_events

        def dies(*given: Any) -> Any:
            if len(done) == 3:
                raise KeyboardInterrupt
            done.append(real(*given))

        patched.setattr(import_file, "append_events", dies)
        with pytest.raises(KeyboardInterrupt):
            import_into(squares, path)
    assert len(history(squares)) == 12
    again = import_into(squares, path)
    assert (again.labels, again.present) == (18, 12)
    assert candidate_sets(squares) == [(f"s{n}", (side,)) for n in range(15) for side in ("left", "right")]


def test_a_dry_run_stores_nothing(squares: ToyProject, file: Any) -> None:
    assert import_into(squares, file("id,label\ns1,left\n"), dry_run=True).labels == 1
    assert history(squares) == []


def test_two_imports_at_once_do_not_store_twice(squares: ToyProject, file: Any) -> None:
    path = file("id,label\ns1,left\n")
    refused = []

    def meanwhile(*_: object) -> None:
        with pytest.raises(Conflict, match="another import into project") as clash:
            import_into(squares, path)
        refused.append(clash)

    import_file(squares.services, squares.project, ImportOptions(path, "ann"), meanwhile)
    assert refused
    assert candidate_sets(squares) == [("s1", ("left",))]
    assert import_into(squares, path).present == 1


def test_importing_counts_towards_a_training_and_ends_leases(make: Make, file: Any) -> None:
    project = make(SQUARES, labels={"initial": 4, "holdout": 0}, train={"every": 3}).bring()
    asked = project.project.queries.create(3, annotator="ann")
    rows = "".join(f"{item.id},left\n" for item in asked.items)
    import_into(project, file(f"id,label\n{rows}"))
    assert project.project.status().training is not None
    assert not {item.id for item in asked.items} & {
        item.id for item in project.project.queries.create(30, annotator="eve").items
    }


def test_annotations_that_no_longer_agree_with_our_history_are_counted(squares: ToyProject, tmp_path: Path) -> None:
    squares.project.labels.submit("ann", [full("s1", "left"), full("s2", "left"), LabelInput("s3", skip=True)])
    squares.project.labels.submit("ann", [full("s2", "right")])
    export_from(squares, "coco", tmp_path / "out")
    assert import_into(squares, tmp_path / "out").notes == []
    path = tmp_path / "out" / "annotations.json"
    told = json.loads(path.read_text())
    told["annotations"][0]["category_id"] = 2
    path.write_text(json.dumps(told))
    done = import_into(squares, path)
    assert done.labels == 0
    assert any("alone was read: 1" in note for note in done.notes)
