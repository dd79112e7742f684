"""A sample fills an empty pool, and the data set joins it when it arrives: by id, and with nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.bundled import BUNDLED, OptionalData, bundle
from support.engine import ToyProject, full, ids
from support.toy_plugins import SquareParameters, Squares

from nextlabel.contracts.errors import NotReady, ProjectError
from nextlabel.engine.bundled_checkpoints import register
from nextlabel.engine.datasets import import_dataset, sample_pool
from nextlabel.engine.datasets.drop_unreadable import DroppedFiles
from nextlabel.engine.datasets.sample_file import SAMPLE, Sample, write_sample
from nextlabel.engine.evaluation.evaluate import evaluate
from nextlabel.engine.jobs.startup import queue_startup_jobs
from nextlabel.store import items, labels
from nextlabel.store.checkpoint_files import read_card
from nextlabel.store.items import NewItem
from nextlabel.store.projects import ProjectRow

Make = Callable[..., ToyProject]
SQUARES = Squares(SquareParameters()).read(None, 0)
PART = 7


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("nextlabel.engine.datasets.import_dataset", "nextlabel.store.unfinished_import"):
        monkeypatch.setattr(f"{module}.PART", PART)


@pytest.fixture
def held_out(make: Make, tmp_path: Path) -> list[str]:
    """The ids of the six items that the bundled checkpoint `first` held out; five of them are its sample."""
    trained = make(BUNDLED, plugins=OptionalData(available=True).registry()).import_dataset().train()
    folder = bundle(trained, tmp_path / "trained")
    flags = trained.services.state(trained.services.row("toy")).holdout
    assert flags.sum() == 6
    drawn = np.flatnonzero(flags)[:5]
    pixels = SQUARES.content.array[drawn]
    sample = Sample(tuple(SQUARES.ids[p] for p in drawn), pixels, np.arange(5) == 3, "toy-missing")
    write_sample(folder / SAMPLE, sample)
    return [SQUARES.ids[p] for p in np.flatnonzero(flags)]


@pytest.fixture
def data() -> OptionalData:
    return OptionalData()


@pytest.fixture
def project(make: Make, held_out: list[str], data: OptionalData, tmp_path: Path) -> ToyProject:
    """The project, without its data set, after its first start."""
    made = make(BUNDLED, plugins=data.registry(), settings={"trained": tmp_path / "trained"})
    assert register(made.services) == []
    assert start(made) == [("import", "succeeded"), ("score", "succeeded")]
    return made


def start(project: ToyProject) -> list[tuple[str, str]]:
    """Start the worker and run all jobs; return their kinds and states."""
    queue_startup_jobs(project.services)
    return [(job.kind, job.state) for job in project.work()]


def arrive(project: ToyProject, data: OptionalData) -> None:
    data.available = True
    assert start(project) == [("import", "succeeded"), ("score", "succeeded")]


def decoded(project: ToyProject, identity: str) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(BytesIO(project.project.items.image(identity)[0])))


def pixels(project: ToyProject) -> dict[str, np.ndarray[Any, Any]]:
    """The pixels of every item as a learner receives them, by id."""
    services = project.services
    state = services.state(services.row("toy"))
    with services.database.read() as connection:
        rows = items.by_positions(connection, "toy", range(len(state)))
    array = services.items(state).pixels((4, 4), 1)[..., 0]
    return {rows[position].id: array[position] for position in range(len(state))}


def current(project: ToyProject) -> dict[str, dict[str, Any]]:
    """Every item's current labels by annotators, by id."""
    listed = project.project.items.page(limit=1000).items
    every = {item.id: dict(project.project.items.get(item.id).current_labels) for item in listed}
    return {
        identity: {who: label.candidates for who, label in by.items() if who != "dataset"}
        for identity, by in every.items()
        if set(by) - {"dataset"}
    }


# ------------------------------------------------------------------------ the sample alone


def test_it_fills_an_empty_pool(project: ToyProject, held_out: list[str]) -> None:
    status = project.project.status()
    assert (status.items, status.labelled, status.holdout, status.kind) == (5, 0, 1, "image")
    query = project.project.queries.create(5)
    assert query.checkpoint == "first"
    assert [item.reason for item in query.items] == ["strategy"] * 4 + ["holdout"]
    assert query.items[-1].id == held_out[3]
    scores = [item.score for item in query.items if item.reason == "strategy"]
    assert scores == sorted(scores, reverse=True)
    assert sorted(ids(query)) == sorted(held_out[:5])
    for identity in ids(query):
        np.testing.assert_array_equal(decoded(project, identity), SQUARES.content.array[int(identity[1:])])
        assert project.project.items.thumbnail(identity, 64).make()


