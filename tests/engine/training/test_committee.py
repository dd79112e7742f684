"""Projects whose learner is a committee of other learners."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from support.bundled import bundle
from support.engine import BLOBS, MODULES, SQUARES, WAVE, ToyProject, candidates, full
from support.toy_learners import Ridge, RidgeParameters, with_training_state

from nextlabel.contracts import Items, Model, Targets, Training, VectorItems
from nextlabel.contracts.errors import NextlabelError
from nextlabel.engine.checkpoints.serialization import read_model
from nextlabel.engine.committee.committee_model import Committee
from nextlabel.engine.jobs.run_job import JobReport
from nextlabel.engine.plugins.registry import Offer, Registry, load
from nextlabel.engine.scores import open_scores
from nextlabel.store import checkpoints
from nextlabel.store.checkpoint_files import read_card, read_training_state, write_card

Make = Callable[..., ToyProject]
TWO = {"members": [{"plugin": "toy-ridge"}, {"plugin": "toy-ridge", "sharpness": 1.0}]}


def with_committee(base: Any, members: list[dict[str, Any]]) -> dict[str, Any]:
    return {**base, "learner": {"members": members}}


def model_of(project: ToyProject, name: str = "r1") -> Committee:
    model = read_model(project.services.home.checkpoint("toy", name), project.services.registry)[0]
    assert isinstance(model, Committee)
    return model


def test_the_same_learner_twice_with_other_parameters(make: Make) -> None:
    project = make({**BLOBS, "learner": TWO}, strategy={"also": ["toy-sampled"]}).import_dataset().train()
    alone = [make(learner=member).import_dataset().train() for member in TWO["members"]]
    committee = model_of(project)
    singles = [read_model(other.services.home.checkpoint("toy", "r1"), other.services.registry)[0] for other in alone]
    for member, single in zip(committee.members, singles, strict=True):
        np.testing.assert_array_equal(member.tensors()["weights"], single.tensors()["weights"])
    with project.services.database.read() as connection:
        arrays = open_scores(project.services.home.at(checkpoints.scorings(connection, "toy")[-1].folder))
    assert arrays["samples"].shape == (2, 60, 3)
    np.testing.assert_allclose(arrays["samples"].mean(axis=0), arrays["probabilities"], atol=1e-6)
    card = read_card(project.services.home.checkpoint("toy", "r1"))
    assert card["learner"] == {
        "plugin": "committee",
        "parameters": {},
        "members": [
            {"plugin": "toy-ridge", "parameters": {}},
            {"plugin": "toy-ridge", "parameters": {"sharpness": 1.0}},
        ],
    }
    assert (card["onnx"], card["input"]) == (True, {"kind": "vector", "dimensions": 2})
    assert len(project.project.queries.create(3, "toy-sampled").items) == 3


def test_the_committee_serves_one_graph(make: Make, image: Callable[..., bytes]) -> None:
    project = make({**SQUARES, "learner": TWO}).import_dataset().train()
    blob = image(3)
    (prediction,) = project.project.models.predict_images([blob]).predictions
    (added,) = project.add_images([blob])
    project.work()
    (scored,) = project.project.models.predict_ids([added]).predictions
    assert scored.probability == pytest.approx(prediction.probability, abs=1e-5)


class Noting(Ridge):
    """Notes what it receives."""

    seen: ClassVar[list[Training]] = []

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        self.seen.append(training)
        return super().fit(items, targets, training)


class NotingStateful(Noting):
    """Its models have a training state: the seed."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        model = super().fit(items, targets, training)
        return with_training_state(model, {"seed": np.array(training.seed)})


def test_each_member_has_a_seed_a_start_and_a_folder(make: Make, plugged: Callable[..., Registry]) -> None:
    Noting.seen.clear()
    project = make({**BLOBS, "learner": TWO}, plugins=plugged(Noting)).import_dataset().train()
    first, second = Noting.seen
    assert first.seed != second.seed
    assert (first.start, second.start) == (None, None)
    assert first.folder != second.folder
    project.train()
    committee = model_of(project)
    for training, member in zip(Noting.seen[2:], committee.members, strict=True):
        assert training.start is not None
        np.testing.assert_array_equal(training.start.tensors()["weights"], member.tensors()["weights"])
        assert training.start_state == {}


def test_each_member_gets_its_own_training_state(make: Make, plugged: Callable[..., Registry]) -> None:
    Noting.seen.clear()
    project = make({**BLOBS, "learner": TWO}, plugins=plugged(NotingStateful)).import_dataset().train().train()
    assert [dict(training.start_state) for training in Noting.seen] == [
        {},
        {},
        {"seed": Noting.seen[0].seed},
        {"seed": Noting.seen[1].seed},
    ]
    assert read_training_state(project.services.home.checkpoint("toy", "r2")).keys() == {"0.seed", "1.seed"}


