"""What ships is registered and answers at once; its data set may be there, come later, or never."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.bundled import SHIPS, There, ship
from support.engine import SQUARES, ToyProject, full, ids

from nextlabel.contracts.errors import NotReady, Unprocessable
from nextlabel.engine.bundled_checkpoints import find, register, trained_folder
from nextlabel.engine.datasets.import_dataset import import_dataset
from nextlabel.engine.evaluation.evaluate import evaluate
from nextlabel.engine.scheduling import catch_up
from nextlabel.engine.settings import Settings
from nextlabel.engine.training.cleanup import sweep
from nextlabel.store.checkpoint_files import read_card

Make = Callable[..., ToyProject]
Image = Callable[..., bytes]


@pytest.fixture
def folder(make: Make, tmp_path: Path) -> Path:
    """A folder in which the project `toy` ships the checkpoint `first`."""
    ship(make(SHIPS, plugins=There(there=True).registry()).bring().train(), tmp_path / "trained")
    return tmp_path / "trained"


@pytest.fixture
def data() -> There:
    return There()


@pytest.fixture
def ships(make: Make, folder: Path, data: There) -> ToyProject:
    """The project on a machine without its data set, as it is started for the first time."""
    project = make(SHIPS, plugins=data.registry(), settings={"trained": folder})
    assert register(project.services) == []
    return project


def started(project: ToyProject) -> list[tuple[str, str]]:
    """Start the worker, and do what it finds to do."""
    catch_up(project.services)
    return [(job.kind, job.state) for job in project.work()]


def lived(project: ToyProject) -> list[tuple[str, bool]]:
    return [(found.checkpoint, found.live) for found in project.project.models.checkpoints()]


# ------------------------------------------------------------------------------ where it lies


def test_a_checkout_ships_what_lies_in_its_own_folder(tmp_path: Path) -> None:
    assert trained_folder(Settings()) == Path(__file__).parents[2] / "trained"
    assert trained_folder(Settings(trained=tmp_path)) == tmp_path


def test_a_moved_checkout_finds_it_again(ships: ToyProject, make: Make, folder: Path, data: There) -> None:
    moved = folder.with_name("moved")
    folder.rename(moved)
    shutil.copytree(ships.services.home.root, ships.services.home.root.with_name("home9"))
    again = make(
        SHIPS, plugins=data.registry(), settings={"home": ships.services.home.root.with_name("home9"), "trained": moved}
    )
    assert register(again.services) == []
    assert again.project.models.ready()


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        (lambda path: (path / "card.json").write_text("{"), "damaged"),
        (lambda path: change(path, project="other"), "its card is of project 'other'"),
        (lambda path: change(path, input=None), "knows only its pool"),
        (lambda path: (path / "card.json").write_text('{"sha256": {}}'), "its card says nothing of project, created"),
        (lambda path: path.rename(path.with_name("r7")), "cannot be called 'r7'"),
    ],
)
def test_what_cannot_ship_is_told_in_a_line(folder: Path, harm: Callable[[Path], object], fault: str) -> None:
    harm(folder / "toy" / "first")
    found, faults = find(folder)
    assert found == []
    assert len(faults) == 1
    assert fault in faults[0]


def change(path: Path, **values: object) -> None:
    card = json.loads((path / "card.json").read_text()) | values
    (path / "card.json").write_text(json.dumps(card))


def test_a_project_of_other_classes_is_left_as_it_is(make: Make, folder: Path) -> None:
    project = make(settings={"trained": folder}).bring()
    (fault,) = register(project.services)
    assert "it knows the classes left, right, the project has red, green, blue" in fault
    assert project.project.models.checkpoints() == []


def test_a_project_that_is_not_here_is_not_made(make: Make, folder: Path) -> None:
    project = make(SHIPS, name="another", settings={"trained": folder})
    assert register(project.services) == []
    assert project.project.status().task is None


# ------------------------------------------------------------------------ without the data set


def test_it_answers_before_anything_else_is_done(ships: ToyProject, image: Image, data: There) -> None:
    assert ships.project.models.ready()
    said = ships.project.models.predict_images([image(0)])
    assert (said.checkpoint, set(said.predictions[0].probabilities or ())) == ("first", {"left", "right"})
    status = ships.project.status()
    assert (status.items, status.classes, status.kind, status.live) == (0, ("left", "right"), "image", "first")
    assert (status.task, status.missing) == ("classification", None)
    assert data.reads == 0


def test_an_empty_pool_has_nothing_to_ask(ships: ToyProject) -> None:
    said = ships.project.queries.create(3)
    assert (said.items, said.remaining, said.checkpoint) == ((), 0, "first")
    assert ships.project.queries.create(3, "random").items == ()
    assert ships.project.items.page().items == ()


def test_a_start_looks_for_the_data_set_and_trains_nothing(
    ships: ToyProject, data: There, capsys: pytest.CaptureFixture[str]
) -> None:
    assert started(ships) == [("import", "succeeded")]
    assert data.reads == 1
    assert (
        "toy-missing is not on this machine; get it from nowhere; "
        "the pool of project 'toy' is what people add to it\n" in capsys.readouterr().out
    )
    assert ships.project.status().missing is None


def test_the_whole_loop_runs_on_what_people_add(ships: ToyProject, image: Image) -> None:
    added = ships.add_images([image(seed) for seed in range(12)])
    with pytest.raises(NotReady):  # not scored yet
        ships.project.queries.create(2)
    assert [(job.kind, job.state) for job in ships.work()] == [("score", "succeeded")]
    query = ships.project.queries.create(12)
    assert (query.checkpoint, set(ids(query))) == ("first", set(added))
    assert all(item.suggestion for item in query.items)
    ships.project.labels.submit("ann", [full(name, ("left", "right")[place % 2]) for place, name in enumerate(added)])
    assert ships.project.queries.create(1).stale_labels == 12
    ships.train()
    first, second = ships.project.models.checkpoints()
    assert (first.checkpoint, second.checkpoint) == ("first", "r2")
    assert second.verdict != "the first checkpoint of this project"
    card = read_card(ships.services.home.checkpoint("toy", "r2"))
    assert card["start"] == "first"


def test_its_pool_then_stays_what_people_added(
    ships: ToyProject, data: There, image: Image, capsys: pytest.CaptureFixture[str]
) -> None:
    ships.add_images([image(0)])
    ships.work()
    data.there = True
    assert started(ships) == [("import", "succeeded")]
    told = [line for line in capsys.readouterr().out.splitlines() if "stays what people have added" in line]
    assert len(told) == 1
    assert data.reads == 0
    assert ships.project.status().items == 1


def test_nothing_can_be_measured_yet(ships: ToyProject) -> None:
    with pytest.raises(NotReady, match="no held-out item has a full label yet"):
        evaluate(ships.services, "toy", lambda _: None)


# --------------------------------------------------------------------------- with the data set


def test_a_data_set_that_is_there_becomes_the_pool(ships: ToyProject, data: There, image: Image) -> None:
    data.there = True
    catch_up(ships.services)
    with pytest.raises(NotReady, match="is being looked for"):  # it would keep the data set out
        ships.add_images([image(0)])
    assert not (ships.services.home.root / "uploads").exists()
    assert [(job.kind, job.state) for job in ships.work()] == [("import", "succeeded"), ("score", "succeeded")]
    status = ships.project.status()
    assert (status.items, status.labelled, status.live) == (30, 6, "first")
    query = ships.project.queries.create(30)
    assert (len(query.items), query.checkpoint) == (18, "first")  # neither labelled nor held out
    assert evaluate(ships.services, "toy", lambda _: None).items == 6
    ships.add_images([image(0)])
    assert [job.kind for job in ships.work()] == ["score"]
    assert started(ships) == []


def test_one_that_comes_later_is_read_at_the_next_start(ships: ToyProject, data: There, another: Make) -> None:
    web = another(ships)
    assert web.project.queries.create(1).items == ()
    assert started(ships) == [("import", "succeeded")]
    data.there = True
    assert started(ships) == [("import", "succeeded"), ("score", "succeeded")]
    # a process that knew the empty pool sees the new one
    assert len(web.project.queries.create(30).items) == 18
    assert web.project.items.image("s0")[1] == "image/png"


def test_people_may_be_quicker_than_a_command_that_imports(ships: ToyProject, data: There, image: Image) -> None:
    data.there = True
    data.meanwhile = lambda: ships.add_images([image(0)])
    services = ships.services
    said = import_dataset(ships.project.config, services.registry, services.settings, services.database, services.home)
    assert said is not None
    assert "stays what people have added" in said
    assert ships.project.status().items == 1
    ships.work()
    assert len(ships.project.queries.create(1).items) == 1


def test_a_training_before_any_scores_is_judged_against_it(ships: ToyProject, data: There) -> None:
    data.there = True
    ships.train()
    first, second = ships.project.models.checkpoints()
    assert (first.checkpoint, second.checkpoint, second.live) == ("first", "r2", True)
    assert second.verdict.endswith("of 6 held-out items")


@pytest.mark.parametrize("other", [{"seed": 5}, {"labels": {"initial": 6, "holdout": 0.5}}])
def test_one_that_was_made_with_another_hold_out_is_no_start_and_no_rival(
    make: Make, folder: Path, capsys: pytest.CaptureFixture[str], other: Mapping[str, Any]
) -> None:
    settings = {"trained": folder}
    project = make({**SHIPS, **other}, plugins=There(there=True).registry(), settings=settings)
    assert register(project.services) == []
    started(project)
    with pytest.raises(Unprocessable, match="first was made with another hold-out"):
        evaluate(project.services, "toy", lambda _: None)
    project.train()
    assert "training starts from scratch: first was made with another hold-out" in capsys.readouterr().out
    first, second = project.project.models.checkpoints()
    assert (first.live, second.live) == (True, False)
    assert second.verdict.startswith("there is no common hold-out")


def test_what_is_made_to_ship_is_the_same_whatever_is_registered(ships: ToyProject, make: Make, data: There) -> None:
    data.there = True
    own = make(SHIPS, plugins=There(there=True).registry()).bring()
    weights = []
    for project in (own, ships):
        project.project.training.start(from_scratch=True)
        project.work()
        made = project.project.models.checkpoints()[-1]
        weights.append((project.services.home.checkpoint("toy", made.checkpoint) / "weights.safetensors").read_bytes())
    assert weights[0] == weights[1]


# ------------------------------------------------------------------------------ who is live


def test_it_is_registered_once(ships: ToyProject) -> None:
    for _ in range(2):
        assert register(ships.services) == []
    assert lived(ships) == [("first", True)]


def test_a_newer_one_that_ships_takes_over_from_an_older(ships: ToyProject, make: Make, folder: Path) -> None:
    ship(make(SQUARES, seed=1).bring().train(), folder, "second")
    assert register(ships.services) == []
    assert lived(ships) == [("first", False), ("second", True)]
    ships.project.models.promote("first")
    assert register(ships.services) == []
    assert lived(ships) == [("first", True), ("second", False)]


def test_what_was_learnt_here_stays_learnt_when_another_ships(make: Make, folder: Path, data: There) -> None:
    project = make({**SHIPS, "train": {"every": 3}}, plugins=data.registry(), settings={"trained": folder})
    data.there = True
    assert register(project.services) == []
    started(project)
    project.project.labels.submit(
        "ann", [full(each, "left") for each in ids(project.project.queries.create(3, "random"))]
    )
    project.work()
    assert lived(project)[-1][0] == "r2"
    assert project.project.standing().until_training == 3
    ship(make(SQUARES, seed=1).bring().train(), folder, "second")
    assert register(project.services) == []
    assert lived(project)[-1][0] == "second"
    assert project.project.standing().until_training == 3


def test_it_leaves_one_trained_here_live(ships: ToyProject, make: Make, folder: Path, data: There) -> None:
    data.there = True
    ships.train()
    ship(make(SQUARES, seed=1).bring().train(), folder, "second")
    assert register(ships.services) == []
    assert lived(ships) == [("first", False), ("r2", True), ("second", False)]
    assert ships.project.models.promote("second").live


def test_a_project_that_was_here_before_gets_it_too(make: Make, folder: Path) -> None:
    project = make(SQUARES, settings={"trained": folder}).bring()
    assert register(project.services) == []
    assert [(job.kind, job.state) for job in project.work()] == [("score", "succeeded")]
    assert (project.project.status().items, len(project.project.queries.create(5).items)) == (30, 5)


def test_nothing_removes_it(ships: ToyProject, data: There, folder: Path) -> None:
    data.there = True
    for _ in range(5):
        ships.train()
    sweep(ships.services)
    assert sorted(path.name for path in (folder / "toy" / "first").iterdir()) == [
        "card.json",
        "model.onnx",
        "weights.safetensors",
    ]
    assert ships.project.models.promote("first").live
