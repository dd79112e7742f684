"""Exported models: their metadata, and the program in the docs that needs nothing else."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from support.engine import SQUARES, ToyProject
from support.import_export import export_from
from support.odd_images import odd_images, saved, smooth, stored

from nextlabel.app import build_engine, prepare
from nextlabel.contracts.errors import NotFound, NotReady
from nextlabel.engine.bundled_checkpoints import trained_folder
from nextlabel.engine.settings import Settings
from nextlabel.store.checkpoint_files import ONNX, read_card

pytestmark = pytest.mark.slow

Make = Callable[..., ToyProject]
PAGE = (Path(__file__).parents[3] / "docs" / "import-export.md").read_text("utf-8")
(SCRIPT,) = re.findall(r"^```py\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
GUARD = """
import runpy, sys
refused = {"nextlabel", "nextlabel_plugins", "torch", "torchvision", "sklearn"}
class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in refused:
            raise ImportError(f"{name} is not to be here")
sys.meta_path.insert(0, Guard())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
assert not refused & {name.partition(".")[0] for name in sys.modules}
"""
IMAGES = {
    **{name: odd.data for name, odd in odd_images().items() if odd.status == 200},
    "large": saved(smooth(700, 500), "JPEG"),
    "large and on its side": stored(smooth(700, 300), 6, "JPEG"),
    "large and grey": saved(smooth(900, 400).convert("L"), "JPEG"),
    "large and four colours": saved(smooth(500, 800).convert("CMYK"), "JPEG"),
    "wide": saved(smooth(1000, 40)),
    "on its side by a PNG": stored(smooth(50, 90), 8),
    "on its side by a WebP": stored(smooth(50, 90), 5, "WEBP"),
}


def answers(model: Path, folder: Path) -> list[dict[str, float]]:
    """Return the predictions of the page's program for the images."""
    files = []
    for number, data in enumerate(IMAGES.values()):
        files.append(folder / f"{number}")
        files[-1].write_bytes(data)
    for name, text in {"guard.py": GUARD, "answer.py": SCRIPT}.items():
        (folder / name).write_text(text)
    command = [sys.executable, "-I", folder / "guard.py", folder / "answer.py", model, *files]
    process = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    return [json.loads(line) for line in process.stdout.splitlines()]


def check(project: ToyProject, model: Path, folder: Path) -> None:
    """Compare the program's predictions with those of `/predict`."""
    predictions = answers(model, folder)
    expected = [project.project.models.predict_images([data]).predictions[0].probabilities for data in IMAGES.values()]
    assert len(predictions) == len(expected)
    for name, server, program in zip(IMAGES, expected, predictions, strict=True):
        assert program == pytest.approx(server, abs=1e-3), name


def metadata(path: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


@pytest.fixture
def photos(tmp_path: Path) -> ToyProject:
    """The project of the shipped checkpoint."""
    settings = Settings(home=tmp_path / "home")
    if not (trained_folder(settings) / "photos").is_dir():
        pytest.skip("no checkpoint ships")
    prepare(settings)
    engine = build_engine(settings)
    return ToyProject(engine.services, engine.project("photos"))


@pytest.fixture
def digits(make: Make) -> ToyProject:
    """A grey model of the network for `digits`, hardly trained."""
    base = {**SQUARES, "dataset": {"plugin": "digits", "limit": 200}, "learner": {"plugin": "cnn", "epochs": 1}}
    return make(base, labels={"initial": 40}).import_dataset().train()


def test_the_program_needs_three_libraries() -> None:
    names = {
        (alias.name if isinstance(node, ast.Import) else str(node.module)).partition(".")[0]
        for node in ast.walk(ast.parse(SCRIPT))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert names - set(sys.stdlib_module_names) == {"numpy", "onnxruntime", "PIL"}
    assert len([line for line in SCRIPT.splitlines() if line.strip()]) < 45


def test_the_program_agrees_with_the_server(photos: ToyProject, tmp_path: Path) -> None:
    export_from(photos, "onnx", tmp_path / "photos.onnx")
    check(photos, tmp_path / "photos.onnx", tmp_path)
    photos.services.database.dispose()


def test_the_program_agrees_with_the_server_in_grey(digits: ToyProject, tmp_path: Path) -> None:
    export_from(digits, "onnx", tmp_path / "digits.onnx")
    check(digits, tmp_path / "digits.onnx", tmp_path)


def test_the_metadata_of_a_file(photos: ToyProject, tmp_path: Path) -> None:
    exported = export_from(photos, "onnx", tmp_path / "a.onnx")
    properties, card = metadata(tmp_path / "a.onnx"), photos.services.live.current("photos").card
    assert json.loads(properties["labels"]) == card["classes"]
    assert json.loads(properties["metrics"]) == card["metrics"]
    assert (properties["project"], properties["checkpoint"], properties["task"]) == (
        "photos",
        exported.checkpoint,
        "classification",
    )
    assert properties["licence"] == "Apache-2.0"
    how = json.loads(properties["preprocessing"])
    assert (how["shape"], how["layout"], how["type"], how["mode"]) == ([None, 32, 32, 3], "NHWC", "uint8", "RGB")
    (graph_input,) = onnx.load(tmp_path / "a.onnx").graph.input
    assert graph_input.name == how["input"]
    assert [axis.dim_value or None for axis in graph_input.type.tensor_type.shape.dim] == how["shape"]
    export_from(photos, "onnx", tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    photos.services.database.dispose()


def test_checkpoints_that_cannot_be_exported(make: Make, tmp_path: Path) -> None:
    project = make(SQUARES).import_dataset()
    with pytest.raises(NotReady, match="no trained model"):
        export_from(project, "onnx", tmp_path / "a.onnx")
    project.train()
    with pytest.raises(NotFound, match=r"no checkpoint is called 'r9'; .*r1"):
        export_from(project, "onnx", tmp_path / "a.onnx", checkpoint="r9")
    assert list(tmp_path.glob("*.onnx")) == []


def test_an_earlier_checkpoint_can_be_exported(digits: ToyProject, tmp_path: Path) -> None:
    digits.train()
    folder = digits.services.home.checkpoint("toy", "r1")
    before = (folder / ONNX).read_bytes()
    assert metadata(folder / ONNX) == {}
    assert export_from(digits, "onnx", tmp_path / "a.onnx", checkpoint="r1").checkpoint == "r1"
    assert json.loads(metadata(tmp_path / "a.onnx")["labels"]) == read_card(folder)["classes"]
    assert (folder / ONNX).read_bytes() == before
