"""A learner may train before there is any label; everything copes with its checkpoint."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.engine import SQUARES, ToyProject, full, ids

from nextlabel.app import create_app
from nextlabel.contracts.errors import NotReady
from nextlabel.engine.evaluation.evaluate import evaluate

Make = Callable[..., ToyProject]


@pytest.fixture
def unlabelled(make: Make) -> ToyProject:
    """A project without labels, whose learner needs none."""
    tables = {"labels": {"initial": 0}, "strategy": {"plugin": "toy-embedded"}, "stop": {"accuracy": 0.9, "labels": 5}}
    return make(SQUARES, learner={"plugin": "toy-unlabelled"}, **tables).import_dataset().train()


def test_its_checkpoint_scores_the_pool_and_goes_live(unlabelled: ToyProject) -> None:
    (checkpoint,) = unlabelled.project.models.checkpoints()
    assert (checkpoint.live, checkpoint.metrics["labels"]) == (True, 0)
    status = unlabelled.project.status()
    assert (status.labelled, status.unseen, status.reached) == (0, 0, False)
    assert len(ids(unlabelled.project.queries.create(3))) == 3
    assert unlabelled.project.models.predict_ids(["s0"]).predictions[0].label in {"left", "right"}
    assert evaluate(unlabelled.services, "toy", lambda _: None).items == 6


@pytest.mark.parametrize("known", [True, False])
def test_the_pages_show_it(make: Make, known: bool) -> None:
    tables = {"labels": {"initial": 0}, "dataset": {"known": known}}
    project = make(SQUARES, learner={"plugin": "toy-unlabelled"}, **tables).import_dataset().train()
    client = create_app(project.services.settings, project.engine).test_client()
    for page in ("/", "/progress", "/label", "/pool", "/pool/s0", "/second-look", "/disagreements"):
        answer = client.get(f"/projects/toy{page}", headers={"Accept": "text/html"})
        assert answer.status_code == 200, page
    progress = client.get("/projects/toy/progress", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert ("no hold-out item has a known class yet" in progress) != known
    if not known:
        with pytest.raises(NotReady, match="no held-out item"):
            project.project.progress.confusion()


def test_the_next_training_has_labels(unlabelled: ToyProject) -> None:
    query = unlabelled.project.queries.create(6, "random", "ann")
    labels = [full(item.id, unlabelled.truth(item.id)) for item in query.items]
    unlabelled.project.labels.submit("ann", labels)
    unlabelled.train()
    first, second = unlabelled.project.models.checkpoints()
    assert (first.live, second.live, second.metrics["labels"]) == (False, True, 6)
    assert "held-out items" in second.verdict
