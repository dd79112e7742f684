"""The live model: refreshed after a swap, one reference per request, without torch."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.engine import SQUARES, ToyProject, full

from nextlabel.contracts.errors import Gone, NotReady, TooLarge, Unprocessable, Unsupported
from nextlabel.engine.live_models import Served

Make = Callable[..., ToyProject]


def test_before_any_training_it_is_not_ready(blobs: ToyProject) -> None:
    assert not blobs.project.models.ready()
    with pytest.raises(NotReady, match="no trained model yet") as caught:
        blobs.project.models.predict_vectors([[0, 0]])
    assert caught.value.retry_after == 5
    blobs.train()
    assert blobs.project.models.ready()
    assert blobs.project.models.predict_vectors([[0, 0]]).checkpoint == "r1"


def test_every_process_serves_a_swap_within_a_second(
    blobs: ToyProject, another: Callable[[ToyProject], ToyProject]
) -> None:
    other = another(blobs.train())
    assert other.project.models.predict_vectors([[0, 0]]).checkpoint == "r1"
    blobs.train()
    until = time.monotonic() + 1
    while other.project.models.predict_vectors([[0, 0]]).checkpoint == "r1":
        assert time.monotonic() < until
        time.sleep(0.02)
    blobs.project.models.promote("r1")
    time.sleep(0.6)
    assert other.project.models.predict_vectors([[0, 0]]).checkpoint == "r1"


@pytest.mark.slow
def test_swaps_under_load_mix_no_model(make: Make) -> None:
    """Every prediction is by the checkpoint that it names."""
    project = make(dataset={"size": 150}).import_dataset().train()
    wrong = {"red": "green", "green": "blue", "blue": "red"}
    query = project.project.queries.create(100, None, "ann")
    project.project.labels.submit("ann", [full(item.id, wrong[project.truth(item.id)]) for item in query.items])
    project.train()
    right: dict[str, list[str | None]] = {}
    for name in ("r1", "r2"):
        project.project.models.promote(name)
        time.sleep(0.55)
        right[name] = [
            prediction.label for prediction in project.project.models.predict_vectors([[0, 0], [3, 0]]).predictions
        ]
    assert right["r1"] != right["r2"]
    faults: list[object] = []
    seen: set[str] = set()
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                result = project.project.models.predict_vectors([[0, 0], [3, 0]])
                seen.add(result.checkpoint)
                if [prediction.label for prediction in result.predictions] != right[result.checkpoint]:
                    faults.append(result)
            except Exception as error:  # noqa: BLE001 - reported by the test
                faults.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(4):
        project.project.models.promote(("r1", "r2")[turn % 2])
        time.sleep(0.55)
    stop.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert seen == {"r1", "r2"}


def test_other_requests_do_not_wait_for_a_model_to_load(blobs: ToyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs.train()
    blobs.project.models.predict_vectors([[0, 0]])
    blobs.train()
    time.sleep(0.55)
    loading, go_on = threading.Event(), threading.Event()

    def slow(served: Served) -> None:
        loading.set()
        assert go_on.wait(10)

    monkeypatch.setattr(Served, "warm", slow)
    thread = threading.Thread(target=lambda: blobs.project.models.predict_vectors([[0, 0]]))
    thread.start()
    assert loading.wait(10)
    assert blobs.project.models.predict_vectors([[0, 0]]).checkpoint == "r1"
    go_on.set()
    thread.join()
    assert blobs.project.models.predict_vectors([[0, 0]]).checkpoint == "r2"


def test_a_model_without_onnx_answers_through_its_own_class(make: Make) -> None:
    project = make(learner={"onnx": False}).import_dataset().train()
    same = make().import_dataset().train()
    assert not (project.services.home.root / "checkpoints/toy/r1/model.onnx").exists()
    rows = [[0, 0], [3, 0], [0.2, 2.5]]
    for one, other in zip(
        project.project.models.predict_vectors(rows).predictions,
        same.project.models.predict_vectors(rows).predictions,
        strict=True,
    ):
        assert one.label == other.label
        assert one.probability == pytest.approx(other.probability, abs=1e-5)


def test_a_damaged_checkpoint_is_never_loaded(blobs: ToyProject, another: Callable[[ToyProject], ToyProject]) -> None:
    blobs.train()
    path = blobs.services.home.root / "checkpoints/toy/r1/model.onnx"
    path.write_bytes(path.read_bytes()[:-40])
    other = another(blobs)
    assert not other.project.models.ready()
    with pytest.raises(Gone, match="damaged"):
        other.project.models.predict_vectors([[0, 0]])
    (path.parent / "card.json").unlink()
    with pytest.raises(Gone, match="no checkpoint in"):
        other.project.models.promote("r1")


# ------------------------------------------------------------------------- what it takes


def test_vectors_must_fit(blobs: ToyProject) -> None:
    blobs.train()
    with pytest.raises(Unprocessable, match=r"a vector must have 2 numbers; vectors \[1\] have another length"):
        blobs.project.models.predict_vectors([[0, 0], [1]])
    for value in (float("nan"), float("inf"), 1e300):
        with pytest.raises(Unprocessable, match="finite"):
            blobs.project.models.predict_vectors([[0, value]])
    with pytest.raises(Unprocessable, match="takes vectors of 2 numbers, not images"):
        blobs.project.models.predict_images([b"x"])


def test_images(make: Make, image: Callable[..., bytes]) -> None:
    project = make(SQUARES, settings={"max_batch": 3, "max_pixels": 100}).import_dataset().train()
    data, _ = project.project.items.image("s0")
    result = project.project.models.predict_images([data])
    assert (result.project, result.checkpoint, len(result.predictions)) == ("toy", "r1", 1)
    assert result.predictions[0].label == project.truth("s0") == "left"
    scored = project.project.models.predict_ids(["s0"]).predictions[0]
    assert scored.probability == pytest.approx(result.predictions[0].probability, abs=1e-5)
    many = project.project.models.predict_images([project.project.items.image(f"s{place}")[0] for place in range(3)])
    assert [prediction.label for prediction in many.predictions] == ["left", "right", "left"]
    with pytest.raises(Unprocessable, match="nothing to predict"):
        project.project.models.predict_images([])
    with pytest.raises(TooLarge, match="at most 3"):
        project.project.models.predict_images([data] * 4)
    with pytest.raises(Unsupported, match=r"^this is "):
        project.project.models.predict_images([b"x"])
    with pytest.raises(Unsupported, match=r"^image 1: this is "):
        project.project.models.predict_images([data, b"x"])
    with pytest.raises(TooLarge, match="image 0: "):
        project.project.models.predict_images([image(0, 50, 50), data])
    with pytest.raises(Unprocessable, match="takes images, not vectors"):
        project.project.models.predict_vectors([[1, 2]])


def test_a_model_of_its_pool_answers_ids_only(make: Make) -> None:
    project = (
        make(name="tiny", dataset={"plugin": "tiny-moons"}, learner={"plugin": "tiny-spreading"})
        .import_dataset()
        .train()
    )
    with pytest.raises(Unprocessable, match="only predicts the items of its pool, not new vectors"):
        project.project.models.predict_vectors([[0, 0]])
    assert project.project.models.predict_ids(["point-3"]).predictions[0].label in ("upper", "lower")


# ---------------------------------------------------------------------------------- torch

TRAIN = """
import sys
from pathlib import Path
from nextlabel.app import build_services, prepare
from nextlabel.engine.project import Project
from nextlabel.engine.settings import Settings
from nextlabel.engine.simulation.simulate import train_here

