"""What many tests of the engine use."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
from tiny_plugins import TINY

from nextlabel.engine.engine import Engine
from nextlabel.engine.jobs.run_job import run_job
from nextlabel.engine.plugins.registry import Candidate
from nextlabel.engine.project import Project
from nextlabel.engine.records import Job, QueryAnswer
from nextlabel.engine.services import Services
from nextlabel.engine.simulation.simulate import train_here
from nextlabel.store import jobs
from nextlabel.store.labels import Label

MODULES = (
    *(f"nextlabel_plugins.{role}" for role in ("strategies", "learners", "backbones", "datasets", "projects")),
    *(f"tiny_plugins.{name}" for name in TINY),
    "support.toy_plugins",
    "support.toy_learners",
    "support.toy_backbones",
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
    "strategy": {"plugin": "largest-std"},
    "labels": {"initial": 3},
}
SQUARES: Mapping[str, Any] = {**BLOBS, "title": "Squares", "dataset": {"plugin": "toy-squares"}}


def candidates(*modules: str) -> list[Candidate]:
    """The entry points of modules, as if each was installed."""
    return [Candidate(EntryPoint(name, name, "nextlabel"), name.partition(".")[0], "1") for name in modules]


@dataclass
class ToyProject:
    """A project in its own home folder, with what an annotator and a worker do."""

    services: Services
    project: Project

    @property
    def name(self) -> str:
        return self.project.config.name

    @property
    def engine(self) -> Engine:
        return Engine(self.services)

    def work(self) -> list[Job]:
        """Run all queued jobs as the worker does, and return them in the order they ran."""
        done = []
        while True:
            with self.services.database.write() as connection:
                job = jobs.claim(connection, "worker", ("import", "train", "score"), time.time())
            if job is None:
                return done
            run_job(self.services, job)
            done.append(self.engine.job(job.id))

    def import_dataset(self) -> ToyProject:
        """Import the data set."""
        with self.services.database.write() as connection:
            jobs.queue(connection, self.name, "import", {}, time.time())
        assert {job.state for job in self.work()} == {"succeeded"}
        return self

    def add_images(self, blobs: Sequence[bytes]) -> list[str]:
        return [added.id for added in self.project.items.add(blobs)]

    def train(self) -> ToyProject:
        train_here(self.services, self.project)
        return self

    def truth(self, identity: str) -> str:
        """The data set's class of an item, whose id ends in its position."""
        truth = self.services.pool(self.name).truth
        assert truth is not None
        position = int("".join(filter(str.isdigit, identity)))
        return self.services.row(self.name).classes[int(truth[position])]

    def answer(self, query: QueryAnswer, annotator: str) -> None:
        """Label all items of a query correctly."""
        self.project.labels.submit(annotator, [full(item.id, self.truth(item.id)) for item in query.items])


def confident(classes: Sequence[int], count: int = 2) -> dict[str, np.ndarray]:
    """Predictions that give each item's class a probability of 0.9."""
    return {"probabilities": np.where(np.eye(count)[list(classes)] > 0, 0.9, 0.1 / (count - 1)).astype(np.float32)}


def full(identity: str, *classes: str) -> tuple[str, Label]:
    return (identity, Label(candidates=classes))


def ids(query: QueryAnswer) -> list[str]:
    return [item.id for item in query.items]


def folders(project: ToyProject) -> set[str]:
    """The folders of checkpoints and scores on disk."""
    home = project.services.home.root
    return {str(path.relative_to(home)) for area in ("checkpoints", "scores") for path in home.glob(f"{area}/*/*")}
