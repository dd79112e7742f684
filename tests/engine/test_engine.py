"""The entry point of the engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

import pytest
from support.engine import ToyProject
from support.toy_learners import Ridge

from nextlabel.contracts.errors import NotFound, NotReady, ProjectError
from nextlabel.engine.plugins.registry import Registry

Make = Callable[..., ToyProject]


def test_projects_by_name(make: Make) -> None:
    engine = make().engine
    assert list(engine.projects()) == ["toy"]
    assert engine.project().config.name == engine.project("toy").config.name == "toy"
    with pytest.raises(NotFound, match="no project is called 'tyo'; did you mean 'toy'"):
        engine.project("tyo")
    assert engine.faults() == []


def test_jobs_are_listed_newest_first(blobs: ToyProject) -> None:
    blobs.train()
    with pytest.raises(NotReady):
        blobs.project.queries.create(1, "toy-sampled")
    engine = blobs.engine
    assert [job.kind for job in engine.jobs()] == ["score", "train", "import"]
    assert [job.kind for job in engine.jobs("toy", limit=1)] == ["score"]
    assert [job.kind for job in engine.jobs("toy", before=engine.jobs()[0].job)] == ["train", "import"]
    assert engine.jobs("another") == []
    with pytest.raises(NotFound, match="there is no job 99"):
        engine.job(99)


def test_a_queued_job_is_cancelled_at_once(blobs: ToyProject) -> None:
    number = blobs.project.start_training()
    assert blobs.engine.cancel(number).state == "cancelled"
    assert blobs.engine.cancel(number).state == "cancelled"
    assert blobs.work() == []
    with pytest.raises(NotFound, match="there is no job 99"):
        blobs.engine.cancel(99)


def test_a_job_has_the_last_lines_of_its_log(blobs: ToyProject) -> None:
    number = blobs.project.start_training()
    assert blobs.engine.job(number).log == ()
    path = blobs.services.home.job_log(number)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff\n" + b"".join(b"line %d\n" % line for line in range(5000)))
    log = blobs.engine.job(number).log
    assert len(log) == 40
    assert log[-1] == "line 4999"


def test_info_describes_projects_plugins_and_limits(make: Make) -> None:
    project = make(settings={"max_query": 9})
    info = json.loads(json.dumps(project.engine.info()))
    assert (info["version"], info["default_project"], info["faults"]) == (version("nextlabel"), "toy", [])
    assert info["limits"]["max_query"] == 9
    (entry,) = info["projects"]
    assert (entry["name"], entry["dataset"], entry["classes"], entry["checkpoint"]) == ("toy", "toy-blobs", [], None)
    strategies = {plugin["name"]: plugin for plugin in info["plugins"]["strategies"]}
    assert strategies["margin"]["needs"] == ["probabilities"]
    learners = {plugin["name"]: plugin for plugin in info["plugins"]["learners"]}
    assert learners["toy-whole"]["transductive"]
    assert learners["toy-ridge"]["parameters"]["properties"]["sharpness"]["description"] == "of the softmax"
    project.import_dataset().train()
    (entry,) = project.engine.info()["projects"]
    assert (entry["classes"], entry["checkpoint"], entry["kind"]) == (["red", "green", "blue"], "r1", "vector")


def test_unreadable_parameters_of_a_plugin_hide_no_other_plugin(make: Make, plugged: Callable[..., Registry]) -> None:
    @dataclass(frozen=True)
    class Strange:
        size: NoSuchName = 1  # type: ignore[name-defined]  # noqa: F821

    registry = plugged(Ridge, parameters=Strange)
    with pytest.raises(ProjectError, match=r"\[learner\]: the parameters Strange cannot be read"):
        make(plugins=registry)
    learners = make(plugins=registry, learner={"plugin": "toy-whole"}).engine.info()["plugins"]["learners"]
    (ridge,) = (plugin for plugin in learners if plugin["name"] == "toy-ridge")
    assert "NoSuchName" in ridge["parameters"]["error"]
    assert "sharpness" not in str(ridge)
