"""The project `mnist` has the settings of the program that it repeats."""

from __future__ import annotations

from nextlabel.engine.plugins.parameters import validate
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import Simulate, load_projects
from nextlabel.testing import check_project
from nextlabel_plugins.learners.cnn import CNNParameters


def test_the_settings_of_mnist(registry: Registry) -> None:
    check_project(registry.projects["mnist"].record, registry)
    mnist = load_projects(registry, None).get("mnist")
    assert mnist.dataset.plugin == "mnist"
    assert (mnist.strategy.plugin, mnist.strategy.size) == ("entropy", 1000)
    assert (mnist.labels.initial, mnist.labels.holdout) == (12_000, 0)
    assert mnist.simulate == Simulate(rounds=5)
    assert mnist.learner.plugin == "cnn"
    assert validate(CNNParameters, mnist.learner.parameters, "[learner]") == CNNParameters(
        network="mnist-net",
        epochs=2,
        min_steps=1,
        batch_size=64,
        learning_rate=1e-3,
        schedule="constant",
        weight_decay=0.0,
        weight_averaging=0.0,
        dropout=0.5,
        filters=32,
        input_scaling="minus-one-to-one",
        warm_start=True,
        shift=0.0,
        rotation=0.0,
        scale=0.0,
    )
