"""The five plugin hooks. Plugins are found through the entry-point group `nextlabel`.

Write a module with one or more of these functions, mark each with `@hookimpl`, and declare the
module in your package's `pyproject.toml`:

    [project.entry-points.nextlabel]
    my-plugin = "my_package.my_module"

Hooks are called once, when a nextlabel process starts. They must be fast and must not import
slow libraries such as torch. `nextlabel new-plugin NAME` creates a working package.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from nextlabel.contracts.plugin_records import (
    BackbonePlugin,
    DatasetPlugin,
    LearnerPlugin,
    ProjectPlugin,
    StrategyPlugin,
)

GROUP = "nextlabel"

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec
def nextlabel_strategies() -> Iterable[StrategyPlugin]:
    """Offer query strategies.

    Example:

        from nextlabel.contracts import Pool, Strategy, StrategyPlugin, hookimpl

        class Ratio(Strategy):
            "Prefers items whose second best class is closest to the best."

            def score(self, pool: Pool, rng):
                ordered = pool.probabilities.copy()
                ordered.sort(axis=1)
                return ordered[:, -2] / ordered[:, -1]

        @hookimpl
        def nextlabel_strategies():
            yield StrategyPlugin("example-ratio", "second best over best", Ratio, needs=["probabilities"])
    """
    return ()


@hookspec
def nextlabel_learners() -> Iterable[LearnerPlugin]:
    """Offer learners.

    Example of a learner that always predicts how frequent each class is:

        import numpy as np
        from nextlabel.contracts import (
            Learner, LearnerPlugin, Model, Outputs, VectorInput, hookimpl)

        class Prior(Model):
            def __init__(self, shares, dimensions):
                self.shares, self.input = shares, VectorInput(dimensions)

            def predict(self, items, needs, rng):
                rows = np.tile(self.shares, (len(items), 1))
                return Outputs(probabilities=rows, embeddings=rows)

            def tensors(self):
                return {"shares": self.shares}

            def description(self):
                return {"dimensions": self.input.dimensions}

        class PriorLearner(Learner):
            def fit(self, items, targets, training):
                weights = targets.candidates / targets.candidates.sum(axis=1, keepdims=True)
                training.progress(1.0, {"loss": 0.0})
                return Prior(weights.mean(axis=0), items.vectors.shape[1])

            def rebuild(self, description, tensors):
                return Prior(tensors["shares"], description["dimensions"])

        @hookimpl
        def nextlabel_learners():
            yield LearnerPlugin("prior", "frequency of each class", PriorLearner)
    """
    return ()


@hookspec
def nextlabel_backbones() -> Iterable[BackbonePlugin]:
    """Offer backbones: frozen networks whose embeddings learners and strategies use.

    Example of a backbone that embeds an image as the mean of each colour:

        import onnx
        from onnx import TensorProto, helper
        from nextlabel.contracts import Backbone, BackbonePlugin, Preprocessing, hookimpl

        class MeanColour(Backbone):
            preprocessing = Preprocessing(size=32, mean=(127.5,) * 3, std=(127.5,) * 3)

            def write_onnx(self, path):
                nodes = [helper.make_node("GlobalAveragePool", ["input"], ["means"]),
                         helper.make_node("Flatten", ["means"], ["embeddings"])]
                images = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, 32, 32])
                embeddings = helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", 3])
                graph = helper.make_graph(nodes, "mean-colour", [images], [embeddings])
                onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path)

        @hookimpl
        def nextlabel_backbones():
            yield BackbonePlugin("mean-colour", "the mean of each colour", MeanColour)
    """
    return ()


@hookspec
def nextlabel_datasets() -> Iterable[DatasetPlugin]:
    """Offer data sets.

    Example with a parameter:

        from dataclasses import dataclass
        from typing import Annotated
        import numpy as np
        from nextlabel.contracts import (
            Bounds, Contents, Dataset, DatasetPlugin, VectorItems, hookimpl)

        @dataclass(frozen=True)
        class TwoMoonsParameters:
            size: Annotated[int, Bounds(ge=2), "number of points"] = 200

        class TwoMoons(Dataset):
            def read(self, root, seed):
                n = self.parameters.size
                rng = np.random.default_rng(seed)
                truth = np.arange(n) % 2
                angle = rng.uniform(0, np.pi, n) + np.pi * truth
                points = np.stack([np.cos(angle) + truth, np.sin(angle) + truth / 2], axis=1)
                return Contents(ids=[str(i) for i in range(n)], classes=("upper", "lower"),
                                content=VectorItems(points.astype(np.float32)), truth=truth)

        @hookimpl
        def nextlabel_datasets():
            yield DatasetPlugin("two-moons", "two half circles", TwoMoons, TwoMoonsParameters)
    """
    return ()


@hookspec
def nextlabel_projects() -> Iterable[ProjectPlugin]:
    """Offer ready-made projects, each as a TOML file.

    Example:

        from pathlib import Path
        from nextlabel.contracts import ProjectPlugin, hookimpl

        @hookimpl
        def nextlabel_projects():
            yield ProjectPlugin("moons", Path(__file__).with_name("moons.toml"))
    """
    return ()
