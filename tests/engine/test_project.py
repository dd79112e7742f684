"""Every kind of project is queried, labelled, trained and predicts with the same engine."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.engine import SQUARES, WAVE, ToyProject, full, ids

from nextlabel.contracts.errors import NotFound, NotReady, Unprocessable, Unsupported
from nextlabel.store import items
from nextlabel.store.labels import Label

Make = Callable[..., ToyProject]
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
    "a transductive learner": (
        {
            "title": "Moons",
            "dataset": {"plugin": "tiny-moons"},
            "learner": {"plugin": "tiny-spreading"},
            "strategy": {"plugin": "margin"},
            "labels": {"initial": 4},
        },
        80 - 16 - 4,
    ),
    "images": (SQUARES, 30 - 6 - 6),
}


@pytest.mark.parametrize("kind", TINY)
def test_every_kind_of_project_runs_a_round(make: Make, kind: str) -> None:
    table, askable = TINY[kind]
    project = make(table, name="any").import_dataset().train()
    (first,) = project.project.models.checkpoints()
    assert first.live
    query = project.project.queries.create(5, None, "ann")
    assert (len(set(ids(query))), query.remaining, query.checkpoint) == (5, askable, "r1")
    truth = project.services.pool("any").truth
    classes = project.services.row("any").classes
    assert truth is not None
    with project.services.database.read() as connection:
        rows = items.by_ids(connection, "any", ids(query))
    submitted = [
        full(name, classes[int(truth[row.position])]) if classes else (name, Label(value=float(truth[row.position])))
        for name, row in rows.items()
    ]
    assert project.project.labels.submit("ann", submitted, "key") == 5
    project.train()
    second = project.project.models.checkpoints()[-1]
    assert second.metrics["labels"] == first.metrics["labels"] + 5
    assert {"accuracy", "rmse"} & set(second.metrics)
    predictions = project.project.models.predict_ids(ids(query))
    assert predictions.checkpoint in ("r1", "r2")
    assert project.project.queries.replay(query.query) == query
    rest = ids(project.project.queries.create(100, None, "bob"))
    assert len(rest) == askable - 5
    assert not set(rest) & set(ids(query))


def test_the_status_before_and_after_a_training(make: Make) -> None:
    project = make(stop={"accuracy": 0.5, "labels": 1000})
    before = project.project.status()
    assert (before.task, before.kind, before.items, before.live, before.reached) == (None, None, 0, None, False)
    project.import_dataset().train()
    after = project.project.status()
    assert (after.task, after.kind, after.items, after.labelled, after.open) == ("classification", "vector", 60, 6, 42)
    assert (after.live, after.stop, after.reached) == ("r1", {"accuracy": 0.5, "labels": 1000.0}, True)
    assert after.metrics == project.project.models.checkpoints()[0].metrics


def test_an_unknown_checkpoint_cannot_be_promoted(blobs: ToyProject) -> None:
    with pytest.raises(NotFound, match="no checkpoint is called 'r1'; there are none"):
        blobs.project.models.promote("r1")
    blobs.train()
    with pytest.raises(NotFound, match="no checkpoint is called 'r2'; valid: r1"):
        blobs.project.models.promote("r2")


# ----------------------------------------------------------------------------- new images


def test_images_are_added_once(make: Make, image: Callable[..., bytes]) -> None:
    project = make(SQUARES).import_dataset()
    one, two = image(1), image(2, 9, 5, "JPEG")
    first = project.add_images([one, two, one])
    assert first[0] == first[2] != first[1]
    assert project.add_images([two]) == [first[1]]
    page = project.project.items.page(after="s29")
    assert [(item.id, item.media_type, item.state, item.holdout) for item in page.items] == [
        (first[0], "image/png", "open", False),
        (first[1], "image/jpeg", "open", False),
    ]
    assert {first[0], first[1]} <= set(ids(project.project.queries.create(100)))
    project.project.labels.submit("ann", [full(first[0], "left")])
    project.train()
    assert project.project.models.checkpoints()[0].metrics["labels"] == 7
    assert project.project.models.predict_ids([first[1]]).predictions[0].label in ("left", "right")


def test_one_bad_image_rejects_the_whole_upload(make: Make, image: Callable[..., bytes]) -> None:
    project = make(SQUARES).import_dataset()
    with pytest.raises(Unsupported):
        project.add_images([image(1), b"no image"])
    assert project.project.status().items == 30
    assert not list(project.services.home.root.glob("uploads/*/*"))


def test_images_cannot_be_added_to_vectors(blobs: ToyProject, image: Callable[..., bytes]) -> None:
    with pytest.raises(Unprocessable, match="holds vectors, not images"):
        blobs.add_images([image(1)])


def test_uploads_join_the_hold_out_if_no_truth_is_known(make: Make, image: Callable[..., bytes]) -> None:
    project = make(SQUARES, dataset={"known": False}, labels={"initial": 0, "holdout": 0.5}).import_dataset()
    added = project.add_images([image(number) for number in range(40)])
    held = [item.id for item in project.project.items.page(after="s29").items if item.holdout]
    assert 8 < len(held) < 32
    assert set(held) < set(added)


# ---------------------------------------------------------------------- before the import


@pytest.mark.parametrize(
    "call",
    [
        lambda project: project.queries.create(1),
        lambda project: project.items.page(),
        lambda project: project.items.get("p1"),
        lambda project: project.items.image("p1"),
        lambda project: project.models.predict_ids(["p1"]),
        lambda project: project.labels.submit("ann", []),
        lambda project: project.labels.history(),
        lambda project: project.items.add([]),
    ],
)
def test_calls_before_the_import_raise_not_ready_and_queue_it(make: Make, call: Callable[[object], object]) -> None:
    project = make()
    with pytest.raises(NotReady, match="has not been read yet"):
        call(project.project)
    assert [(job.kind, job.state) for job in project.work()] == [("import", "succeeded")]


def test_the_first_training_imports_the_data_set(make: Make) -> None:
    project = make()
    project.project.start_training()
    assert [(job.kind, job.state) for job in project.work()] == [("train", "succeeded")]
    assert project.project.status().items == 60
