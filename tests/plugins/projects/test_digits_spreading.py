"""The project `digits-spreading` gives what scikit-learn gives, after each round, on the same items and labels."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.semi_supervised import LabelSpreading

from nextlabel.app import build_services, prepare
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import ProjectConfig, Projects, load_projects, read_project
from nextlabel.engine.services import Services
from nextlabel.engine.settings import Settings
from nextlabel.engine.simulation.simulate import Plan, Point, simulate

ROUNDS = 4


def test_the_settings_of_digits_spreading(registry: Registry) -> None:
    project = load_projects(registry, None).get("digits-spreading")
    assert project.dataset.parameters == {"limit": 330, "shuffle_seed": 0, "labelled": 10}
    assert project.learner.plugin == "label-spreading"
    assert project.learner.parameters == {"kernel": "rbf", "gamma": 0.25, "max_iter": 5, "pixel_max": 16}
    assert (project.strategy.plugin, project.strategy.size, project.labels.holdout) == ("entropy", 5, 0)
    assert (project.simulate.size, project.simulate.rounds, project.stop.labels) == (5, ROUNDS, 30)


@pytest.fixture
def rounds(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Point, np.ndarray, np.ndarray]]:
    """Each round's point, with the ids of all items and which of them were labelled."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # a job sets it
    config = load_projects(registry, None).get("digits-spreading")
    opened: list[Services] = []

    def make(home: Path, variant: ProjectConfig) -> Services:
        settings = Settings(home=home, default_project=variant.name, train_threads=1)
        prepare(settings, bundled=False)
        opened.append(build_services(settings, registry, Projects({variant.name: variant}, {})))
        return opened[-1]

    def play() -> Iterator[tuple[Point, np.ndarray, np.ndarray]]:
        plan = Plan(config, ["entropy"], None, 5, config.simulate.rounds, 1)
        for point in simulate(plan, make):
            services = opened[-1]
            state = services.state(services.row(config.name))
            numbers = np.arange(1797)
            np.random.RandomState(0).shuffle(numbers)
            yield point, numbers[: len(state)], state.labelled

    return play()


def test_each_round_has_the_accuracy_of_scikit_learn_to_the_item(
    rounds: Iterator[tuple[Point, np.ndarray, np.ndarray]],
) -> None:
    ink, truth = load_digits(return_X_y=True)
    counts = []
    for point, numbers, labelled in rounds:
        labels = np.where(labelled, truth[numbers], -1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # five iterations do not converge
            reference = LabelSpreading(gamma=0.25, max_iter=5).fit(ink[numbers], labels)
        correct = int((reference.transduction_ == truth[numbers])[~labelled].sum())
        assert point.metrics["unlabelled_accuracy"] * (~labelled).sum() == pytest.approx(correct, abs=1e-9)
        counts.append((int(labelled.sum()), correct))
    assert [labels for labels, _ in counts] == [10, 15, 20, 25, 30]
    assert counts[0] == (10, 200)  # of 320: the original's first round


def test_the_example_on_mnist_is_a_valid_project(registry: Registry) -> None:
    file = Path(__file__).parents[3] / "docs" / "examples" / "mnist-spreading.toml"
    project = read_project("mnist-spreading", file, registry)
    assert (project.dataset.plugin, project.learner.plugin) == ("mnist", "label-spreading")
    assert project.learner.parameters == {"kernel": "knn"}
