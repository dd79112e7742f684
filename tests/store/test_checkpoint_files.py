from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from nextlabel.contracts.errors import Gone
from nextlabel.store import checkpoint_files as files

TENSORS = {
    "f4": np.arange(6, dtype=np.float32).reshape(2, 3),
    "turned": np.arange(6, dtype=np.float64).reshape(2, 3).T,
    "scalar": np.array(3, np.int64),
    "empty": np.empty((0, 4), np.float16),
    "bits": np.array([True, False]),
}


@pytest.fixture
def folder(tmp_path):
    files.write_weights(tmp_path, TENSORS)
    (tmp_path / files.ONNX).write_bytes(b"onnx")
    files.write_card(tmp_path, {"classes": ["é"], "loss": float("nan"), "n": np.int64(3)})
    return tmp_path


def test_tensors_are_read_unchanged(folder):
    back = files.read_weights(folder)
    assert back.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert back[name].dtype == tensor.dtype
        np.testing.assert_array_equal(back[name], tensor)


def test_the_training_state_has_a_file_of_its_own(folder):
    assert files.read_training_state(folder) == {}
    files.write_training_state(folder, {})
    assert not (folder / files.TRAINING_STATE).exists()
    files.write_training_state(folder, {"step": np.array(7.0, np.float32)})
    assert files.TRAINING_STATE in files.write_card(folder, {})["sha256"]
    assert files.read_training_state(folder) == {"step": 7}
    assert files.read_weights(folder).keys() == TENSORS.keys()
    (folder / files.TRAINING_STATE).unlink()
    with pytest.raises(Gone, match=r"training_state\.safetensors is missing"):
        files.read_training_state(folder)


def test_the_card_is_plain_json_with_the_sums(folder):
    card = files.read_card(folder)
    assert card == json.loads((folder / "card.json").read_text())
    sums = card.pop("sha256")
    assert card == {"classes": ["é"], "loss": None, "n": 3}
    assert sums == {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in (files.WEIGHTS, files.ONNX)}


def test_writing_the_card_returns_its_content(tmp_path):
    files.write_weights(tmp_path, {})
    assert files.write_card(tmp_path, {"a": (1, 2)}) == files.read_card(tmp_path)
    assert files.read_weights(tmp_path) == {}
    assert files.verified_path(tmp_path, files.ONNX) is None


def test_half_precision_weights_are_read_in_single(tmp_path):
    half = {"w": np.array([0.1, 65504.0, -6e-8], np.float16), "n": np.array([2]), "d": np.array([0.1])}
    files.write_weights(tmp_path, half)
    files.write_card(tmp_path, {"precision": files.HALF})
    back = files.read_weights(tmp_path)
    assert {name: array.dtype.name for name, array in back.items()} == {"w": "float32", "n": "int64", "d": "float64"}
    np.testing.assert_array_equal(back["w"], half["w"].astype(np.float32))


def test_the_onnx_is_named_once_it_was_checked(folder):
    assert files.verified_path(folder, files.ONNX) == folder / "model.onnx"


def _flip(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "harm",
    [
        _flip,
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
    ],
)
def test_files_with_another_sum_than_the_cards_are_not_read(folder, harm):
    harm(folder / files.WEIGHTS)
    harm(folder / files.ONNX)
    with pytest.raises(Gone, match="damaged"):
        files.read_weights(folder)
    with pytest.raises(Gone, match="damaged"):
        files.verified_path(folder, files.ONNX)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"sha256": 1}', "\udcff"])
def test_a_damaged_card_is_not_read(folder, text):
    (folder / files.CARD).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(Gone, match="damaged"):
        files.read_weights(folder)


def test_other_files_are_not_read_as_weights(tmp_path):
    (tmp_path / files.WEIGHTS).write_bytes(b"not tensors")
    files.write_card(tmp_path, {})
    with pytest.raises(Gone, match="damaged"):
        files.read_weights(tmp_path)


def test_no_checkpoint_at_all(tmp_path):
    with pytest.raises(Gone, match="no checkpoint"):
        files.read_card(tmp_path)
    files.write_card(tmp_path, {})
    with pytest.raises(Gone, match="has no weights"):
        files.read_weights(tmp_path)
