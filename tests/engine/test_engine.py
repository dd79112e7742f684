"""What the web and the terminal talk to."""

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


def test_projects_and_loops(make: Make) -> None:
    engine = make().engine
    assert list(engine.projects()) == ["toy"]
    assert engine.project().config.name == engine.project("toy").config.name == "toy"
    with pytest.raises(NotFound, match="no project is called 'tyo'; did you mean 'toy'"):
        engine.project("tyo")
    assert engine.faults() == []


def test_jobs_newest_first(blobs: ToyProject) -> None:
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


def test_a_job_is_cancelled(blobs: ToyProject) -> None:
    number = blobs.project.training.start()
    assert blobs.engine.cancel(number).state == "cancelled"
    assert blobs.engine.cancel(number).state == "cancelled"
    assert blobs.work() == []
    with pytest.raises(NotFound, match="there is no job 99"):
        blobs.engine.cancel(99)


def test_the_last_lines_of_a_log(blobs: ToyProject) -> None:
    number = blobs.project.training.start()
    assert blobs.engine.job(number).log == ()
    path = blobs.services.home.job_log(number)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff\n" + b"".join(b"line %d\n" % line for line in range(5000)))
    log = blobs.engine.job(number).log
    assert len(log) == 40
    assert log[-1] == "line 4999"


def test_the_information(make: Make) -> None:
    project = make(settings={"max_query": 9})
    told = json.loads(json.dumps(project.engine.info()))
    assert (told["version"], told["default_project"], told["faults"]) == (version("nextlabel"), "toy", [])
    assert told["limits"]["max_query"] == 9
    (known,) = told["projects"]
    assert (known["name"], known["dataset"], known["classes"], known["checkpoint"]) == ("toy", "toy-blobs", [], None)
    strategies = {plugin["name"]: plugin for plugin in told["plugins"]["strategies"]}
    assert strategies["margin"]["needs"] == ["probabilities"]
    learners = {plugin["name"]: plugin for plugin in told["plugins"]["learners"]}
    assert learners["toy-whole"]["transductive"]
    assert learners["toy-ridge"]["parameters"]["properties"]["sharpness"]["description"] == "of the softmax"
    project.bring().train()
    (known,) = project.engine.info()["projects"]
    assert (known["classes"], known["checkpoint"], known["kind"]) == (["red", "green", "blue"], "r1", "vector")


def test_one_plugin_whose_parameters_cannot_be_read_hides_no_other(
    make: Make, plugged: Callable[..., Registry]
) -> None:
    @dataclass(frozen=True)
    class Strange:
        size: NoSuchName = 1  # type: ignore[name-defined]  # noqa: F821

    registry = plugged(Ridge, parameters=Strange)
    with pytest.raises(ProjectError, match=r"\[learner\]: the parameters Strange cannot be read"):
        make(plugins=registry)
    told = make(plugins=registry, learner={"plugin": "toy-whole"}).engine.info()["plugins"]["learners"]
    assert "NoSuchName" in next(one for one in told if one["name"] == "toy-ridge")["parameters"]["error"]
    assert "sharpness" not in str(told)
