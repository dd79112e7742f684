"""A data set is imported once; the seed draws its hold-out and initial labels."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection
from support.engine import MODULES, SQUARES, WAVE, ToyProject, candidates

from nextlabel.contracts import Contents, Dataset, Files, GraphItems, VectorItems
from nextlabel.contracts.errors import NotReady, PluginError
from nextlabel.engine import project as project_module
from nextlabel.engine import retry
from nextlabel.engine.datasets.import_dataset import held_out, import_dataset
from nextlabel.engine.jobs.startup import queue_startup_jobs
from nextlabel.engine.plugins.registry import Offer, Registry, load
from nextlabel.store import items, labels
from nextlabel.store.database import Database

Make = Callable[..., ToyProject]
POINTS = VectorItems(np.arange(20, dtype=np.float32).reshape(10, 2))
GOOD = Contents(
    ids=[f"p{number}" for number in range(10)], content=POINTS, classes=("a", "b", "c"), truth=np.arange(10) % 3
)


@pytest.fixture
def registry_of() -> Callable[[Contents], Registry]:
    """Return the plugins with a data set of these contents in place of `toy-missing`."""

    def create(contents: Contents) -> Registry:
        class Fixed(Dataset[Any]):
            def read(self, root: Path | None, seed: int) -> Contents:
                return contents

        registry = load(candidates(*MODULES))
        offer = registry.datasets["toy-missing"]
        registry.datasets["toy-missing"] = Offer(replace(offer.record, target=Fixed), offer.source)
        return registry

    return create


@pytest.fixture
def imported(make: Make, registry_of: Callable[[Contents], Registry]) -> Callable[..., ToyProject]:
    def create(contents: Contents, **labels: Any) -> ToyProject:
        return make(
            dataset={"plugin": "toy-missing"}, labels={"initial": 0, **labels}, plugins=registry_of(contents)
        ).import_dataset()

    return create


def states(project: ToyProject) -> dict[str, tuple[bool, tuple[str, ...] | None]]:
    return {item.id: (item.holdout, item.candidates) for item in project.project.items.page().items}


def test_concurrent_imports_import_once(make: Make) -> None:
    project = make()
    services = project.services
    faults: list[BaseException] = []

    def import_once() -> None:
        try:
            import_dataset(
                project.project.config, services.registry, services.settings, services.database, services.home
            )
        except Exception as error:  # noqa: BLE001 - checked below
            faults.append(error)

    threads = [threading.Thread(target=import_once) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    status = project.project.status()
    assert (status.items, status.labelled, status.task, status.kind) == (60, 6, "classification", "vector")
    assert status.missing is None


def test_the_seed_draws_hold_out_and_initial_labels(make: Make) -> None:
    first, same, other = (make(seed=seed).import_dataset() for seed in (1, 1, 2))
    assert states(first) == states(same)
    assert states(first) != states(other)


def test_initial_labels_are_correct_and_outside_the_hold_out(blobs: ToyProject) -> None:
    labelled = {name: state for name, state in states(blobs).items() if state[1] is not None}
    assert len(labelled) == 6
    assert all(not held and sets == (blobs.truth(name),) for name, (held, sets) in labelled.items())
    assert {row.annotator for row in blobs.project.labels.history()} == {"dataset"}


def test_more_initial_labels_than_known_labels(make: Make) -> None:
    project = make(labels={"initial": 49})
    project.project.start_training()
    (job,) = project.work()
    assert job.state == "failed"
    assert "initial = 49, but the data set knows only 48 labels outside the hold-out" in str(job.error)
    assert project.project.status().task is None


def test_a_data_set_may_fix_hold_out_and_initial_labels(imported: Callable[..., ToyProject]) -> None:
    result = states(imported(replace(GOOD, initial=np.array([0, 5, 9]), holdout=np.array([1, 9]))))
    assert [name for name, (held, _) in result.items() if held] == ["p1", "p9"]
    assert {name: sets for name, (_, sets) in result.items() if sets} == {"p0": ("a",), "p5": ("c",)}


def test_another_number_of_initial_labels_than_the_data_set_fixes(
    make: Make, registry_of: Callable[[Contents], Registry], imported: Callable[..., ToyProject]
) -> None:
    contents = replace(GOOD, initial=np.array([0, 5, 9]), holdout=np.array([1, 9]))
    assert imported(contents, initial=2).project.status().labelled == 2
    project = make(
        name="other", dataset={"plugin": "toy-missing"}, labels={"initial": 3}, plugins=registry_of(contents)
    )
    project.project.start_training()
    (job,) = project.work()
    assert "cannot start with 3 labels: its data set itself decides" in str(job.error)
    assert "these are 2; leave out [labels] initial" in str(job.error)
    assert project.project.status().task is None


@pytest.mark.slow
def test_candidate_sets_are_imported_as_labels(imported: Callable[..., ToyProject]) -> None:
    sets = np.ones((10, 3), np.bool_)
    sets[2] = [True, False, True]
    sets[3] = [False, True, False]
    sets[4] = [False, True, True]
    result = states(imported(replace(GOOD, candidates=sets, holdout=np.array([4]))))
    assert {name: label for name, (_, label) in result.items() if label} == {"p2": ("a", "c"), "p3": ("b",)}


def test_some_labels_may_be_unknown(imported: Callable[..., ToyProject]) -> None:
    truth = np.full(10, -1)
    truth[:5] = 2
    project = imported(replace(GOOD, truth=truth), initial=3, holdout=0.4)
    result = states(project)
    assert sum(held for held, _ in result.values()) == 2
    assert {int(name[1:]) < 5 for name, (held, sets) in result.items() if held or sets} == {True}


def test_without_labels_the_hold_out_depends_on_the_id_alone(make: Make) -> None:
    small, large = (
        make(dataset={"known": False, "size": size}, labels={"initial": 0}).import_dataset() for size in (30, 90)
    )
    of_large = states(large)
    assert all(of_large[name] == state for name, state in states(small).items())
    assert 5 < sum(is_held_out for is_held_out, _ in of_large.values()) < 35


def test_the_hold_out_has_the_requested_share(make: Make) -> None:
    config = make(labels={"holdout": 0.3}).project.config
    assert sum(held_out(config, str(number)) for number in range(4000)) / 4000 == pytest.approx(0.3, abs=0.03)


def test_regression(make: Make) -> None:
    project = make(WAVE, name="wave").import_dataset()
    status = project.project.status()
    assert (status.task, status.classes, status.items, status.labelled) == ("regression", (), 60, 3)


def test_files_stay_at_their_paths(make: Make, tmp_path: Path, image: Callable[[int], bytes]) -> None:
    folder = tmp_path / "things"
    for number, name in enumerate(["cat/1.png", "cat/2.jpg", "dog/3.webp"]):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(image(number))
    project = make(SQUARES, dataset={"plugin": "folder", "path": str(folder)}, labels={"initial": 0}).import_dataset()
    assert {item.id: item.media_type for item in project.project.items.page().items} == {
        "cat/1.png": "image/png",
        "cat/2.jpg": "image/jpeg",
        "dog/3.webp": "image/webp",
    }
    assert project.project.items.image("cat/1.png") == (image(0), "image/png")
    assert project.project.status().classes == ("cat", "dog")
    assert not list(project.services.home.pool("toy").glob("*pixels*"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ids": ["a"] * 10}, "ids repeat"),
        ({"ids": ["a", "b"]}, "2 ids for 10 items"),
        ({"content": Files([Path("x")])}, "10 ids for 1 items"),
        ({"classes": ("a", "a", "b")}, "two or more distinct classes"),
        ({"classes": ("a",), "truth": None}, "two or more distinct classes"),
        ({"truth": np.arange(9)}, "truth has 9 rows for 10 items"),
        ({"truth": np.arange(10)}, "truth must be class numbers up to 2"),
        ({"truth": np.full(10, -2)}, "truth must be class numbers up to 2"),
        ({"candidates": np.ones((10, 2), np.bool_)}, "candidates must be rows of 3"),
        ({"candidates": np.zeros((10, 3), np.bool_)}, "each with one class or more"),
        ({"initial": np.array([10])}, "initial must be positions from 0 to 9"),
        ({"holdout": np.array([-1])}, "holdout must be positions from 0 to 9"),
        ({"initial": np.array([1]), "truth": None}, "initial names items whose truth is not known"),
    ],
)
def test_inconsistent_contents_are_refused(
    make: Make, registry_of: Callable[[Contents], Registry], changes: dict[str, Any], reason: str
) -> None:
    project = make(
        dataset={"plugin": "toy-missing"}, labels={"initial": 0}, plugins=registry_of(replace(GOOD, **changes))
    )
    project.project.start_training()
    (job,) = project.work()
    assert job.state == "failed"
    assert str(job.error).startswith("data set 'toy-missing': ")
    assert reason in str(job.error)
    assert project.project.status().missing == job.error
    assert not project.services.home.pool("toy").exists()


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("nextlabel.engine.datasets.import_dataset", "nextlabel.store.unfinished_import"):
        monkeypatch.setattr(f"{module}.PART", 4)


@pytest.mark.usefixtures("small_parts")
def test_an_import_in_parts_is_the_same_as_in_one(make: Make) -> None:
    in_parts = make(labels={"initial": 10}).import_dataset()
    assert in_parts.project.status().labelled == 10
    rows = [(row.item, row.label) for row in in_parts.project.labels.history()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nextlabel.engine.datasets.import_dataset.PART", 1000)
        in_one = make(labels={"initial": 10}).import_dataset()
    assert states(in_one) == states(in_parts)
    assert [(row.item, row.label) for row in in_one.project.labels.history()] == rows


@pytest.mark.usefixtures("small_parts")
def test_nobody_sees_a_part_of_an_import(
    make: Make, another: Callable[[ToyProject], ToyProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make(labels={"initial": 10})
    reader, seen, transactions = another(project), [], 0
    write = Database.write

    @contextmanager
    def watched(database: Database) -> Iterator[Connection]:
        nonlocal transactions
        with write(database) as connection:
            yield connection
        if database is project.services.database:
            transactions += 1
            seen.append(reader.project.status().items)

    monkeypatch.setattr(Database, "write", watched)
    project.import_dataset()
    assert transactions > 60 / 4 + 10 / 4
    assert set(seen) == {0, 60}
    assert seen == sorted(seen)


@contextmanager
def failing(module: Any, error: BaseException, times: int = 1000) -> Iterator[None]:
    """Raise `error` in the third and the following transactions that store items, or labels."""
    name = "insert" if module is items else "append"
    store, calls = getattr(module, name), 0

    def fail(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if 3 <= calls < 3 + times:
            raise error
        return store(*arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, fail)
        yield


def stored(project: ToyProject) -> tuple[int, int]:
    """Return the numbers of items and labels in the database, with those of an unfinished import."""
    with project.services.database.read() as connection:
        return items.stored(connection, "toy"), labels.last(connection, "toy")


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("module", [items, labels], ids=["items", "labels"])
def test_a_killed_import_leaves_nothing_visible(make: Make, monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
    project = make(labels={"initial": 10})
    with failing(module, OSError("killed")), monkeypatch.context() as patch:
        patch.setattr("nextlabel.engine.datasets.import_dataset._delete_unfinished", lambda *_: None)
        project.project.start_training()
        assert [job.state for job in project.work()] == ["failed"]
    with pytest.raises(NotReady):
        project.services.row("toy")
    assert project.project.status().items == 0
    assert stored(project)[0] > 0
    project.import_dataset()
    assert (project.project.status().items, project.project.status().labelled) == (60, 10)
    assert states(project) == states(make(labels={"initial": 10}).import_dataset())


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("module", [items, labels], ids=["items", "labels"])
def test_an_import_that_fails_deletes_what_it_stored(make: Make, module: Any) -> None:
    """What is left would block uploads."""
    project = make(labels={"initial": 10})
    with failing(module, OSError("the disk is full")):
        project.project.start_training()
        (job,) = project.work()
    assert (job.state, job.error) == ("failed", "OSError: the disk is full")
    assert stored(project) == (0, 0)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("module", [items, labels], ids=["items", "labels"])
def test_an_import_goes_on_when_the_database_is_available_again(
    make: Make, monkeypatch: pytest.MonkeyPatch, module: Any
) -> None:
    monkeypatch.setattr(retry, "RETRY_EVERY", 0.0)
    project = make(labels={"initial": 10})
    with failing(module, NotReady("busy"), times=2):
        project.import_dataset()
    assert (project.project.status().items, project.project.status().labelled) == (60, 10)


def test_files_of_a_killed_import_are_overwritten(make: Make) -> None:
    project = make()
    folder = project.services.home.pool("toy")
    folder.mkdir(parents=True)
    (folder / "rubbish").touch()
    project.import_dataset()
    assert not (folder / "rubbish").exists()


def test_a_missing_data_set_is_reported(make: Make) -> None:
    project = make(dataset={"plugin": "toy-missing"}, labels={"initial": 0})
    with pytest.raises(NotReady, match="has not been read yet"):
        project.project.items.page()
    assert [job.state for job in project.work()] == ["failed"]
    assert project.project.status().missing == (
        "toy-missing is not on this machine; download it with `nextlabel download toy`"
    )
    with pytest.raises(NotReady, match="toy-missing is not on this machine"):
        project.project.items.page()
    assert project.work() == []


def test_an_earlier_failure_is_not_shown_while_the_data_set_is_read_again(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make(dataset={"plugin": "toy-missing"}, labels={"initial": 0}, settings={"default_project": "another"})
    retries: list[Callable[[], None]] = [
        lambda: queue_startup_jobs(project.services),  # with another folder of data sets, perhaps
        lambda: monkeypatch.setattr(project_module, "_RETRY_AFTER", -1),
    ]
    for again in retries:
        with pytest.raises(NotReady, match="has not been read yet"):
            project.project.items.page()
        assert [job.state for job in project.work()] == ["failed"]
        again()
        with pytest.raises(NotReady, match=r"has not been read yet \(job \d reads it\)"):
            project.project.items.page()
        assert project.project.status().missing is None


def test_unreadable_images_are_left_out_and_reported(
    make: Make, tmp_path: Path, image: Callable[..., bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "things"
    for number in range(8):
        path = folder / ("cat" if number % 2 else "dog") / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image(number, 40, 40, "JPEG"))
    (folder / "cat" / "3.jpg").write_bytes(image(3, 40, 40, "JPEG")[:-100])
    table = {"plugin": "folder", "path": str(folder)}
    project = make(SQUARES, dataset=table, labels={"initial": 4}).import_dataset()
    assert "cat/3.jpg" not in states(project)
    assert len(states(project)) == 7
    message = capsys.readouterr().err
    assert message.startswith(f"1 of 8 images cannot be read and are left out: {folder / 'cat' / '3.jpg'}: the JPEG")
    left_out = (project.services.home.pool("toy") / "left-out.txt").read_text("utf-8")
    assert left_out.splitlines() == [message.strip().partition("left out: ")[2]]
    assert project.train().project.status().live == "r1"


def test_a_folder_without_readable_images_is_refused(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "things"
    for name in ("cat/1.png", "dog/2.png"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("a shopping list")
    project = make(SQUARES, dataset={"plugin": "folder", "path": str(folder)}, labels={"initial": 0})
    project.project.start_training()
    (job,) = project.work()
    assert job.state == "failed"
    assert str(job.error).startswith(
        "project 'toy' has no readable image: 2 of 2 images cannot be read and are left out: "
    )
    assert project.project.status().missing == job.error


def test_a_graph_with_an_edge_to_no_node_is_refused_and_not_stored(
    make: Make, registry_of: Callable[[Contents], Registry]
) -> None:
    graph = replace(GOOD, content=GraphItems(POINTS.vectors, np.array([[0, 10], [10, 0]])))
    project = make(dataset={"plugin": "toy-missing"}, labels={"initial": 0}, plugins=registry_of(graph))
    services = project.services
    with pytest.raises(PluginError, match=r"^data set 'toy-missing': an edge names node 10, but the nodes are 0 to 9$"):
        import_dataset(
            project.project.config, services.registry, services.settings, services.database, services.home
        )  # fmt: skip
    assert project.project.status().items == 0
    assert not services.home.pool(project.name).exists()
