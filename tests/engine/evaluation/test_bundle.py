"""A bundled checkpoint: half precision, the same predictions, and a card that records how it was made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from safetensors.numpy import load_file
from support.bundled import BUILD
from support.bundled import bundle as write
from support.engine import BLOBS, SQUARES, ToyProject

from nextlabel.contracts.errors import Conflict, PluginError, Unprocessable
from nextlabel.engine.checkpoints.serialization import read_model
from nextlabel.engine.evaluation import bundle
from nextlabel.engine.evaluation.evaluate import evaluate
from nextlabel.engine.live_models import Served
from nextlabel.store.checkpoint_files import read_card

Make = Callable[..., ToyProject]


@pytest.fixture
def squares(make: Make) -> ToyProject:
    return make(SQUARES).import_dataset().train()


def test_the_card_records_how_it_was_made(squares: ToyProject, tmp_path: Path) -> None:
    card = read_card(write(squares, tmp_path))
    before = read_card(squares.services.home.checkpoint("toy", "r1"))
    assert {name: card[name] for name in ("command", "seconds", "processor_threads", "licence")} == {
        "command": BUILD.command,
        "seconds": 1.2,
        "processor_threads": 1,
        "licence": "Apache-2.0",
    }
    for name in ("project", "classes", "dataset", "learner", "seed", "metrics", "description", "input", "created"):
        assert card[name] == before[name]
    assert (card["checkpoint"], card["precision"], card["onnx"], card["start"]) == ("first", "float16", True, None)
    measured = evaluate(squares.services, "toy", lambda _: None)
    assert card["test"] == {
        "split": "holdout",
        "items": 6,
        **{name: pytest.approx(value, abs=1e-3) for name, value in measured.metrics.items()},
    }


def test_weights_are_float16_on_disk_and_float32_in_memory(squares: ToyProject, tmp_path: Path) -> None:
    folder = write(squares, tmp_path)
    assert {array.dtype for array in load_file(folder / "weights.safetensors").values()} == {np.dtype(np.float16)}
    model = read_model(folder, squares.services.registry)[0]
    assert {array.dtype for array in model.tensors().values()} == {np.dtype(np.float32)}


def test_both_forms_predict_as_before(squares: ToyProject, tmp_path: Path) -> None:
    folder = write(squares, tmp_path)
    registry = squares.services.registry
    items = squares.services.items(squares.services.state(squares.services.row("toy")))
    rng = np.random.default_rng(0)
    before = read_model(squares.services.home.checkpoint("toy", "r1"), registry)[0].predict(items, frozenset(), rng)
    after = read_model(folder, registry)[0].predict(items, frozenset(), rng)
    served = Served("first", read_card(folder), folder, registry).infer(items.pixels((4, 4), 1))  # type: ignore[union-attr]
    for probabilities in (after.probabilities, served["probabilities"]):
        np.testing.assert_allclose(probabilities, before.probabilities, atol=5e-3)


def test_an_onnx_form_that_would_lose_precision_stays_float32(
    squares: ToyProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoiled(source: Path, target: Path) -> None:
        model = onnx.load(source)
        (weights,) = (tensor for tensor in model.graph.initializer if tensor.name == "weights")
        weights.CopyFrom(onnx.numpy_helper.from_array(np.zeros((16, 2), np.float32), "weights"))
        onnx.save(model, target)

    monkeypatch.setattr(bundle, "halve_onnx", spoiled)
    folder = write(squares, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "model.onnx", "weights.safetensors"]
    weights = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(folder / "model.onnx").graph.initializer}
    assert np.abs(weights["weights"]).max() > 0


def test_a_model_without_onnx_is_bundled_without(make: Make, tmp_path: Path) -> None:
    folder = write(make(learner={"onnx": False}).import_dataset().train(), tmp_path)
    card = read_card(folder)
    assert (card["onnx"], card["test"]["split"]) == (False, "holdout")
    assert not (folder / "model.onnx").exists()


def test_the_card_has_no_test_if_nothing_can_be_measured(make: Make, tmp_path: Path) -> None:
    project = make(labels={"holdout": 0.0}).import_dataset().train()
    assert read_card(write(project, tmp_path))["test"] is None


def test_an_existing_folder_is_not_overwritten(squares: ToyProject, tmp_path: Path) -> None:
    write(squares, tmp_path)
    with pytest.raises(Conflict, match="exists already"):
        write(squares, tmp_path)
    for name in ("r1", "r12", ".hidden", "a b"):
        with pytest.raises(Unprocessable, match="cannot be called"):
            write(squares, tmp_path, name)


def test_an_unwritable_target_is_rejected_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    bundle.check_target(tmp_path / "folder" / "another" / "shipped")
    with pytest.raises(Unprocessable, match=r"nothing can be written to .*file is not a folder"):
        bundle.check_target(tmp_path / "file" / "shipped")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_transductive_model_cannot_be_bundled(make: Make, tmp_path: Path) -> None:
    project = make({**BLOBS, "learner": {"plugin": "toy-whole"}}).import_dataset().train()
    with pytest.raises(Unprocessable, match="is transductive"):
        write(project, tmp_path)
    assert not (tmp_path / "toy").exists()


def test_a_failed_bundle_leaves_no_folder(squares: ToyProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise PluginError("it broke")

    monkeypatch.setattr(bundle, "measure", fail)
    with pytest.raises(PluginError):
        write(squares, tmp_path)
    assert list((tmp_path / "toy").glob("[!.]*")) == []
