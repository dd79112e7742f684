"""Strategies that run in the worker: a query waits for their choice, and this process never imports them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from support.engine import MODULES, SQUARES, ToyProject, candidates, full, ids
from support.toy_plugins import First

from nextlabel.app import build_services
from nextlabel.contracts import Pool
from nextlabel.contracts.errors import Gone, NotReady, PluginError, Unprocessable
from nextlabel.engine import scheduling
from nextlabel.engine.plugins.registry import Offer, Registry, load
from nextlabel.engine.project import Project
from nextlabel.engine.scheduling import queue_once, queue_scoring, queue_scoring_again, queue_training_when_due
from nextlabel.store import jobs, labels
from nextlabel.store.labels import Label, LabelEvent

Make = Callable[..., ToyProject]


@dataclass(frozen=True)
class Named:
    names: tuple[str, ...] = ("a", "b")


class Failing(First):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray[Any, Any]:
        raise ZeroDivisionError("the toy broke")


class Different(First):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray[Any, Any]:
        return -super().score(pool, rng)


def plugins(target: Any) -> Registry:
    """The plugins; `toy-first` runs in the worker."""
    registry = load(candidates(*MODULES))
    offer = registry.strategies["toy-first"]
    registry.strategies["toy-first"] = Offer(
        replace(offer.record, target=target, parameters=Named, in_worker=True), offer.source
    )
    return registry


@dataclass
class TwoProcesses:
    """A project as a web process and a worker see it; the former cannot import `toy-first`."""

    web: ToyProject
    opened: list[ToyProject]
    first: list[str]
    """The items in the order in which `toy-first` chooses them."""

    def worker(self, target: Any = First) -> ToyProject:
        services = build_services(self.web.services.settings, plugins(target), self.web.services.projects)
        self.opened.append(ToyProject(services, Project(services, self.web.project.config)))
        return self.opened[-1]

    def query(self, *arguments: Any) -> Any:
        return self.web.project.queries.create(*arguments)

    def wait(self, *arguments: Any) -> None:
        """Send a query that must wait, and let the worker choose."""
        with pytest.raises(NotReady, match="runs in the worker"):
            self.query(*arguments)
        (job,) = self.worker().work()
        assert (job.kind, job.state) == ("score", "succeeded")


@pytest.fixture
def two(make: Make) -> Iterator[TwoProcesses]:
    project = make(plugins=plugins("nowhere:Nothing"), strategy={"plugin": "toy-first"})
    two = TwoProcesses(project.import_dataset(), [], [])
    everything = two.query(100, "random")
    two.first = sorted(ids(everything), key=lambda name: int(name[1:]))
    yield two
    for opened in two.opened:
        opened.services.database.dispose()


def test_an_annotator_gets_the_choice_as_leases(two: TwoProcesses) -> None:
    for _ in range(2):  # queued once
        with pytest.raises(NotReady, match=r"its choice is not there yet \(job 2\)") as caught:
            two.query(3, None, "ann")
    assert caught.value.retry_after == 2
    (job,) = two.worker().work()
    assert (job.state, job.metrics) == ("succeeded", {"query": 2.0})
    answer = two.query(3, None, "ann")
    assert (ids(answer), answer.strategy, answer.query) == (two.first[:3], "toy-first", "toy-3")
    assert [item.score for item in answer.items] == [0.0, -1.0, -2.0]
    assert answer.remaining == 42
    assert two.web.project.queries.replay(answer.query).items == ()  # it chose nothing, so it needs no strategy
    two.web.answer(answer, "ann")
    two.wait(3, None, "ann")
    assert not set(ids(two.query(3, None, "ann"))) & set(two.first[:3])


def test_an_annotator_with_items_to_label_does_not_wait_for_more(two: TwoProcesses) -> None:
    two.wait(2, None, "ann")
    assert ids(two.query(4, None, "ann")) == two.first[:2]
    (job,) = two.worker().work()  # the others are chosen meanwhile
    assert job.state == "succeeded"
    assert ids(two.query(4, None, "ann")) == two.first[:4]
    assert two.worker().work() == []


def test_two_annotators_get_different_items(two: TwoProcesses) -> None:
    two.wait(2, None, "ann")
    two.wait(2, None, "bob")
    assert ids(two.query(2, None, "ann")) == two.first[:2]
    assert ids(two.query(2, None, "bob")) == two.first[2:4]


def test_without_an_annotator_the_stored_query_is_returned(two: TwoProcesses) -> None:
    two.wait(3)
    answer = two.query(3)
    assert (answer.query, ids(answer)) == ("toy-2", two.first[:3])
    assert two.query(3) == answer
    assert two.web.project.queries.get("toy-2") == answer
    two.wait(2)
    assert ids(two.query(2)) == two.first[:2]


def test_a_stored_query_is_not_returned_once_an_item_is_labelled_or_leased(two: TwoProcesses) -> None:
    two.wait(3)
    two.web.project.labels.submit("ann", [full(two.first[0], "red")])
    two.wait(3)
    assert ids(two.query(3)) == two.first[1:4]
    two.wait(1, None, "ann")
    two.wait(3)
    assert ids(two.query(3)) == two.first[2:5]


def test_a_stored_query_is_returned_for_a_while_as_others_label(
    two: TwoProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.wait(1)
    two.web.project.labels.submit("ann", [full(two.first[4], "red")])
    assert ids(two.query(1)) == two.first[:1]
    monkeypatch.setattr(scheduling, "RECENT", -1.0)
    with pytest.raises(NotReady):
        two.query(1)


def test_other_scores_need_another_choice(two: TwoProcesses) -> None:
    two.wait(1)
    two.worker().train()
    two.wait(1)
    assert two.query(1).checkpoint == "r1"


def test_a_choice_that_failed_gives_its_error_for_a_minute(
    two: TwoProcesses, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NotReady):
        two.query(3, None, "ann")
    (job,) = two.worker(Failing).work()
    assert job.state == "failed"
    assert 'raise ZeroDivisionError("the toy broke")' in capfd.readouterr().err  # the traceback is in the job's log
    for _ in range(2):
        with pytest.raises(
            Unprocessable, match=r"could not choose: strategy 'toy-first' failed: ZeroDiv.*: the toy broke"
        ):
            two.query(3, None, "ann")
    with pytest.raises(NotReady):
        two.query(3, None, "bob")  # another request
    monkeypatch.setattr(scheduling, "RECENT", -1.0)
    with pytest.raises(NotReady):
        two.query(3, None, "ann")


def test_a_choice_that_must_wait_is_made_later(make: Make) -> None:
    """A checkpoint goes live between the request and the choice, and the strategy is not prepared for it."""
    project = make(plugins=plugins(First)).import_dataset()

    def query() -> Any:
        return project.project.queries.create(2, "toy-first", "ann")

    with pytest.raises(NotReady, match="runs in the worker"):
        query()
    project.train()
    assert [job.state for job in project.work()] == ["cancelled", "succeeded"]
    with pytest.raises(NotReady, match="runs in the worker"):
        query()
    assert [job.state for job in project.work()] == ["succeeded"]
    assert (len(query().items), query().checkpoint) == (2, "r1")


def test_a_choice_that_needs_a_model_is_not_queued_before(make: Make) -> None:
    registry = plugins(First)
    offer = registry.strategies["toy-sampled"]
    registry.strategies["toy-sampled"] = Offer(replace(offer.record, in_worker=True), offer.source)
    project = make(plugins=registry).import_dataset()
    with pytest.raises(NotReady, match="needs samples, and no model has been trained yet"):
        project.project.queries.create(2, "toy-sampled")
    assert project.work() == []


def test_old_choices_are_deleted_with_their_logs(two: TwoProcesses, monkeypatch: pytest.MonkeyPatch) -> None:
    home = two.web.services.home

    def choose(annotator: str | None, target: Any = First) -> list[int]:
        """Let the worker choose, and return the choices that there are then."""
        with pytest.raises(NotReady):
            two.query(1, None, annotator)
        log = home.job_log(two.web.engine.jobs(limit=1)[0].job)
        log.parent.mkdir(exist_ok=True)
        log.touch()
        two.worker(target).work()
        numbers = [job.job for job in two.web.engine.jobs() if job.kind == "score"]
        assert sorted(int(path.stem) for path in home.root.glob("jobs/*.log")) == sorted(numbers)
        return numbers

    assert [choose(annotator) for annotator in ("ann", "bob", None)] == [[2], [3, 2], [4, 3, 2]]
    monkeypatch.setattr(scheduling, "RECENT", -1.0)
    assert choose("eve", Failing) == [5, 4]
    assert two.query(1).query == "toy-4"  # nobody has labelled, so the one for nobody still counts
    two.web.project.labels.submit("ann", [full(two.first[9], "red")])
    assert choose(None) == [6]
    assert choose("sue") == [7, 6]


def test_choices_do_not_hide_other_jobs(two: TwoProcesses) -> None:
    """A training that has just failed is not queued again, however many choices there were since."""
    config = two.web.project.config
    with two.web.services.database.write() as connection:
        failed = jobs.queue(connection, "toy", "train", {}, time.time())
        jobs.claim(connection, "worker", ["train"], time.time())
        jobs.finish(connection, failed, "worker", "failed", time.time())
        for _ in range(101):
            jobs.queue(connection, "toy", "score", {"choose": {"size": 1}}, time.time())
        labels.append(connection, "toy", [LabelEvent(two.first[0], "ann", Label(candidates=("red",)), 1.0)])
        queue_training_when_due(connection, config.name, 1)
        assert jobs.active(connection, "toy", "train") is None


def test_an_empty_pool_needs_no_choice(two: TwoProcesses) -> None:
    everything = two.query(100, "random", "ann")
    two.web.answer(everything, "ann")
    assert (two.query(3, None, "bob").items, two.query(3).items) == ((), ())
    assert two.worker().work() == []


def test_a_query_is_replayed_in_the_worker(two: TwoProcesses) -> None:
    two.wait(3)
    for _ in range(2):
        with pytest.raises(NotReady):
            two.web.project.queries.replay("toy-2")
    two.worker().work()
    assert two.web.project.queries.replay("toy-2") == two.query(3)


def test_a_query_that_the_worker_cannot_repeat_is_gone(two: TwoProcesses) -> None:
    two.wait(3)
    with pytest.raises(NotReady):
        two.web.project.queries.replay("toy-2")
    two.worker(Different).work()
    with pytest.raises(Gone, match="would choose other items now"):
        two.web.project.queries.replay("toy-2")


def test_a_process_may_run_the_strategy_itself(two: TwoProcesses) -> None:
    worker = two.worker()
    answer = worker.project.queries.create(3, None, "ann", here=True)
    assert ids(answer) == two.first[:3]
    assert worker.project.queries.replay(answer.query, here=True) == answer
    with pytest.raises(PluginError, match="cannot be loaded"):
        two.web.project.queries.create(3, None, "bob", here=True)


def test_either_strategy_of_a_composition_may_run_in_the_worker(make: Make) -> None:
    for table in (
        {"plugin": "toy-first", "then": {"plugin": "random"}},
        {"plugin": "random", "then": {"plugin": "toy-first"}},
    ):
        project = make(plugins=plugins(First), strategy=table).import_dataset()
        with pytest.raises(NotReady, match="runs in the worker"):
            project.project.queries.create(2, None, "ann")
        project.work()
        assert len(ids(project.project.queries.create(2, None, "ann"))) == 2


def test_a_queued_choice_does_not_count_as_a_scoring(make: Make, image: Callable[[int], bytes]) -> None:
    project = make(SQUARES, plugins=plugins(First), strategy={"plugin": "toy-first"}).import_dataset().train()
    services = project.services

    def states() -> list[str]:
        return [job.state for job in project.engine.jobs() if job.kind == "score"]

    with pytest.raises(NotReady):
        project.project.queries.create(1, None, "ann")
    assert states() == ["queued"]
    with services.database.read() as connection:
        (choice, *_) = jobs.page(connection, "toy", 1)
    assert queue_once(services.database, "toy", "score") != choice.id
    project.work()
    with pytest.raises(NotReady):
        project.project.queries.create(1, None, "bob")
    project.add_images([image(1)])  # queues a scoring
    assert states()[:2] == ["queued", "queued"]
    with services.database.write() as connection:
        queue_scoring(connection, "toy")
    assert states()[:3] == ["queued", "queued", "succeeded"]
    project.work()
    assert states()[:2] == ["succeeded", "succeeded"]
    # the last scoring failed a while ago; a choice after it does not hide that
    with services.database.write() as connection:
        number = jobs.queue(connection, "toy", "score", {"choose": {"size": 1}}, time.time())
        jobs.request_cancel(connection, number, time.time())
    with services.database.write() as connection:
        connection.exec_driver_sql("UPDATE scorings SET rows = 1")
        queue_scoring_again(connection, "toy")
    assert states()[0] == "queued"
