"""What the engine's tests do again and again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

from nextlabel.engine.answers import Job, LabelInput, QueryAnswer
from nextlabel.engine.context import Context
from nextlabel.engine.engine import Engine
from nextlabel.engine.jobs.running import run_job
from nextlabel.engine.loop import Loop
from nextlabel.engine.plugins.registry import Candidate
from nextlabel.engine.simulation.simulating import train_here
from nextlabel.store import jobs

MODULES = (
    *(f"nextlabel_plugins.{role}" for role in ("strategies", "learners", "datasets", "projects")),
    *(f"tiny_plugins.{name}" for name in ("regression", "graph", "spreading")),
    "engine_toys",
    "engine_learners",
)
BLOBS: Mapping[str, Any] = {
    "title": "Blobs",
    "dataset": {"plugin": "toy-blobs"},
    "learner": {"plugin": "toy-ridge"},
    "strategy": {"plugin": "margin"},
    "labels": {"initial": 6},
}
WAVE: Mapping[str, Any] = {
    "title": "Wave",
    "dataset": {"plugin": "tiny-wave"},
    "learner": {"plugin": "tiny-process"},
    "strategy": {"plugin": "tiny-largest-std"},
    "labels": {"initial": 3},
}
SQUARES: Mapping[str, Any] = {**BLOBS, "title": "Squares", "dataset": {"plugin": "toy-squares"}}


def candidates(*modules: str) -> list[Candidate]:
    """The entry points of modules, as if each were installed."""
    return [Candidate(EntryPoint(name, name, "nextlabel"), name.partition(".")[0], "1") for name in modules]


@dataclass
class Project:
    """A project in a home folder of its own, and what a person and a worker do with it."""

    context: Context
    loop: Loop

    @property
    def name(self) -> str:
        return self.loop.config.name

    @property
    def engine(self) -> Engine:
        return Engine(self.context)

    def work(self) -> list[Job]:
        """Run everything queued, as the worker would; returns the jobs, in the order they ran."""
        done = []
        while True:
            with self.context.database.write() as connection:
                job = jobs.claim(connection, "worker", ("import", "train", "score"), time.time())
            if job is None:
                return done
            run_job(self.context, job)
            done.append(self.engine.job(job.id))

    def bring(self) -> Project:
        """Read the data set."""
        with self.context.database.write() as connection:
            jobs.queue(connection, self.name, "import", {}, time.time())
        assert [job.state for job in self.work()] == ["succeeded"]
        return self

    def train(self) -> Project:
        train_here(self.context, self.loop)
        return self

    def truth(self, identity: str) -> str:
        """What the data set knows of an item (its id ends in its position)."""
        truth = self.context.pool(self.name).truth
        assert truth is not None
        place = int("".join(filter(str.isdigit, identity)))
        return self.context.row(self.name).classes[int(truth[place])]

    def answer(self, query: QueryAnswer, annotator: str) -> None:
        """Label all of a query right."""
        self.loop.submit(annotator, [full(item.id, self.truth(item.id)) for item in query.items])


def full(identity: str, *classes: str) -> LabelInput:
    return LabelInput(identity, candidates=classes)


def ids(query: QueryAnswer) -> list[str]:
    return [item.id for item in query.items]


def folders(project: Project) -> set[str]:
    """What lies on disk of checkpoints and scores."""
    home = project.context.home.root
    return {str(path.relative_to(home)) for area in ("checkpoints", "scores") for path in home.glob(f"{area}/*/*")}
