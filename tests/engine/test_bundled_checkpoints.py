"""Bundled checkpoints are registered and predict at once, with their data set, before it, or without it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from support.bundled import BUNDLED, OptionalData, bundle
from support.engine import SQUARES, ToyProject, full, ids

from nextlabel.contracts.errors import NotReady, Unprocessable
from nextlabel.engine.bundled_checkpoints import find, register, trained_folder
from nextlabel.engine.datasets.import_dataset import import_dataset
from nextlabel.engine.evaluation.evaluate import evaluate
from nextlabel.engine.jobs.startup import queue_startup_jobs
from nextlabel.engine.settings import Settings
from nextlabel.engine.training.cleanup import sweep
from nextlabel.store import items
from nextlabel.store.checkpoint_files import read_card

Make = Callable[..., ToyProject]
Image = Callable[..., bytes]


@pytest.fixture
def folder(make: Make, tmp_path: Path) -> Path:
    """A folder of bundled checkpoints: `first` of project `toy`."""
    bundle(
        make(BUNDLED, plugins=OptionalData(available=True).registry()).import_dataset().train(), tmp_path / "trained"
    )
    return tmp_path / "trained"


@pytest.fixture
def data() -> OptionalData:
    return OptionalData()


@pytest.fixture
def bundled(make: Make, folder: Path, data: OptionalData) -> ToyProject:
    """The project on a machine without its data set, started for the first time."""
    project = make(BUNDLED, plugins=data.registry(), settings={"trained": folder})
    assert register(project.services) == []
    return project


def start(project: ToyProject) -> list[tuple[str, str]]:
    """Start the worker and run all jobs; return their kinds and states."""
    queue_startup_jobs(project.services)
    return [(job.kind, job.state) for job in project.work()]


def live_flags(project: ToyProject) -> list[tuple[str, bool]]:
    return [(checkpoint.checkpoint, checkpoint.live) for checkpoint in project.project.models.checkpoints()]


# -------------------------------------------------------------------------------- on disk


def test_a_checkout_has_its_own_folder_of_bundled_checkpoints(tmp_path: Path) -> None:
    assert trained_folder(Settings()) == Path(__file__).parents[2] / "trained"
    assert trained_folder(Settings(trained=tmp_path)) == tmp_path


def test_a_moved_checkout_finds_its_checkpoint(
    bundled: ToyProject, make: Make, folder: Path, data: OptionalData
) -> None:
    moved = folder.with_name("moved")
    folder.rename(moved)
    shutil.copytree(bundled.services.home.root, bundled.services.home.root.with_name("home9"))
    again = make(
        BUNDLED,
        plugins=data.registry(),
        settings={"home": bundled.services.home.root.with_name("home9"), "trained": moved},
    )
    assert register(again.services) == []
    assert again.project.models.ready()


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda path: (path / "card.json").write_text("{"), "damaged"),
        (lambda path: change(path, project="other"), "its card belongs to project 'other'"),
        (lambda path: change(path, input=None), "is transductive"),
        (lambda path: (path / "card.json").write_text('{"sha256": {}}'), "its card has no project, created"),
        (lambda path: path.rename(path.with_name("r7")), "cannot be called 'r7'"),
    ],
)
def test_an_unusable_checkpoint_is_reported_in_one_line(
    folder: Path, damage: Callable[[Path], object], fault: str
) -> None:
    damage(folder / "toy" / "first")
    usable, faults = find(folder)
    assert usable == []
    assert len(faults) == 1
    assert fault in faults[0]


def change(path: Path, **values: object) -> None:
    card = json.loads((path / "card.json").read_text()) | values
    (path / "card.json").write_text(json.dumps(card))


def test_a_project_with_other_classes_is_not_changed(make: Make, folder: Path) -> None:
    project = make(settings={"trained": folder}).import_dataset()
    (fault,) = register(project.services)
    assert "its classes are left, right, those of the project red, green, blue" in fault
    assert project.project.models.checkpoints() == []


def test_an_unknown_project_is_not_created(make: Make, folder: Path) -> None:
    project = make(BUNDLED, name="another", settings={"trained": folder})
    assert register(project.services) == []
    assert project.project.status().task is None


# ------------------------------------------------------------------------ without the data set


def test_it_predicts_right_after_the_registration(bundled: ToyProject, image: Image, data: OptionalData) -> None:
    assert bundled.project.models.ready()
    answer = bundled.project.models.predict_images([image(0)])
    assert (answer.checkpoint, set(answer.predictions[0].probabilities or ())) == ("first", {"left", "right"})
    status = bundled.project.status()
    assert (status.items, status.classes, status.kind, status.live) == (0, ("left", "right"), "image", "first")
    assert (status.task, status.missing) == ("classification", None)
    assert data.reads == 0


def test_a_query_of_an_empty_pool_has_no_items(bundled: ToyProject) -> None:
    query = bundled.project.queries.create(3)
    assert (query.items, query.remaining, query.checkpoint) == ((), 0, "first")
    assert query.hint is not None
    for way in ("pool page", "POST /items", "NEXTLABEL_DATA"):
        assert way in query.hint
    assert "nextlabel download" not in query.hint  # its data set has none
    assert bundled.project.queries.get(query.query).hint == query.hint
    assert bundled.project.queries.create(3, "random").items == ()
    assert bundled.project.items.page().items == ()


def test_a_query_waits_while_the_data_set_is_still_to_be_read(bundled: ToyProject, data: OptionalData) -> None:
    queue_startup_jobs(bundled.services)
    with pytest.raises(NotReady, match="the data set of project 'toy' is being read"):
        bundled.project.queries.create(3)
    bundled.work()
    assert bundled.project.queries.create(3).items == ()
    data.available = True
    queue_startup_jobs(bundled.services)
    bundled.work()
    query = bundled.project.queries.create(3)
    assert (len(query.items), query.hint) == (3, None)


def test_a_start_searches_for_the_data_set_and_trains_nothing(
    bundled: ToyProject, data: OptionalData, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start(bundled) == [("import", "succeeded")]
    assert data.reads == 1
    assert (
        "toy-missing is not on this machine; get it from nowhere; "
        "the pool of project 'toy' consists of the images that users add\n" in capsys.readouterr().out
    )
    assert bundled.project.status().missing is None


def test_a_round_runs_on_uploaded_images(bundled: ToyProject, image: Image) -> None:
    added = bundled.add_images([image(seed) for seed in range(12)])
    with pytest.raises(NotReady):  # not scored yet
        bundled.project.queries.create(2)
    assert [(job.kind, job.state) for job in bundled.work()] == [("score", "succeeded")]
    query = bundled.project.queries.create(12)
    assert (query.checkpoint, set(ids(query))) == ("first", set(added))
    assert all(item.suggestion for item in query.items)
    bundled.project.labels.submit("ann", [full(name, ("left", "right")[place % 2]) for place, name in enumerate(added)])
    assert bundled.project.queries.create(1).stale_labels == 12
    bundled.train()
    first, second = bundled.project.models.checkpoints()
    assert (first.checkpoint, second.checkpoint) == ("first", "r2")
    assert second.verdict != "the first checkpoint of this project"
    card = read_card(bundled.services.home.checkpoint("toy", "r2"))
    assert card["start"] == "first"


def test_a_pool_with_uploads_does_not_import_the_data_set(
    bundled: ToyProject, data: OptionalData, image: Image, capsys: pytest.CaptureFixture[str]
) -> None:
    bundled.add_images([image(0)])
    bundled.work()
    data.available = True
    assert start(bundled) == [("import", "succeeded")]
    lines = [line for line in capsys.readouterr().out.splitlines() if "already has images that users added" in line]
    assert len(lines) == 1
    assert data.reads == 0
    assert bundled.project.status().items == 1


def test_evaluating_without_the_data_set_names_what_is_missing(bundled: ToyProject) -> None:
    with pytest.raises(
        NotReady, match=r"^toy-missing is not on this machine; get it from nowhere; without it, no held"
    ):
        evaluate(bundled.services, "toy", lambda _: None)


def test_evaluating_without_a_labelled_hold_out_raises_not_ready(bundled: ToyProject, data: OptionalData) -> None:
    data.available = True  # too late, say: the pool has users' images
    with pytest.raises(NotReady, match="has no test split, and no held-out item has a full label yet"):
        evaluate(bundled.services, "toy", lambda _: None)


# --------------------------------------------------------------------------- with the data set


def test_an_available_data_set_becomes_the_pool(bundled: ToyProject, data: OptionalData, image: Image) -> None:
    data.available = True
    queue_startup_jobs(bundled.services)
    with pytest.raises(NotReady, match="is being imported"):  # an upload would prevent the import
        bundled.add_images([image(0)])
    assert not (bundled.services.home.root / "uploads").exists()
    assert [(job.kind, job.state) for job in bundled.work()] == [("import", "succeeded"), ("score", "succeeded")]
    status = bundled.project.status()
    assert (status.items, status.labelled, status.live) == (30, 6, "first")
    query = bundled.project.queries.create(30)
    assert (len(query.items), query.checkpoint) == (18, "first")  # neither labelled nor held out
    assert evaluate(bundled.services, "toy", lambda _: None).items == 6
    bundled.add_images([image(0)])
    assert [job.kind for job in bundled.work()] == ["score"]
    assert start(bundled) == []


def test_a_killed_import_leaves_an_empty_pool_that_uploads_fill(
    bundled: ToyProject, data: OptionalData, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = items.insert

    def killed(connection: Connection, project: str, start: int, *others: Any) -> None:
        if start > 10:
            raise OSError("killed")
        insert(connection, project, start, *others)

    data.available = True
    with monkeypatch.context() as patch:
        patch.setattr(items, "insert", killed)
        patch.setattr("nextlabel.engine.datasets.import_dataset.PART", 10)
        patch.setattr("nextlabel.engine.datasets.import_dataset._delete_unfinished", lambda *_: None)
        assert start(bundled) == [("import", "failed")]
    assert bundled.project.status().items == 0
    assert bundled.project.items.page().items == ()
    assert bundled.project.queries.create(3).items == ()
    with pytest.raises(NotReady, match="is being imported"):
        bundled.add_images([image(0)])
    data.available = False
    assert start(bundled) == [("import", "succeeded")]  # it deletes what the other one left
    bundled.add_images([image(0)])
    assert bundled.project.status().items == 1


def test_a_data_set_added_later_is_imported_at_the_next_start(
    bundled: ToyProject, data: OptionalData, another: Make
) -> None:
    web = another(bundled)
    assert web.project.queries.create(1).items == ()
    assert start(bundled) == [("import", "succeeded")]
    data.available = True
    assert start(bundled) == [("import", "succeeded"), ("score", "succeeded")]
    # a process that has read the empty pool sees the new one
    assert len(web.project.queries.create(30).items) == 18
    assert web.project.items.image("s0")[1] == "image/png"


def test_an_upload_during_an_import_wins(bundled: ToyProject, data: OptionalData, image: Image) -> None:
    data.available = True
    data.meanwhile = lambda: bundled.add_images([image(0)])
    services = bundled.services
    message = import_dataset(
        bundled.project.config, services.registry, services.settings, services.database, services.home
    )
    assert message is not None
    assert "already has images that users added" in message
    assert bundled.project.status().items == 1
    bundled.work()
    assert len(bundled.project.queries.create(1).items) == 1


def test_a_training_is_compared_with_it_before_it_has_scores(bundled: ToyProject, data: OptionalData) -> None:
    data.available = True
    bundled.train()
    first, second = bundled.project.models.checkpoints()
    assert (first.checkpoint, second.checkpoint, second.live) == ("first", "r2", True)
    assert second.verdict.endswith("of 6 held-out items")


@pytest.mark.parametrize("other", [{"seed": 5}, {"labels": {"initial": 6, "holdout": 0.5}}])
def test_another_hold_out_makes_it_neither_start_nor_comparison(
    make: Make, folder: Path, capsys: pytest.CaptureFixture[str], other: Mapping[str, Any]
) -> None:
    settings = {"trained": folder}
    project = make({**BUNDLED, **other}, plugins=OptionalData(available=True).registry(), settings=settings)
    assert register(project.services) == []
    start(project)
    with pytest.raises(Unprocessable, match="first was trained with another hold-out"):
        evaluate(project.services, "toy", lambda _: None)
    project.train()
    assert "training starts from scratch: first was trained with another hold-out" in capsys.readouterr().out
    first, second = project.project.models.checkpoints()
    assert (first.live, second.live) == (True, False)
    assert second.verdict.startswith("there is no common hold-out: the live checkpoint was trained with another one")


def test_training_from_scratch_does_not_depend_on_bundled_ones(
    bundled: ToyProject, make: Make, data: OptionalData
) -> None:
    data.available = True
    own = make(BUNDLED, plugins=OptionalData(available=True).registry()).import_dataset()
    weights = []
    for project in (own, bundled):
        project.project.start_training(from_scratch=True)
        project.work()
        checkpoint = project.project.models.checkpoints()[-1]
        weights.append(
            (project.services.home.checkpoint("toy", checkpoint.checkpoint) / "weights.safetensors").read_bytes()
        )
    assert weights[0] == weights[1]


# -------------------------------------------------------------------------- which is live


def test_it_is_registered_once(bundled: ToyProject) -> None:
    for _ in range(2):
        assert register(bundled.services) == []
    assert live_flags(bundled) == [("first", True)]


def test_a_newer_bundled_one_replaces_an_older_bundled_one(bundled: ToyProject, make: Make, folder: Path) -> None:
    bundle(make(SQUARES, seed=1).import_dataset().train(), folder, "second")
    assert register(bundled.services) == []
    assert live_flags(bundled) == [("first", False), ("second", True)]
    bundled.project.models.promote("first")
    assert register(bundled.services) == []
    assert live_flags(bundled) == [("first", True), ("second", False)]


@pytest.mark.slow
def test_a_new_bundled_one_does_not_reset_the_count_of_labels(make: Make, folder: Path, data: OptionalData) -> None:
    project = make({**BUNDLED, "train": {"every": 3}}, plugins=data.registry(), settings={"trained": folder})
    data.available = True
    assert register(project.services) == []
    start(project)
    project.project.labels.submit(
        "ann", [full(item, "left") for item in ids(project.project.queries.create(3, "random"))]
    )
    project.work()
    assert live_flags(project)[-1][0] == "r2"
    assert project.project.status().until_training == 3
    bundle(make(SQUARES, seed=1).import_dataset().train(), folder, "second")
    assert register(project.services) == []
    assert live_flags(project)[-1][0] == "second"
    assert project.project.status().until_training == 3


def test_a_checkpoint_trained_here_stays_live(
    bundled: ToyProject, make: Make, folder: Path, data: OptionalData
) -> None:
    data.available = True
    bundled.train()
    bundle(make(SQUARES, seed=1).import_dataset().train(), folder, "second")
    assert register(bundled.services) == []
    assert live_flags(bundled) == [("first", False), ("r2", True), ("second", False)]
    assert bundled.project.models.promote("second").live


def test_it_is_registered_for_an_existing_project(make: Make, folder: Path) -> None:
    project = make(SQUARES, settings={"trained": folder}).import_dataset()
    assert register(project.services) == []
    assert [(job.kind, job.state) for job in project.work()] == [("score", "succeeded")]
    assert (project.project.status().items, len(project.project.queries.create(5).items)) == (30, 5)


def test_no_clean_up_removes_it(bundled: ToyProject, data: OptionalData, folder: Path) -> None:
    data.available = True
    for _ in range(5):
        bundled.train()
    sweep(bundled.services)
    assert sorted(path.name for path in (folder / "toy" / "first").iterdir()) == [
        "card.json",
        "model.onnx",
        "weights.safetensors",
    ]
    assert bundled.project.models.promote("first").live
