"""Sources of features: the key, the graph that is written once, and backbones that break the contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support.engine import MODULES, SQUARES, ToyProject, candidates
from support.toy_backbones import MeanColour
from support.toy_learners import Linear

from nextlabel.contracts import Items, Outputs, VectorInput
from nextlabel.contracts.errors import DatasetMissing, Gone, PluginError, ProjectError
from nextlabel.engine.features.embedder import ModelEmbedder
from nextlabel.engine.features.sources import Sources
from nextlabel.engine.onnx_graphs import compose
from nextlabel.engine.plugins.registry import Offer, Registry, load
from nextlabel.engine.project_files import FeaturesChoice


def choice(plugin: str, **parameters: Any) -> FeaturesChoice:
    return FeaturesChoice.model_validate({"plugin": plugin, **parameters})


def with_backbone(sources: Sources, target: type) -> Sources:
    registry = load(candidates(*MODULES))
    offer = registry.backbones["toy-colour"]
    registry.backbones["toy-colour"] = Offer(replace(offer.record, target=target), offer.source)
    return replace(sources, registry=registry)


def test_the_key_depends_on_the_parameters_and_the_version(sources: Sources) -> None:
    class Newer(MeanColour):
        version = "2"

    plain = sources.current(choice("toy-colour"))
    assert plain["key"].startswith("toy-colour-")
    # the default value written out is the same source
    assert sources.current(choice("toy-colour", probabilities=False)) == plain
    keys = {
        plain["key"],
        sources.current(choice("toy-colour", probabilities=True))["key"],
        with_backbone(sources, Newer).current(choice("toy-colour"))["key"],
    }
    assert len(keys) == 3


def test_any_name_of_a_backbone_gives_a_folder(sources: Sources) -> None:
    registry = load(candidates(*MODULES))
    offer = registry.backbones["toy-colour"]
    keys = set()
    for name in ("toy-colour", "toy:colour", "toy/colour", ".toy colour"):
        registry.backbones[name] = Offer(replace(offer.record, name=name), offer.source)
        card = replace(sources, registry=registry).current(choice(name))
        assert (sources.home.root / "features" / card["key"] / "model.onnx").exists()
        assert card["plugin"] == name
        keys.add(card["key"])
    assert len(keys) == 4
    assert {key.rpartition("-")[0] for key in keys} == {"toy-colour", "toy_colour", "_toy_colour"}


def test_the_graph_is_written_once(sources: Sources) -> None:
    written: list[Path] = []

    class Counted(MeanColour):
        def write_onnx(self, path: Path) -> None:
            written.append(path)
            super().write_onnx(path)

    counted = with_backbone(sources, Counted)
    card = counted.current(choice("toy-colour"))
    assert counted.current(choice("toy-colour")) == card
    assert len(written) == 1
    assert (card["dimensions"], card["classes"], card["version"]) == (3, 0, "1")
    assert card["input"] == {"kind": "image", "height": 8, "width": 8, "channels": 3}
    # it takes pixels as they are decoded
    graph = onnx.load(sources.home.features(card["key"]) / "model.onnx").graph
    assert graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    (sources.home.features(card["key"]) / "model.onnx").unlink()
    with pytest.raises(Gone, match="the next training or scoring of the project writes it"):
        sources.embedder(card).load()
    assert counted.restored(card) == card
    assert len(written) == 2
    sources.embedder(card).load()


def test_another_version_cannot_restore_a_missing_graph(sources: Sources) -> None:
    class Newer(MeanColour):
        version = "2"

    card = sources.current(choice("toy-colour"))
    (sources.home.features(card["key"]) / "model.onnx").unlink()
    with pytest.raises(ProjectError, match="has version 2, but the checkpoint was trained on version 1"):
        with_backbone(sources, Newer).restored(card)


class Missing(MeanColour):
    """Its weights are not on this machine."""

    def write_onnx(self, path: Path) -> None:
        raise DatasetMissing("weights.bin is missing; get it from nowhere")


class Unprepared(MeanColour):
    """Takes images, and names no preprocessing."""

    def write_onnx(self, path: Path) -> None:
        super().write_onnx(path)
        self.preprocessing = None


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        (Missing, DatasetMissing, "get it from nowhere"),
        (Unprepared, PluginError, r"must be \(n, d\) with a fixed d"),
    ],
)
def test_a_failed_backbone_leaves_nothing(sources: Sources, target: type, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        with_backbone(sources, target).current(choice("toy-colour"))
    assert list(sources.home.root.glob("features/*/*")) == []


def test_a_graph_with_other_names_is_refused(sources: Sources) -> None:
    with pytest.raises(PluginError, match="takes input and returns features; it must take input, and return emb"):
        sources.current(choice("toy-misnamed"))


def test_the_composed_graph_equals_both_in_turn(
    sources: Sources, make: Callable[..., ToyProject], tmp_path: Path
) -> None:
    """Also if their operator sets differ, and if the backbone has probabilities of its own."""
    import onnxruntime
    from support.toy_learners import Linear

    from nextlabel.contracts import VectorInput, VectorItems

    card = sources.current(choice("toy-colour", probabilities=True))
    head = Linear(np.random.default_rng(0).normal(size=(4, 5)), VectorInput(3))
    head.write_onnx(tmp_path / "head.onnx")
    joined = compose(sources.home.features(card["key"]) / "model.onnx", tmp_path / "head.onnx")
    onnx.checker.check_model(joined, full_check=True)
    onnx.save(joined, tmp_path / "joined.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "joined.onnx", providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_inputs()] == ["input"]
    assert [value.name for value in session.get_outputs()] == ["probabilities"]
    pixels = np.random.default_rng(1).integers(0, 256, (6, 8, 8, 3), np.uint8)
    embeddings = sources.embedder(card).embed(list(pixels)).embeddings
    assert embeddings is not None
    expected = head.predict(VectorItems(embeddings), frozenset(), np.random.default_rng(0)).probabilities
    np.testing.assert_allclose(session.run(None, {"input": pixels})[0], expected, atol=1e-5)


def test_a_checkpoint_is_a_source(make: Callable[..., ToyProject], registry: Registry) -> None:
    project = make(SQUARES).import_dataset()
    sources = Sources(project.services.database, project.services.home, registry)
    with pytest.raises(ProjectError, match="project 'toy' has no live checkpoint; train it first"):
        sources.current(choice("checkpoint:toy"))
    project.train()
    card = sources.current(choice("checkpoint:toy"))
    assert (card["plugin"], card["checkpoint"], card["dimensions"]) == ("checkpoint:toy", "r1", 2)
    assert card["key"].startswith("checkpoint-toy-r1-")
    assert sources.current(choice("checkpoint:toy")) == card
    project.train()
    assert sources.current(choice("checkpoint:toy"))["checkpoint"] == "r2"
    assert sources.restored(card) == card


def test_a_transductive_checkpoint_is_no_source(make: Callable[..., ToyProject], registry: Registry) -> None:
    project = make(learner={"plugin": "toy-whole"}).import_dataset().train()
    sources = Sources(project.services.database, project.services.home, registry)
    with pytest.raises(ProjectError, match="its model knows only the items of project 'toy'"):
        sources.current(choice("checkpoint:toy"))


def test_embeddings_of_a_model_are_served_in_single_precision() -> None:
    class Double(Linear):
        def predict(self, items: Items, needs: frozenset[str], rng: np.random.Generator) -> Outputs:
            return Outputs(embeddings=self._flat(items).astype(np.float64) @ self.weights[:-1])

    card = {"plugin": "checkpoint:other", "input": {"kind": "vector", "dimensions": 2}, "crop": True}
    model = Double(np.array([[1, 2], [3, 4], [0, 0]]), VectorInput(2))
    outputs = ModelEmbedder(card, lambda: model).embed([np.array([1, 1], np.float32)])
    assert outputs.embeddings is not None
    assert outputs.embeddings.dtype == np.float32
    assert outputs.embeddings.tolist() == [[4, 6]]
