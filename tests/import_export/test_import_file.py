"""An import as a whole: nothing is stored twice, a crash can be completed, and labels count as any others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.engine import SQUARES, ToyProject, full
from support.import_export import candidate_sets, export_from, history, import_into

from nextlabel.contracts.errors import Conflict
from nextlabel.import_export.importing.import_file import import_file
from nextlabel.import_export.importing.rows import ImportOptions
from nextlabel.store.labels import Label

Make = Callable[..., ToyProject]


def test_a_label_is_stored_once_whatever_file_it_is_in(squares: ToyProject, file: Any) -> None:
    first = file("id,label\ns1,left\ns1,right\ns2,left\n")
    assert import_into(squares, first).labels == 3
    result = import_into(squares, first)
    assert (result.labels, result.present, result.notes) == (0, 3, [])
    result = import_into(squares, file("id,label\ns1,right\ns2,left\ns3,left\n", "b.csv"), key="another")
    assert (result.labels, result.present) == (1, 2)
    assert candidate_sets(squares)[-1] == ("s3", ("left",))


def test_a_correction_made_here_is_not_undone(squares: ToyProject, file: Any) -> None:
    path = file("id,label\ns1,left\ns1,left\ns2,left\n")
    assert import_into(squares, path).labels == 2
    squares.project.labels.submit("ann", [full("s1", "right")])
    result = import_into(squares, path)
    assert (result.labels, result.present) == (0, 3)
    assert result.notes == [
        "labels that were stored before and that their annotators have changed since: 1; the later labels remain"
    ]
    assert candidate_sets(squares)[-1] == ("s1", ("right",))


def test_a_label_at_a_new_time_is_new(squares: ToyProject, file: Any) -> None:
    assert import_into(squares, file("id,label,time\ns1,left,1\ns1,right,2\n")).labels == 2
    result = import_into(squares, file("id,label,time\ns1,left,1\ns1,right,2\ns1,left,3\n"))
    assert (result.labels, result.present) == (1, 2)
    assert history(squares)[-1].time == 3


def test_a_crash_is_completed_by_importing_again(
    squares: ToyProject, file: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nextlabel.import_export.importing import import_file

    monkeypatch.setattr(import_file, "_BATCH", 4)
    path = file("id,label\n" + "".join(f"s{n},left\ns{n},right\n" for n in range(15)))
    with monkeypatch.context() as patched:
        batches, append = [], import_file.labels.append

        def crash(*arguments: Any) -> Any:
            if len(batches) == 3:
                raise KeyboardInterrupt
            batches.append(append(*arguments))

        patched.setattr(import_file.labels, "append", crash)
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

    def import_meanwhile(*_: object) -> None:
        with pytest.raises(Conflict, match="another import into project") as conflict:
            import_into(squares, path)
        refused.append(conflict)

    import_file(squares.services, squares.project, ImportOptions(path, "ann"), import_meanwhile)
    assert refused
    assert candidate_sets(squares) == [("s1", ("left",))]
    assert import_into(squares, path).present == 1


def test_an_import_counts_towards_a_training_and_ends_leases(make: Make, file: Any) -> None:
    project = make(SQUARES, labels={"initial": 4, "holdout": 0}, train={"every": 3}).import_dataset()
    query = project.project.queries.create(3, annotator="ann")
    rows = "".join(f"{item.id},left\n" for item in query.items)
    import_into(project, file(f"id,label\n{rows}"))
    assert project.project.status().training is not None
    assert not {item.id for item in query.items} & {
        item.id for item in project.project.queries.create(30, annotator="eve").items
    }


def test_annotations_that_differ_from_our_history_are_counted(squares: ToyProject, tmp_path: Path) -> None:
    squares.project.labels.submit("ann", [full("s1", "left"), full("s2", "left"), ("s3", Label(skip=True))])
    squares.project.labels.submit("ann", [full("s2", "right")])
    export_from(squares, "coco", tmp_path / "out")
    assert import_into(squares, tmp_path / "out").notes == []
    path = tmp_path / "out" / "annotations.json"
    document = json.loads(path.read_text())
    document["annotations"][0]["category_id"] = 2
    path.write_text(json.dumps(document))
    result = import_into(squares, path)
    assert result.labels == 0
    assert any("only the history is read: 1" in note for note in result.notes)