settings = Settings(home=Path(sys.argv[1]), projects=Path(sys.argv[2]), default_project="small", train_threads=1)
prepare(settings)
services = build_services(settings)
train_here(services, Project(services, services.projects.get("small")))
"""
SERVE = """
import sys, json
from pathlib import Path
import numpy as np
from nextlabel.app import build_engine
from nextlabel.store.labels import Label
from nextlabel.engine.settings import Settings

settings = Settings(home=Path(sys.argv[1]), projects=Path(sys.argv[2]), default_project="small")
engine = build_engine(settings)
project = engine.project()
query = project.queries.create(3, None, "ann")
project.labels.submit("ann", [(query.items[0].id, Label(candidates=("3", "5")))])
image, _ = project.items.image(query.items[0].id)
result = [project.models.predict_images([image]), project.models.predict_ids([query.items[0].id])]
result += [project.status(), project.items.page(), engine.info()]
added = project.items.add([image])
project.items.get(query.items[0].id), list(project.labels.history())
project.queries.replay(query.query), project.start_training()
engine.jobs(), project.models.ready()
probabilities = [predictions.predictions[0].probabilities for predictions in result[:2]]
heavy = [name for name in ("torch", "torchvision", "sklearn", "onnx", "alembic") if name in sys.modules]
print(json.dumps({"heavy": heavy, "probabilities": probabilities, "strategies": query.strategy}))
engine.services.database.dispose()
"""
PROJECT = """
[dataset]
plugin = "digits"
[learner]
plugin = "cnn"
epochs = 1
min_steps = 20
[strategy]
plugin = "margin"
[labels]
initial = 40
"""


def run(program: str, *arguments: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_nothing_a_web_process_does_imports_torch(tmp_path: Path) -> None:
    (tmp_path / "projects").mkdir()
    (tmp_path / "projects" / "small.toml").write_text(PROJECT)
    run(TRAIN, tmp_path / "home", tmp_path / "projects")
    result = json.loads(run(SERVE, tmp_path / "home", tmp_path / "projects").splitlines()[-1])
    assert result["heavy"] == []
    served, scored = result["probabilities"]
    assert served.keys() == scored.keys() == set("0123456789")
    np.testing.assert_allclose([served[name] for name in scored], list(scored.values()), atol=1e-3)
