"""The loop as a whole: every kind of project asks, labels, trains and predicts by the same engine."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from engine_help import SQUARES, WAVE, Project, full, ids

from nextlabel.contracts.errors import NotReady, Unknown, Unprocessable, Unsupported
from nextlabel.engine.answers import LabelInput
from nextlabel.store import items

Make = Callable[..., Project]
TINY = {
    "vectors with values": (WAVE, 57 - 12),
    "nodes of a graph": (
        {
            "title": "Rings",
            "dataset": {"plugin": "tiny-rings"},
            "learner": {"plugin": "tiny-propagation", "steps": 8},
            "strategy": {"plugin": "entropy"},
        },
        48 - 3 - 3,
    ),
    "a pool that is all there is": (
        {
            "title": "Moons",
            "dataset": {"plugin": "tiny-moons"},
            "learner": {"plugin": "tiny-spreading"},
            "strategy": {"plugin": "margin"},
            "labels": {"initial": 4},
        },
        80 - 16 - 4,
    ),
    "pictures": (SQUARES, 30 - 6 - 6),
}


@pytest.mark.parametrize("kind", TINY)
def test_a_round_of_every_kind_of_project(make: Make, kind: str) -> None:
    table, askable = TINY[kind]
    project = make(table, name="any").bring().train()
    (first,) = project.loop.checkpoints()
    assert first.live
    query = project.loop.query(5, None, "ann")
    assert (len(set(ids(query))), query.remaining, query.checkpoint) == (5, askable, "r1")
    truth = project.context.pool("any").truth
    classes = project.context.row("any").classes
    assert truth is not None
    with project.context.database.read() as connection:
        rows = items.by_ids(connection, "any", ids(query))
    given = [
        full(name, classes[int(truth[row.position])]) if classes else LabelInput(name, value=float(truth[row.position]))
        for name, row in rows.items()
    ]
    assert project.loop.submit("ann", given, "key") == 5
    project.train()
    second = project.loop.checkpoints()[-1]
    assert second.metrics["labels"] == first.metrics["labels"] + 5
    assert {"accuracy", "rmse"} & set(second.metrics)
    said = project.loop.predict_ids(ids(query))
    assert said.checkpoint in ("r1", "r2")
    assert project.loop.replay(query.query) == query
    rest = ids(project.loop.query(100, None, "bob"))
    assert len(rest) == askable - 5
    assert not set(rest) & set(ids(query))


def test_the_status_before_and_after(make: Make) -> None:
    project = make(stop={"accuracy": 0.5, "labels": 1000})
    before = project.loop.status()
    assert (before.task, before.kind, before.items, before.live, before.reached) == (None, None, 0, None, False)
    project.bring().train()
    after = project.loop.status()
    assert (after.task, after.kind, after.items, after.labelled, after.open) == ("classification", "vector", 60, 6, 42)
    assert (after.live, after.stop, after.reached) == ("r1", {"accuracy": 0.5, "labels": 1000.0}, True)
    assert after.metrics == project.loop.checkpoints()[0].metrics


def test_unknown_checkpoints_are_refused(blobs: Project) -> None:
    with pytest.raises(Unknown, match="no checkpoint is called 'r1'; there are none"):
        blobs.loop.promote("r1")
    blobs.train()
    with pytest.raises(Unknown, match="no checkpoint is called 'r2'; valid: r1"):
        blobs.loop.promote("r2")


# ----------------------------------------------------------------------------- new pictures


def test_pictures_are_added_once(make: Make, picture: Callable[..., bytes]) -> None:
    project = make(SQUARES).bring()
    one, two = picture(1), picture(2, 9, 5, "JPEG")
    first = project.loop.add_images([one, two, one])
    assert first[0] == first[2] != first[1]
    assert project.loop.add_images([two]) == [first[1]]
    page = project.loop.items(after="s29")
    assert [(item.id, item.media_type, item.state, item.holdout) for item in page.items] == [
        (first[0], "image/png", "open", False),
        (first[1], "image/jpeg", "open", False),
    ]
    assert {first[0], first[1]} <= set(ids(project.loop.query(100)))
    project.loop.submit("ann", [full(first[0], "left")])
    project.train()
    assert project.loop.checkpoints()[0].metrics["labels"] == 7
    assert project.loop.predict_ids([first[1]]).predictions[0].label in ("left", "right")


def test_one_bad_picture_stores_none(make: Make, picture: Callable[..., bytes]) -> None:
    project = make(SQUARES).bring()
    with pytest.raises(Unsupported):
        project.loop.add_images([picture(1), b"no picture"])
    assert project.loop.status().items == 30
    assert not list(project.context.home.root.glob("uploads/*/*"))


def test_only_pictures_are_added_to_pictures(blobs: Project, picture: Callable[..., bytes]) -> None:
    with pytest.raises(Unprocessable, match="holds vectors, not pictures"):
        blobs.loop.add_images([picture(1)])


def test_new_pictures_join_the_hold_out_where_no_label_is_known(make: Make, picture: Callable[..., bytes]) -> None:
    project = make(SQUARES, dataset={"known": False}, labels={"initial": 0, "holdout": 0.5}).bring()
    added = project.loop.add_images([picture(number) for number in range(40)])
    held = [item.id for item in project.loop.items(after="s29").items if item.holdout]
    assert 8 < len(held) < 32
    assert set(held) < set(added)


# ------------------------------------------------------------------------------ not there


@pytest.mark.parametrize(
    "ask",
    [
        lambda loop: loop.query(1),
        lambda loop: loop.items(),
        lambda loop: loop.item("p1"),
        lambda loop: loop.image("p1"),
        lambda loop: loop.predict_ids(["p1"]),
        lambda loop: loop.submit("ann", []),
        lambda loop: loop.history(),
        lambda loop: loop.add_images([]),
    ],
)
def test_all_that_needs_the_data_set_waits_for_it(make: Make, ask: Callable[[object], object]) -> None:
    project = make()
    with pytest.raises(NotReady, match="has not been read yet"):
        ask(project.loop)
    assert [(job.kind, job.state) for job in project.work()] == [("import", "succeeded")]


def test_a_first_training_reads_the_data_set_itself(make: Make) -> None:
    project = make()
    project.loop.train()
    assert [(job.kind, job.state) for job in project.work()] == [("train", "succeeded")]
    assert project.loop.status().items == 60