def test_labels_and_a_training(project: ToyProject, held_out: list[str]) -> None:
    project.project.labels.submit("ann", [full(name, "left") for name in held_out[:3]])
    project.train()
    second = project.project.models.checkpoints()[-1]
    assert (second.checkpoint, second.metrics["labels"], second.live) == ("r2", 3.0, False)
    assert "no held-out item has a known label yet" in second.verdict
    card = read_card(project.services.home.checkpoint("toy", "r2"))
    assert (card["sampled"], card["start"]) == (True, "first")
    project.project.labels.submit("ann", [full(held_out[3], "left")])
    project.train()
    assert "of 1 held-out items" in project.project.models.checkpoints()[-1].verdict


def test_users_add_images_to_it(
    project: ToyProject, image: Callable[..., bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    (added,) = project.add_images([image(1)])
    project.work()
    assert project.project.status().items == 6
    assert added in ids(project.project.queries.create(6))
    assert start(project) == [("import", "succeeded")]
    assert project.project.status().items == 6
    assert "consists of a sample of the data set and the images that users add" in capsys.readouterr().out


def test_a_pool_with_uploads_gets_no_sample(
    make: Make, held_out: list[str], data: OptionalData, tmp_path: Path, image: Callable[..., bytes]
) -> None:
    made = make(BUNDLED, plugins=data.registry(), settings={"trained": tmp_path / "trained"})
    register(made.services)
    made.add_images([image(1)])
    start(made)
    assert made.project.status().items == 1


@pytest.mark.parametrize(
    "other",
    [
        {"dataset": {"plugin": "folder", "path": "none"}},
        {"seed": 5},
        {"labels": {"initial": 6, "holdout": 0.5}},
    ],
)
def test_a_project_with_another_hold_out_gets_no_sample(
    make: Make, held_out: list[str], data: OptionalData, tmp_path: Path, other: dict[str, Any]
) -> None:
    """Its trainings start from the bundled checkpoint, which may know what they must hold out later."""
    made = make({**BUNDLED, **other}, plugins=data.registry(), settings={"trained": tmp_path / "trained"})
    register(made.services)
    start(made)
    assert made.project.status().items == 0
    assert made.project.queries.create(1).items == ()


def test_a_damaged_sample_is_reported_and_not_stored(
    make: Make, held_out: list[str], data: OptionalData, tmp_path: Path, image: Callable[..., bytes]
) -> None:
    file = tmp_path / "trained" / "toy" / "first" / SAMPLE
    file.write_bytes(file.read_bytes()[:100])
    made = make(BUNDLED, plugins=data.registry(), settings={"trained": tmp_path / "trained"})
    register(made.services)
    assert start(made) == [("import", "failed")]
    assert made.project.status().items == 0
    assert not made.services.home.sample_pool("toy").exists()
    hint = made.project.queries.create(1).hint
    assert hint is not None
    assert f"the sample in {file} is missing or damaged" in hint
    made.add_images([image(1)])
    made.work()
    assert made.project.status().items == 1


def test_a_sample_whose_import_was_killed_is_placed_at_the_next_start(
    make: Make, held_out: list[str], data: OptionalData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(BUNDLED, plugins=data.registry(), settings={"trained": tmp_path / "trained"})
    register(made.services)
    with monkeypatch.context() as patch:
        patch.setattr(items, "insert", lambda *_: (_ for _ in ()).throw(OSError("killed")))
        assert start(made) == [("import", "failed")]
    assert made.services.home.sample_pool("toy").exists()
    assert made.project.status().items == 0
    start(made)
    assert len(made.project.queries.create(5).items) == 5


def test_a_left_over_sample_is_not_that_of_a_pool_of_uploads(
    make: Make,
    held_out: list[str],
    data: OptionalData,
    tmp_path: Path,
    image: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = make(BUNDLED, plugins=data.registry(), settings={"trained": tmp_path / "trained"})
    register(made.services)
    with monkeypatch.context() as patch:
        patch.setattr(items, "insert", lambda *_: (_ for _ in ()).throw(OSError("killed")))
        start(made)
    made.add_images([image(1)])
    assert ("import", "succeeded") in start(made)
    assert not made.services.pool("toy").sampled
    assert not made.services.home.sample_pool("toy").exists()


def test_images_that_come_before_the_sample_is_stored_leave_none_of_it(
    make: Make,
    held_out: list[str],
    data: OptionalData,
    tmp_path: Path,
    image: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = make(BUNDLED, plugins=data.registry(), settings={"trained": tmp_path / "trained"})
    register(made.services)
    write = sample_pool.write_sample_pool
    upload = NewItem("mine", "upload", "uploads/mine", "image/png", False)

    def slow(*arguments: Any, **named: Any) -> None:
        write(*arguments, **named)
        with made.services.database.write() as connection:
            items.insert(connection, "toy", 0, [upload], 0.0)

    monkeypatch.setattr(sample_pool, "write_sample_pool", slow)
    start(made)
    assert made.project.status().items == 1
    assert not made.services.home.sample_pool("toy").exists()


# ------------------------------------------------------------------- the data set arrives


def test_a_data_set_that_cannot_join_stops_no_training(
    project: ToyProject, data: OptionalData, held_out: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    project.project.labels.submit("ann", [full(held_out[0], "left"), full(held_out[1], "right")])
    data.available = True

    def damaged() -> None:
        raise ProjectError("toy-missing is damaged")

    data.meanwhile = damaged
    project.train()
    assert project.project.models.checkpoints()[-1].checkpoint == "r2"
    assert "toy-missing is damaged; the pool of project 'toy' stays as it is" in capsys.readouterr().out


@pytest.mark.usefixtures("small_parts")
def test_images_wait_for_the_rest_of_a_killed_import(
    project: ToyProject, data: OptionalData, image: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    data.available = True
    with monkeypatch.context() as patch:
        patch.setattr("nextlabel.store.projects.set_dataset", lambda *_: (_ for _ in ()).throw(OSError("killed")))
        patch.setattr("nextlabel.engine.datasets.import_dataset._delete_unfinished", lambda *_: None)
        assert start(project)[0] == ("import", "failed")
    project.work()
    with pytest.raises(NotReady, match="is being imported"):
        project.add_images([image(1)])
    assert next(job.kind for job in project.work()) == "import"
    project.add_images([image(1)])


def test_unknown_values_of_a_sample_stay_unknown(tmp_path: Path) -> None:
    contents = replace(SQUARES, classes=(), truth=np.linspace(0, 1, len(SQUARES.ids)), candidates=None)
    positions = np.arange(len(SQUARES.ids)) + 2
    placement = sample_pool.Placement(2, positions, np.zeros(len(positions), np.bool_))
    row = ProjectRow("toy", "regression", (), True, False, 1.0)
    plan = import_dataset._Plan(row, contents, placement, placement.holdout, positions[:0])
    import_dataset._write_folder(tmp_path / "pool", plan, DroppedFiles({}, 0))
    truth = np.load(tmp_path / "pool" / "truth.npy")
    assert np.isnan(truth[:2]).all()
    np.testing.assert_array_equal(truth[2:], contents.truth)


@pytest.mark.usefixtures("small_parts")
def test_labels_and_added_images_survive(
    project: ToyProject, data: OptionalData, held_out: list[str], image: Callable[..., bytes]
) -> None:
    added = project.add_images([image(1), image(2)])
    project.project.labels.submit(
        "ann", [full(held_out[0], "left"), full(added[0], "right"), full(held_out[3], "left")]
    )
    project.project.labels.submit("bob", [full(held_out[1], "left", "right")])
    before, shown = current(project), {identity: decoded(project, identity) for identity in [*held_out[:5], *added]}
    assert len(before) == 4
    project.work()
    arrive(project, data)
    status = project.project.status()
    assert (status.items, status.kind) == (32, "image")
    assert project.services.row("toy").known_truth
    assert current(project) == before
    every = pixels(project)
    assert set(every) == {*SQUARES.ids, *added}
    for number, identity in enumerate(SQUARES.ids):
        np.testing.assert_array_equal(every[identity], SQUARES.content.array[number])
        np.testing.assert_array_equal(decoded(project, identity), SQUARES.content.array[number])
    for identity, array in shown.items():
        np.testing.assert_array_equal(decoded(project, identity), array)
    # the truth is that of each item, and unknown for those that users added
    with project.services.database.read() as connection:
        rows = items.by_ids(connection, "toy", [*SQUARES.ids, *added])
    truth = project.services.pool("toy").truth
    assert [truth[rows[identity].position] for identity in SQUARES.ids] == SQUARES.truth.tolist()
    assert [truth[rows[identity].position] for identity in added] == [-1, -1]
    assert start(project) == []
    assert len(project.add_images([image(3)])) == 1
    project.work()
    assert project.project.status().items == 33
    assert set(ids(project.project.queries.create(100))) <= {*SQUARES.ids, *every, *project.add_images([image(3)])}


def test_an_item_that_could_be_trained_on_is_never_held_out(
    project: ToyProject, data: OptionalData, held_out: list[str]
) -> None:
    project.project.labels.submit("ann", [full(name, "left") for name in held_out[:3]])
    project.train()
    arrive(project, data)
    with project.services.database.read() as connection:
        rows = items.by_ids(connection, "toy", SQUARES.ids)
    # of the six that the settings hold out, four were for training in the sample
    assert {identity for identity, row in rows.items() if row.holdout} == {held_out[3], held_out[5]}
    assert evaluate(project.services, "toy", lambda _: None).items == 2
    project.project.models.promote("r2")
    project.train()
    third = project.project.models.checkpoints()[-1]
    assert third.verdict.endswith("of 2 held-out items")
    # what ann labelled, and the project's six initial labels
    labelled = {item.id for item in project.project.items.page("labelled", limit=100).items}
    assert {*held_out[:3]} <= labelled
    assert third.metrics["labels"] == len(labelled) >= 6
    card = read_card(project.services.home.checkpoint("toy", "r3"))
    assert (card["sampled"], card["start"]) == (True, "r2")


def test_a_hold_out_that_changes_before_the_data_set_arrives(
    project: ToyProject, data: OptionalData, held_out: list[str], make: Make
) -> None:
    project.project.labels.submit("ann", [full(name, "left") for name in held_out[:3]])
    project.train()
    project.project.models.promote("r2")
    home = project.services.home
    settings = {"trained": home.trained, "home": home.root}
    changed = make({**BUNDLED, "seed": 5}, plugins=data.registry(), settings=settings)
    arrive(changed, data)
    changed.train()
    third = changed.project.models.checkpoints()[-1]
    assert "there is no common hold-out" in third.verdict
    assert read_card(home.checkpoint("toy", "r3"))["start"] is None
    changed.project.models.promote("r3")
    changed.train()
    assert "held-out items" in changed.project.models.checkpoints()[-1].verdict


def test_a_hold_out_that_changes_while_the_sample_is_the_pool(
    project: ToyProject, held_out: list[str], data: OptionalData, make: Make
) -> None:
    home = project.services.home
    settings = {"trained": home.trained, "home": home.root}
    changed = make({**BUNDLED, "seed": 5}, plugins=data.registry(), settings=settings)
    changed.project.labels.submit("ann", [full(name, "left") for name in held_out[:3]])
    changed.train()
    # the bundled checkpoint was trained on items that the new seed holds out
    (name,) = [c.checkpoint for c in changed.project.models.checkpoints() if c.job is not None]
    assert read_card(home.checkpoint("toy", name))["start"] is None


def test_elsewhere_a_checkpoint_trained_on_a_sample_is_not_compared(
    project: ToyProject, held_out: list[str], make: Make, tmp_path: Path
) -> None:
    project.project.labels.submit("ann", [full(name, "left") for name in held_out[:3]])
    project.train()
    bundle(project, tmp_path / "elsewhere", "mine", "r2")
    settings = {"trained": tmp_path / "elsewhere"}
    other = make(BUNDLED, plugins=OptionalData(available=True).registry(), settings=settings)
    assert register(other.services) == []
    start(other)
    other.train()
    assert "there is no common hold-out" in other.project.models.checkpoints()[-1].verdict


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("failing", ["items", "labels", "last"])
def test_a_kill_in_the_middle_loses_no_label(
    project: ToyProject,
    data: OptionalData,
    held_out: list[str],
    image: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
) -> None:
    project.project.labels.submit("ann", [full(held_out[0], "left")])
    before = current(project)
    data.available = True
    store = {"items": items.insert, "labels": labels.append, "last": None}[failing]
    calls = 0

    def killed(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if failing != "items" or calls > 2:
            raise OSError("killed")
        assert store is not None
        return store(*arguments, **named)

    target = {"items": "nextlabel.store.items.insert", "labels": "nextlabel.store.labels.append"}
    with monkeypatch.context() as patch:
        patch.setattr(target.get(failing, "nextlabel.store.projects.set_dataset"), killed)
        patch.setattr("nextlabel.engine.datasets.import_dataset._delete_unfinished", lambda *_: None)
        assert start(project)[0] == ("import", "failed")
    with project.services.database.read() as connection:
        assert items.stored(connection, "toy") > items.count(connection, "toy") == 5
    assert current(project) == before
    assert project.project.status().items == 5
    # annotators go on, on what is there; images can be added when the rest has been deleted
    project.project.labels.submit("bob", [full(held_out[1], "right")])
    with pytest.raises(NotReady, match="is being imported"):
        project.add_images([image(1)])
    data.available = False
    assert start(project) == [("import", "succeeded")]
    added = project.add_images([image(1)])
    project.project.labels.submit("bob", [full(added[0], "right")])
    before = current(project)
    assert len(before) == 3
    project.work()
    arrive(project, data)
    assert current(project) == before
    assert set(pixels(project)) == {*SQUARES.ids, *added}
    history = project.services.database
    with history.read() as connection:
        numbers = [stored.id for stored in labels.since(connection, "toy", 0)]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.usefixtures("small_parts")
def test_labels_and_images_that_come_during_the_import(
    project: ToyProject, data: OptionalData, held_out: list[str], image: Callable[..., bytes]
) -> None:
    added: list[str] = []

    def meanwhile() -> None:
        added.extend(project.add_images([image(1)]))
        project.project.labels.submit("ann", [full(held_out[0], "left"), full(added[0], "right")])

    data.meanwhile = meanwhile
    data.available = True
    start(project)
    assert set(pixels(project)) == {*SQUARES.ids, *added}
    assert set(current(project)) == {held_out[0], added[0]}


def test_images_that_come_after_the_place_was_chosen(
    project: ToyProject, data: OptionalData, image: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nextlabel.engine.datasets import import_dataset as module

    added: list[str] = []
    write = module._write_folder

    def late(*arguments: Any) -> None:
        write(*arguments)
        if not added:
            added.extend(project.add_images([image(1), image(2)]))

    monkeypatch.setattr(module, "_write_folder", late)
    data.available = True
    start(project)
    every = pixels(project)
    assert set(every) == {*SQUARES.ids, *added}
    for number, identity in enumerate(SQUARES.ids):
        np.testing.assert_array_equal(every[identity], SQUARES.content.array[number])


def test_an_added_image_with_the_id_of_an_item_stays(project: ToyProject, data: OptionalData) -> None:
    home = project.services.home
    home.save_upload(project.project.items.image(ids(project.project.queries.create(1))[0])[0])
    path = next(path for path in (home.root / "uploads").rglob("*") if path.is_file())
    row = NewItem("s0", "upload", home.name(path), "image/png", holdout=False)
    with project.services.database.write() as connection:
        (position,) = items.add(connection, "toy", [row], 0.0)
    start(project)
    arrive(project, data)
    every = pixels(project)
    assert len(every) == 30
    assert (every["s0"] != SQUARES.content.array[0]).any()
    assert project.services.pool("toy").truth[position] == -1


def test_queries_and_leases_stay_valid(project: ToyProject, data: OptionalData, another: Any) -> None:
    web = another(project)
    query = web.project.queries.create(2, annotator="ann")
    other = web.project.queries.create(1, annotator="bob")
    arrive(project, data)
    assert ids(web.project.queries.replay(query.query)) == ids(query)
    assert ids(web.project.queries.get(query.query)) == ids(query)
    again = web.project.queries.create(30, annotator="ann")
    assert ids(again)[:2] == ids(query)  # its leases come first
    assert set(ids(other)).isdisjoint(ids(again))
    web.project.labels.submit("ann", [full(identity, "left") for identity in ids(query)])
    assert set(current(web)) == set(ids(query))
    assert web.project.status().items == 30


def test_files_and_candidate_sets_join_a_sample(
    make: Make, held_out: list[str], data: OptionalData, tmp_path: Path
) -> None:
    """A data set of image files, with candidate sets that become labels outside the hold-out."""
    project = make(BUNDLED, plugins=data.registry(), settings={"trained": tmp_path / "trained"})
    register(project.services)
    start(project)
    project.project.labels.submit("ann", [full(held_out[0], "left")])
    data.as_files = tmp_path / "files"
    data.sets = True
    arrive(project, data)
    with project.services.database.read() as connection:
        rows = items.by_ids(connection, "toy", SQUARES.ids)
    for number, identity in enumerate(SQUARES.ids):
        item = project.project.items.get(identity)
        np.testing.assert_array_equal(decoded(project, identity), SQUARES.content.array[number])
        assert ("dataset" in item.current_labels) == (not rows[identity].holdout), identity
    assert rows[held_out[0]].source == "upload"
    assert rows["s0"].source == "file"
    assert set(project.project.items.get(held_out[0]).current_labels) == {"ann", "dataset"}