def test_progress_is_shared(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[float] = []
    original = JobReport.__call__

    def noted(self: Any, progress: float, metrics: Any) -> None:
        shares.append(progress)
        original(self, progress, metrics)

    monkeypatch.setattr(JobReport, "__call__", noted)
    make({**BLOBS, "learner": TWO}).import_dataset().train()
    assert shares[:4] == pytest.approx([0.85 * share for share in (0.25, 0.5, 0.75, 1.0)])


def test_a_committee_of_regressions(make: Make) -> None:
    members = [{"plugin": "tiny-process", "length": length} for length in (0.5, 1.5)]
    project = make(with_committee(WAVE, members)).import_dataset().train()
    outputs = project.project.models.predict_vectors([[4.0]]).predictions[0]
    items = VectorItems(np.array([[4.0]], np.float32))
    means = [member.predict(items, frozenset(), np.random.default_rng(0)) for member in model_of(project).members]
    assert outputs.mean == pytest.approx(np.mean([mean.mean for mean in means]))
    assert outputs.std is not None
    assert outputs.std >= min(float(mean.std[0]) for mean in means if mean.std is not None)


def test_members_see_the_hold_out_only_if_their_record_allows_it(make: Make) -> None:
    members = [{"plugin": "toy-whole"}, {"plugin": "toy-ridge"}]
    project = make(with_committee(SQUARES, members)).import_dataset().train()
    committee = model_of(project)
    assert not committee.inductive
    (memorized, learnt) = committee.members
    assert len(memorized.tensors()["rows"]) == 30
    alone = make(SQUARES).import_dataset().train()
    single = read_model(alone.services.home.checkpoint("toy", "r1"), alone.services.registry)[0]
    np.testing.assert_array_equal(learnt.tensors()["weights"], single.tensors()["weights"])
    with pytest.raises(NextlabelError, match="only predicts the items of its pool"):
        project.project.models.predict_images([b""])
    assert project.project.models.predict_ids(["s0"]).predictions[0].probability is not None


def test_members_of_different_inputs_fail_the_training(make: Make) -> None:
    members = [{"plugin": "toy-ridge"}, {"plugin": "cnn", "epochs": 1, "min_steps": 1, "filters": 2, "image_size": 8}]
    project = make(with_committee(SQUARES, members)).import_dataset()
    with pytest.raises(NextlabelError, match="the members of a committee must take the same input; the first takes"):
        project.train()


@dataclass(frozen=True)
class Renamed(RidgeParameters):
    former_names: ClassVar[dict[str, str]] = {"edge": "sharpness"}


def test_a_checkpoint_with_former_parameter_names_of_members_loads(make: Make) -> None:
    registry = load(candidates(*MODULES))
    offer = registry.learners["toy-ridge"]
    registry.learners["toy-ridge"] = Offer(replace(offer.record, parameters=Renamed), offer.source)
    project = make({**BLOBS, "learner": TWO}, plugins=registry).import_dataset().train()
    folder = project.services.home.checkpoint("toy", "r1")
    card = read_card(folder)
    card["learner"]["members"][1]["parameters"] = {"edge": 1.0}
    write_card(folder, card)
    assert len(model_of(project).members) == 2


def test_a_project_may_change_to_a_committee_and_back(make: Make, another: Callable[..., ToyProject]) -> None:
    """The learner gets the live model as a start, of whatever kind that is."""
    project = make({**BLOBS, "learner": TWO}).import_dataset().train()
    single = make().project.config
    services = replace(project.services, projects=replace(project.services.projects, configs={"toy": single}))
    changed = another(ToyProject(services, project.project)).train()
    assert read_card(services.home.checkpoint("toy", "r2"))["learner"]["plugin"] == "toy-ridge"
    assert changed.project.status().live == "r2"
    assert project.train().project.status().live == "r3"


def test_a_committee_can_be_bundled(make: Make, tmp_path: Path) -> None:
    project = make({**SQUARES, "learner": TWO}).import_dataset().train()
    folder = bundle(project, tmp_path / "trained")
    model, card = read_model(folder, project.services.registry)
    assert isinstance(model, Committee)
    assert (card["onnx"], card["precision"]) == (True, "float16")
    items = project.services.items(project.services.state(project.services.row("toy")))
    before, after = (m.predict(items, frozenset(), np.random.default_rng(0)) for m in (model_of(project), model))
    np.testing.assert_allclose(after.probabilities, before.probabilities, atol=1e-2)


def test_info_and_status_name_the_members(make: Make) -> None:
    project = make({**BLOBS, "learner": TWO})
    (info,) = project.engine.info()["projects"]
    assert (info["learner"], info["members"]) == ("committee", ["toy-ridge", "toy-ridge"])
    assert project.project.status().learner == "committee of toy-ridge, toy-ridge"
    (info,) = make().engine.info()["projects"]
    assert (info["learner"], info["members"]) == ("toy-ridge", [])
    assert make().project.status().learner == "toy-ridge"


def test_a_committee_asks_and_learns_like_any_learner(make: Make) -> None:
    project = make({**BLOBS, "learner": TWO}).import_dataset().train()
    query = project.project.queries.create(5, None, "ann")
    project.project.labels.submit("ann", [full(item.id, project.truth(item.id)) for item in query.items])
    project.train()
    assert project.project.models.checkpoints()[-1].metrics["labels"] == 11
