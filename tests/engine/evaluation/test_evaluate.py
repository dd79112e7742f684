"""The live checkpoint is measured on the test split if there is one, else on the hold-out."""

from __future__ import annotations

import numpy as np
import pytest
from support.engine import SQUARES
from support.toy_learners import Linear

from nextlabel.cli.train import train
from nextlabel.contracts import ImageInput
from nextlabel.contracts.errors import NotReady
from nextlabel.engine.checkpoints.serialization import read_model
from nextlabel.engine.evaluation.evaluate import evaluate
from nextlabel.store.checkpoint_files import ONNX, read_card, write_card

pytestmark = pytest.mark.slow

SPLIT = '''
"""Points on a line, with a test split."""
import numpy as np
from nextlabel.contracts import Contents, Dataset, DatasetPlugin, TestSplit, VectorItems, hookimpl

class Line(Dataset):
    def read(self, root, seed):
        points = np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
        truth = (points[:, 0] > 0).astype(np.int64)
        odd = truth[::4].copy()
        odd[:2] = 1
        test = TestSplit(VectorItems(points[::4]), odd)
        return Contents(ids=[str(i) for i in range(40)], content=VectorItems(points), classes=("low", "high"),
                        truth=truth, test=test)

@hookimpl
def nextlabel_datasets():
    yield DatasetPlugin("line", "points on a line", Line)
'''
PROJECT = '[dataset]\nplugin = "line"\n[learner]\nplugin = "nearest"\n[labels]\ninitial = 10\n'


@pytest.fixture
def line(quick_folder, tmp_path, monkeypatch, distribute):
    (tmp_path / "line_plugin.py").write_text(SPLIT)
    distribute(tmp_path, "line-plugins", line="line_plugin")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "projects").mkdir()
    (tmp_path / "projects" / "line.toml").write_text(PROJECT)
    monkeypatch.setenv("NEXTLABEL_PROJECTS", str(tmp_path / "projects"))


@pytest.fixture
def quick(quick, line):
    """The same settings, with the project `line` instead of the others."""
    from nextlabel.engine.settings import Settings

    return Settings.from_environment()


def ignore(*_):
    pass


def test_the_test_split_is_measured(engine):
    train(engine, "line", ignore)
    progress = []
    evaluation = evaluate(engine.services, "line", progress.append)
    assert (evaluation.project, evaluation.checkpoint, evaluation.split, evaluation.items) == ("line", "r1", "test", 10)
    model = read_model(engine.services.home.checkpoint("line", "r1"), engine.services.registry)[0]
    items, truth = engine.services.pool("line").test(1)
    probabilities = model.predict(items, frozenset(), np.random.default_rng(0)).probabilities
    assert evaluation.metrics["accuracy"] == (probabilities.argmax(axis=1) == truth).mean() <= 0.8
    assert evaluation.metrics["loss"] > 0
    assert evaluation.form == "model"
    assert progress == [1.0]


def test_the_onnx_form_is_measured(make):
    project = make(SQUARES).import_dataset().train()
    before = evaluate(project.services, "toy", ignore)
    stored = project.project.models.checkpoints()[0].metrics
    assert (before.split, before.items, before.form, before.metrics["accuracy"]) == ("holdout", 6, "onnx", 1)
    assert before.metrics == {name: pytest.approx(stored[name], abs=1e-4) for name in ("accuracy", "loss")}
    folder = project.services.home.checkpoint("toy", "r1")
    Linear(np.zeros((17, 2)), ImageInput(4, 4, 1)).write_onnx(folder / ONNX)
    write_card(folder, read_card(folder))
    after = evaluate(project.services, "toy", ignore)
    assert after.metrics["loss"] == pytest.approx(np.log(2))


def test_a_transductive_model_is_measured_by_its_scores(make):
    project = (
        make(name="tiny", dataset={"plugin": "tiny-moons"}, learner={"plugin": "tiny-spreading"})
        .import_dataset()
        .train()
    )
    evaluation = evaluate(project.services, "tiny", ignore)
    stored = project.project.models.checkpoints()[0].metrics
    assert (evaluation.split, evaluation.form) == ("holdout", "model")
    assert evaluation.metrics == {name: stored[name] for name in ("accuracy", "loss")}


def test_evaluating_an_untrained_project_raises_not_ready(engine):
    with pytest.raises(NotReady):
        evaluate(engine.services, "line", ignore)
