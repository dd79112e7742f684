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

    Example of a strategy that only scores, one that spreads its choice, one whose distances the worker
    prepares, and one that needs posterior samples, which are summarized and not stored:

        import numpy as np
        from nextlabel.contracts import Pool, Selection, Strategy, StrategyPlugin, hookimpl

        class Ratio(Strategy):
            "Prefers items whose second best class is closest to the best."

            def score(self, pool: Pool, rng):
                ordered = pool.probabilities.copy()
                ordered.sort(axis=1)
                return ordered[:, -2] / ordered[:, -1]

        class Spread(Ratio):
            "Of ten times as many such items, chooses those that are far from each other."

            def choose(self, pool, scores, size, rng):
                best = super().choose(pool, scores, min(10 * size, pool.size), rng)
                points = pool.rows("embeddings", best)
                distances, chosen = np.full(len(best), 1e9), []
                for _ in range(size):
                    chosen.append(int(np.argmax(distances)))
                    distances = np.minimum(distances, nearest(points, points[chosen[-1:]]))
                    distances[chosen] = -1
                return Selection(best[chosen], scores[best[chosen]])

        class Farthest(Strategy):
            "Prefers items that are far from all covered ones."

            def prepare(self, pool, rng):
                return {"distance": nearest(pool.embeddings, pool.covered_embeddings)}

            def score(self, pool, rng):
                before = pool.prepared.get("distance", np.full(pool.size, 1e9))
                return np.minimum(before, nearest(pool.embeddings, pool.new_embeddings))

        class Disagreement(Strategy):
            "Prefers items whose probability varies most among the posterior samples."

            def summarize(self, pool):
                return {"spread": pool.samples.std(axis=0).max(axis=1)}

            def score(self, pool, rng):
                return pool.prepared.get("spread", np.zeros(pool.size))

        def nearest(points, others):
            apart = np.linalg.norm(points[:, None] - others, axis=2)
            return apart.min(axis=1, initial=1e9)

        @hookimpl
        def nextlabel_strategies():
            both = ["probabilities", "embeddings"]
            covered = ["embeddings", "covered_embeddings"]
            yield StrategyPlugin("example-ratio", "second best over best", Ratio, needs=["probabilities"])
            yield StrategyPlugin("example-spread", "the same, far apart", Spread, needs=both)
            yield StrategyPlugin("example-farthest", "far from covered items", Farthest, needs=covered)
            yield StrategyPlugin("example-disagreement", "samples vary", Disagreement, summary_needs=["samples"])
    """
    return ()


@hookspec
def nextlabel_learners() -> Iterable[LearnerPlugin]:
    """Offer learners.

    Example of a learner that always predicts how frequent each class is, and one that also knows the
    candidates of the items in its pool:

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
                return self.model(weights, items.dimensions)

            def model(self, weights, dimensions):
                return Prior(weights.mean(axis=0), dimensions)

            def rebuild(self, description, tensors):
                return Prior(tensors["shares"], description["dimensions"])

        class PoolPrior(Prior):
            def __init__(self, rows, dimensions):
                super().__init__(rows.mean(axis=0), dimensions)
                self.rows, self.fitted = rows, len(rows)

            def predict_fitted(self, needs, rng):
                return Outputs(probabilities=self.rows, embeddings=self.rows)

            def tensors(self):
                return {"rows": self.rows}

        class PoolPriorLearner(PriorLearner):
            def model(self, weights, dimensions):
                return PoolPrior(weights, dimensions)

            def rebuild(self, description, tensors):
                return PoolPrior(tensors["rows"], description["dimensions"])

        @hookimpl
        def nextlabel_learners():
            yield LearnerPlugin("prior", "frequency of each class", PriorLearner)
            yield LearnerPlugin("pool-prior", "candidates of the pool", PoolPriorLearner, transductive=True)
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
