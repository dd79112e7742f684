"""Projects with a source of features: trained, queried, served, exported and bundled."""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.bundled import bundle
from support.engine import BLOBS, ToyProject, full, ids
from support.import_export import export_from

from nextlabel.contracts.errors import NotReady, ProjectError, Unprocessable
from nextlabel.engine import live_models
from nextlabel.engine.bundled_checkpoints import register
from nextlabel.engine.evaluation.evaluate import evaluate
from nextlabel.engine.features.extraction import extract
from nextlabel.engine.features.sources import Sources
from nextlabel.engine.jobs.startup import queue_startup_jobs
from nextlabel.engine.project import Project
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.scores import stored_scores
from nextlabel.engine.training import pool_items
from nextlabel.engine.training.cleanup import sweep
from nextlabel.engine.training.pool_items import PoolItems
from nextlabel.store import checkpoints, jobs
from nextlabel.store.checkpoint_files import read_card
from nextlabel.store.checkpoints import ScoringRow

Make = Callable[..., ToyProject]
COLOURS = {"blue": (40, 60, 200), "green": (40, 190, 60), "red": (210, 50, 40)}
THREE = ("blue/00.png", "green/01.png", "red/02.png")
"""An item of each class."""


def picture(colour: str, seed: int, size: tuple[int, int] = (12, 9)) -> bytes:
    rng = np.random.default_rng(seed)
    pixels = np.array(COLOURS[colour]) + rng.integers(-30, 30, 3) + rng.integers(-10, 10, (*size, 3))
    out = BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def table(tmp_path: Path) -> dict[str, Any]:
    """A project on 30 images of three colours in a folder, without any label."""
    for number in range(30):
        colour = sorted(COLOURS)[number % 3]
        path = tmp_path / "colours" / colour / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(colour, number))
    return {
        **BLOBS,
        "dataset": {"plugin": "folder", "path": str(tmp_path / "colours")},
        "features": {"plugin": "toy-colour"},
        "strategy": {"plugin": "margin", "also": ["toy-embedded"]},
        "labels": {"initial": 0},
    }


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many contents each extraction computed."""
    counts: list[int] = []

    def extract_and_count(*arguments: Any, **options: Any) -> int:
        counts.append(extract(*arguments, **options))
        return counts[-1]

    monkeypatch.setattr(pool_items, "extract", extract_and_count)
    return counts


def scoring(project: ToyProject, checkpoint: str | None) -> ScoringRow:
    with project.services.database.read() as connection:
        row = checkpoints.scoring(connection, project.name, checkpoint)
    assert row is not None
    return row


def label(project: ToyProject, *identities: str) -> None:
    project.project.labels.submit("ann", [full(identity, identity.partition("/")[0]) for identity in identities])


def trained(project: ToyProject) -> ToyProject:
    project.import_and_embed()
    label(project, *THREE)
    return project.train()


class Coloured(ToyProject):
    """A project whose import also queues the extraction of features."""

    def import_and_embed(self) -> None:
        """Import the data set and compute the features, as the first query does."""
        with pytest.raises(NotReady):
            self.project.queries.create(1)
        assert [job.state for job in self.work()] == ["succeeded", "succeeded"]


@pytest.fixture
def coloured(make: Make, table: dict[str, Any]) -> Callable[..., Coloured]:
    def make_project(**tables: Any) -> Coloured:
        project = make(table, **tables)
        return Coloured(project.services, project.project)

    return make_project


# --------------------------------------------------------------------------- before any label


def test_queries_before_any_label_wait_for_features(make: Make, table: dict[str, Any]) -> None:
    project = make(table)
    with pytest.raises(NotReady):
        project.project.queries.create(1)
    assert [job.kind for job in project.work()] == ["import", "score"]
    query = project.project.queries.create(3, "toy-embedded")
    assert (query.checkpoint, len(query.items)) == (None, 3)
    assert [item.suggestion for item in query.items] == [None] * 3
    assert project.project.queries.replay(query.query) == query


def test_strategies_see_the_stored_embeddings_before_any_label(coloured: Callable[..., Coloured]) -> None:
    """`toy-embedded` prefers items far from the covered ones, so items of other colours come first."""
    project = coloured(labels={"initial": 0, "holdout": 0.0})
    project.import_and_embed()
    label(project, "blue/00.png")
    first = project.project.queries.create(1, "toy-embedded", "ann")
    assert not ids(first)[0].startswith("blue/")
    second = project.project.queries.create(1, "toy-embedded", "bob")
    assert {ids(first)[0].partition("/")[0], ids(second)[0].partition("/")[0]} == {"green", "red"}


def test_a_project_without_features_computes_none(make: Make, table: dict[str, Any]) -> None:
    project = make({name: value for name, value in table.items() if name != "features"}).import_dataset()
    with pytest.raises(NotReady, match="no model has been trained yet"):
        project.project.queries.create(1, "toy-embedded")
    assert project.work() == []


def test_a_strategy_without_needs_does_not_wait(make: Make, table: dict[str, Any]) -> None:
    project = make(table)
    with pytest.raises(NotReady):
        project.project.queries.create(1)
    project.work()
    with project.services.database.write() as connection:
        for row in checkpoints.scorings(connection, project.name):
            checkpoints.delete_scoring(connection, row.id)
    assert len(project.project.queries.create(2, "random").items) == 2
    with pytest.raises(NotReady, match=r"the features of the pool must be computed first: strategy 'margin' needs emb"):
        project.project.queries.create(2)
    assert [job.kind for job in project.work()] == ["score"]
    assert len(project.project.queries.create(2).items) == 2


def test_the_backbones_own_classes_come_before_the_first_model(coloured: Callable[..., Coloured]) -> None:
    project = coloured(features={"plugin": "toy-colour", "probabilities": True}, labels={"initial": 0, "holdout": 0.0})
    project.import_and_embed()
    arrays = stored_scores(project.services.home, scoring(project, None))
    assert arrays is not None
    rows = np.asarray(arrays["probabilities"])
    assert rows.shape == (30, 3)
    query = project.project.queries.create(4)
    ordered = np.sort(rows, axis=1)
    gaps = ordered[:, -1] - ordered[:, -2]
    names = [item.id for item in project.project.items.page().items]
    assert set(ids(query)) == {names[position] for position in np.argsort(gaps)[:4]}
    assert [item.suggestion for item in query.items] == [None] * 4
    assert (query.checkpoint, query.probabilities) == (None, "toy-colour")
    assert project.project.queries.get(query.query).probabilities == "toy-colour"
    assert project.project.queries.replay(query.query).probabilities == "toy-colour"
    assert project.project.queries.create(1, "random").probabilities is None
    # partial labels do not change probabilities that are of other classes
    project.project.labels.submit("ann", [full(ids(query)[0], "red", "green")])
    assert project.project.queries.create(1, annotator="bob").items[0].id == ids(query)[0]


def test_another_source_in_the_project_file_is_computed(coloured: Callable[..., Coloured]) -> None:
    project = coloured()
    project.import_and_embed()
    changed = ProjectConfig.model_validate(
        {**project.project.config.model_dump(), "features": {"plugin": "toy-whole-colour"}}
    )
    configs: Any = project.services.projects.configs
    configs["toy"] = changed
    again = ToyProject(project.services, Project(project.services, changed))
    with pytest.raises(NotReady, match="must be computed first"):
        again.project.queries.create(2)
    assert [job.state for job in again.work()] == ["succeeded"]
    assert len(again.project.queries.create(2).items) == 2
    link = json.loads((again.services.home.at(scoring(again, None).folder) / "features.json").read_text())
    assert link["plugin"] == "toy-whole-colour"


def test_an_upload_queues_the_features_before_any_scoring(coloured: Callable[..., Coloured]) -> None:
    project = coloured()
    project.import_and_embed()
    with project.services.database.write() as connection:
        checkpoints.delete_scoring(connection, scoring(project, None).id)
    project.add_images([picture("red", 99)])
    assert [(job.kind, job.state) for job in project.work()] == [("score", "succeeded")]
    assert scoring(project, None).rows == 31


def test_a_query_queues_interrupted_features_again(coloured: Callable[..., Coloured]) -> None:
    project = coloured()
    project.import_and_embed()
    project.add_images([picture("red", 99)])
    with project.services.database.write() as connection:
        claimed = jobs.claim(connection, "worker", ("score",), time.time())
        assert claimed is not None
        jobs.finish(connection, claimed.id, "worker", "interrupted", time.time() - 61, None, None)
    project.project.queries.create(1)
    assert [(job.kind, job.state) for job in project.work()] == [("score", "succeeded")]


def test_a_project_that_no_longer_has_features_queues_no_scoring_without_a_model(
    coloured: Callable[..., Coloured],
) -> None:
    project = coloured()
    project.import_and_embed()
    configs: Any = project.services.projects.configs
    configs["toy"] = project.project.config.model_copy(update={"features": None})
    again = ToyProject(project.services, Project(project.services, configs["toy"]))
    again.add_images([picture("red", 99)])
    assert again.work() == []


# ------------------------------------------------------------------------------ training


def test_the_model_takes_features_and_the_second_training_computes_none(
    coloured: Callable[..., Coloured], counted: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    project = trained(coloured())
    assert counted == [30]
    assert "features of 30 items by toy-colour: 30 had to be computed" in capsys.readouterr().out
    project.train()
    assert counted == [30]
    assert "features of 30 items by toy-colour: all computed before" in capsys.readouterr().out
    with project.services.database.read() as connection:
        row = checkpoints.get(connection, "toy", "r2")
    assert row is not None
    assert row.card["input"] == {"kind": "image", "height": 8, "width": 8, "channels": 3}
    assert row.card["features"]["plugin"] == "toy-colour"
    assert row.card["features"]["key"].startswith("toy-colour-")
    assert row.card["description"] == {"dimensions": 3}
    assert row.card["start"] == "r1"


def test_features_are_not_written_again_with_the_scores(coloured: Callable[..., Coloured]) -> None:
    project = trained(coloured())
    row = scoring(project, "r1")
    assert set(row.arrays) == {"probabilities", "embeddings"}
    folder = project.services.home.at(row.folder)
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == ["features.json", "probabilities.npy"]
    arrays = stored_scores(project.services.home, row)
    assert arrays is not None
    assert np.asarray(arrays["embeddings"]).shape == (30, 3)
    assert len(project.project.queries.create(3, "toy-embedded").items) == 3


def test_an_upload_gets_features_before_it_is_scored(coloured: Callable[..., Coloured], counted: list[int]) -> None:
    project = coloured()
    project.import_and_embed()
    (early,) = project.add_images([picture("red", 99)])
    assert [job.state for job in project.work()] == ["succeeded"]
    assert scoring(project, None).rows == 31
    label(project, *THREE)
    project.train()
    (late,) = project.add_images([picture("green", 98)])
    assert [job.state for job in project.work()] == ["succeeded"]
    assert counted == [30, 1, 1]
    predicted = project.project.models.predict_ids([early, late, "blue/03.png"]).predictions
    assert [prediction.label for prediction in predicted] == ["red", "green", "blue"]
    (same,) = project.project.models.predict_images([picture("green", 98)]).predictions
    assert same.probabilities == pytest.approx(predicted[1].probabilities, abs=1e-3)


def test_an_unreadable_image_is_left_out(coloured: Callable[..., Coloured], tmp_path: Path) -> None:
    project = coloured(labels={"holdout": 0.5})
    project.import_and_embed()
    (positions,) = project.services.home.root.glob("features/*/positions/*")
    positions.unlink()
    (tmp_path / "colours" / "red" / "02.png").unlink()
    label(project, "blue/00.png", "green/01.png", "red/05.png")
    project.train()
    row = scoring(project, "r1")
    arrays = stored_scores(project.services.home, row)
    assert arrays is not None
    names = [item.id for item in project.project.items.page().items]
    lost = names.index("red/02.png")
    assert not arrays["embeddings"][lost].any()
    np.testing.assert_allclose(arrays["probabilities"][lost], 1 / 3)


def test_other_features_start_from_scratch(
    coloured: Callable[..., Coloured], capsys: pytest.CaptureFixture[str]
) -> None:
    project = trained(coloured())
    changed = ProjectConfig.model_validate(
        {**project.project.config.model_dump(), "features": {"plugin": "toy-whole-colour"}}
    )
    configs: Any = project.services.projects.configs
    configs["toy"] = changed
    # its scores still need the features that it was trained on
    project.add_images([picture("red", 77)])
    assert [job.state for job in project.work()] == ["succeeded"]
    ToyProject(project.services, Project(project.services, changed)).train()
    assert "training starts from scratch: r1 was trained on other features" in capsys.readouterr().out
    newest = project.project.models.checkpoints()[-1]
    assert newest.live
    assert "not worse than the live checkpoint" in newest.verdict


def test_the_test_split_is_measured_on_features(
    coloured: Callable[..., Coloured], counted: list[int], tmp_path: Path
) -> None:
    for number, colour in enumerate(COLOURS):
        path = tmp_path / "colours" / "test" / colour / "image.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(colour, 300 + number))
    project = trained(coloured())
    assert project.project.models.checkpoints()[-1].metrics["test_accuracy"] == 1
    project.train()
    assert counted == [30, 3]


def test_a_graph_has_no_features(make: Make) -> None:
    project = make(
        {**BLOBS, "dataset": {"plugin": "tiny-rings"}, "learner": {"plugin": "tiny-propagation"}},
        features={"plugin": "toy-scaled"},
        labels={"initial": 0},
    )
    project.project.start_training()
    (job,) = (job for job in project.work() if job.kind == "train")
    assert "cannot embed the nodes of a graph" in str(job.error)


def test_what_only_a_model_provides_is_named_before_any_job(coloured: Callable[..., Coloured]) -> None:
    project = coloured(labels={"initial": 0})
    project.import_dataset()
    lose_features(project)  # as before the first scoring
    with pytest.raises(NotReady, match="the strategy needs samples, and no model has been trained yet"):
        project.project.queries.create(1, "toy-sampled")
    assert project.work() == []


# -------------------------------------------------------------------------------- serving


@pytest.fixture(params=["toy-colour", "toy-whole-colour"])
def served(request: pytest.FixtureRequest, coloured: Callable[..., Coloured]) -> ToyProject:
    return trained(coloured(features={"plugin": request.param}, labels={"initial": 0, "holdout": 0.3}))


def test_a_prediction_goes_through_the_backbone(served: ToyProject) -> None:
    images = [picture(colour, 200 + number, (30, 10)) for number, colour in enumerate(COLOURS)]
    predicted = served.project.models.predict_images(images).predictions
    assert [prediction.label for prediction in predicted] == list(COLOURS)
    identities = ["blue/03.png", "green/04.png", "red/05.png"]
    stored = served.project.models.predict_ids(identities).predictions
    folder = Path(served.project.config.dataset.parameters["path"])
    again = served.project.models.predict_images([(folder / name).read_bytes() for name in identities]).predictions
    for one, other in zip(stored, again, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=2e-3)


TORCHLESS = """
import json, sys
from pathlib import Path
from support.engine import MODULES, candidates
from nextlabel.app import build_services
from nextlabel.engine.plugins.registry import load
from nextlabel.engine.project import Project
from nextlabel.engine.project_files import ProjectConfig, Projects
from nextlabel.engine.settings import Settings

config = ProjectConfig.model_validate_json(Path(sys.argv[2]).read_text())
settings = Settings(home=Path(sys.argv[1]), default_project="toy")
project = Project(build_services(settings, load(candidates(*MODULES)), Projects({"toy": config}, {})), config)
project.queries.create(2)
project.queries.create(2, "toy-embedded")
(predicted,) = project.models.predict_images([Path(sys.argv[3]).read_bytes()]).predictions
print(predicted.label, sorted({name.partition(".")[0] for name in sys.modules} & {"torch", "sklearn"}))
"""


@pytest.mark.slow
def test_serving_features_needs_no_torch(served: ToyProject, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(served.project.config.model_dump_json())
    (tmp_path / "image.png").write_bytes(picture("red", 1))
    files = [str(served.services.home.root), str(tmp_path / "config.json"), str(tmp_path / "image.png")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", TORCHLESS, *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout.strip()) == (0, "red []"), done.stderr


def test_the_preview_shows_what_the_backbone_takes(served: ToyProject) -> None:
    preview = served.project.models.preview(picture("red", 1, (10, 40)))
    whole = served.project.config.features is not None and served.project.config.features.plugin == "toy-whole-colour"
    assert preview.input_size == ((8, 32) if whole else (8, 8))
    assert preview.crop == ((0, 0, 40, 10) if whole else (15, 0, 25, 10))
    assert preview.predictions.predictions[0].label == "red"


def test_it_is_evaluated_as_served(served: ToyProject) -> None:
    label(served, *(f"{sorted(COLOURS)[number % 3]}/{number:02}.png" for number in range(15)))
    served.train()
    measured = evaluate(served.services, "toy", lambda _: None)
    assert measured.form == "onnx"
    assert measured.metrics["accuracy"] == served.project.models.checkpoints()[-1].metrics["accuracy"] == 1


def test_checkpoints_share_the_network_of_their_backbone(served: ToyProject) -> None:
    served.project.models.predict_images([picture("red", 1)])
    first = served.services.live.current("toy")
    served.train()
    with served.services.database.read() as connection:
        row = checkpoints.get(connection, "toy", "r2")
    assert row is not None
    second = served.services.live.load("r2", served.services.home.at(row.folder))
    assert second.checkpoint != first.checkpoint
    assert second.embedder is first.embedder is not None


def lose_features(project: ToyProject) -> None:
    shutil.rmtree(project.services.home.root / "features")


def test_a_prediction_queues_the_scoring_that_writes_a_missing_network(
    served: ToyProject, another: Callable[[ToyProject], ToyProject]
) -> None:
    lose_features(served)
    opened = another(served)
    for _ in range(2):
        with pytest.raises(NotReady, match="the network of its features is missing; job") as error:
            opened.project.models.predict_images([picture("red", 1)])
        assert error.value.retry_after == 5
    assert (opened.project.models.ready(), opened.project.status().waits_for_network) == (False, True)
    assert [(job.kind, job.state) for job in opened.work()] == [("score", "succeeded")]
    assert opened.project.models.predict_images([picture("red", 1)]).predictions[0].label == "red"
    assert (opened.project.models.ready(), opened.project.status().waits_for_network) == (True, False)


def test_a_network_that_cannot_be_written_is_not_tried_again_at_once(
    served: ToyProject, another: Callable[[ToyProject], ToyProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ProjectError("the backbone has another version")

    lose_features(served)
    monkeypatch.setattr(Sources, "restored", fail)
    opened = another(served)
    for reason, states in (("is missing; job", ["failed"]), ("could not write it: the backbone has another", [])):
        with pytest.raises(NotReady, match=reason):
            opened.project.models.predict_images([picture("red", 1)])
        assert [job.state for job in opened.work()] == states


def test_a_process_that_has_loaded_the_network_goes_on_predicting(served: ToyProject) -> None:
    assert served.project.models.ready()
    lose_features(served)
    assert served.project.models.predict_images([picture("red", 1)]).predictions[0].label == "red"
    assert (served.project.models.ready(), served.project.status().waits_for_network) == (True, False)


@pytest.mark.parametrize("lost", ["features", "features/*/model.onnx", "scores"])
def test_a_start_queues_the_scoring_that_replaces_lost_files(served: ToyProject, lost: str) -> None:
    queue_startup_jobs(served.services)
    assert served.work() == []
    for path in served.services.home.root.glob(lost):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for _ in range(2):
        queue_startup_jobs(served.services)
    assert [(job.kind, job.state) for job in served.work()] == [("score", "succeeded")]
    queue_startup_jobs(served.services)
    assert served.work() == []


def test_a_start_computes_lost_features_before_the_first_model(coloured: Callable[..., Coloured]) -> None:
    project = coloured(labels={"initial": 0})
    project.import_and_embed()
    lose_features(project)
    queue_startup_jobs(project.services)
    assert [job.kind for job in project.work() if job.state == "succeeded"] == ["score"]


def test_the_exported_file_contains_the_backbone(served: ToyProject, tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    path = tmp_path / "model.onnx"
    export_from(served, "onnx", path)
    properties = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    preprocessing = json.loads(properties["preprocessing"])
    whole = preprocessing["crop"] is None
    assert preprocessing["shape"] == ([None, None, None, 3] if whole else [None, 8, 8, 3])
    assert json.loads(properties["features"])["plugin"] == ("toy-whole-colour" if whole else "toy-colour")
    model = served.services.live.current("toy")
    pixels = model.preprocess([picture("green", 5, (20, 11))], 1_000_000)[0]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(None, {"input": pixels[None]})
    np.testing.assert_allclose(probabilities, model.infer([pixels])["probabilities"], atol=1e-5)


def test_a_bundled_checkpoint_brings_its_backbone_back(
    served: ToyProject, make: Make, table: dict[str, Any], tmp_path: Path
) -> None:
    folder = bundle(served, tmp_path / "trained")
    assert read_card(folder)["test"]["split"] == "holdout"
    features = {"plugin": read_card(folder)["features"]["plugin"]}
    elsewhere = make(
        {**table, "dataset": {"plugin": "toy-missing"}, "features": features},
        settings={"trained": tmp_path / "trained"},
        strategy={"plugin": "random", "also": []},
    )
    assert register(elsewhere.services) == []
    with pytest.raises(NotReady, match="the network of its features is missing"):
        elsewhere.project.models.predict_images([picture("red", 1)])
    queue_startup_jobs(elsewhere.services)
    assert ("score", "succeeded") in [(job.kind, job.state) for job in elsewhere.work()]
    assert elsewhere.project.models.predict_images([picture("red", 1)]).predictions[0].label == "red"
    elsewhere.add_images([picture("blue", 1)])
    assert [job.state for job in elsewhere.work()] == ["succeeded"]


def test_vectors_go_through_a_backbone_of_vectors(make: Make) -> None:
    project = make(features={"plugin": "toy-scaled", "scale": 0.5}).import_dataset().train()
    assert project.engine.info()["projects"][0]["features"] == "toy-scaled"
    (predicted,) = project.project.models.predict_vectors([[3.0, 0.0]]).predictions
    assert predicted.label == "green"
    assert evaluate(project.services, "toy", lambda _: None).metrics["accuracy"] == 1
    with pytest.raises(Unprocessable, match="must have 2 numbers"):
        project.project.models.predict_vectors([[3.0]])


# ------------------------------------------------------------------- another project's model


@pytest.fixture
def source(coloured: Callable[..., Coloured]) -> ToyProject:
    """A project that trains on the images themselves."""
    project = coloured(
        features=None, labels={"initial": 9}, strategy={"plugin": "random", "also": []}, settings={"keep_scores": 1}
    )
    return project.import_dataset()


@pytest.fixture
def other(source: ToyProject, table: dict[str, Any]) -> Coloured:
    """A project on the same images, whose source of features is the other project's checkpoint."""
    config = ProjectConfig.model_validate({**table, "name": "other", "features": {"plugin": "checkpoint:toy"}})
    configs: Any = source.services.projects.configs
    configs["other"] = config
    return Coloured(source.services, Project(source.services, config))


def test_another_projects_checkpoint_is_a_source(
    source: ToyProject, other: Coloured, counted: list[int], tmp_path: Path
) -> None:
    with pytest.raises(NotReady):
        other.project.queries.create(1)
    jobs = other.work()
    assert "project 'toy' has no live checkpoint; train it first" in str(jobs[-1].error)
    source.train()
    with pytest.raises((NotReady, Unprocessable)):
        other.project.queries.create(1)
    queue_startup_jobs(other.services)
    other.work()
    label(other, *THREE)
    other.train()
    other.train()
    assert counted == [30]
    predicted = other.project.models.predict_images([picture("green", 44)]).predictions
    assert predicted[0].label == "green"
    with pytest.raises(Unprocessable, match="its features come from the model of 'checkpoint:toy'"):
        export_from(other, "onnx", tmp_path / "model.onnx")
    with pytest.raises(Unprocessable, match="cannot be bundled without that project's checkpoint"):
        bundle(other, tmp_path / "trained")


def test_a_model_is_unloaded_once_nothing_served_takes_its_embeddings(
    source: ToyProject, other: Coloured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_models, "REFRESH_AFTER", 0.0)
    live = source.services.live
    source.train()
    other.import_and_embed()
    label(other, *THREE)
    other.train()
    first = live.current("other")
    loaded = weakref.ref(first.embedder)
    source.train()
    other.train()
    assert live.current("other") is not first
    del first
    gc.collect()
    assert loaded() is None


def test_unused_features_of_a_checkpoint_are_deleted(source: ToyProject, other: Coloured) -> None:
    """The query before the first model was chosen by features of r1, and can still be replayed."""
    source.train()
    other.import_and_embed()
    first = other.project.queries.create(1, "toy-embedded")
    label(other, *THREE)
    other.train()
    for _ in range(2):
        source.train()
        other.train()
    source.train()
    home = source.services.home
    other_items = PoolItems(other.services, other.services.state(other.services.row("other")))
    other_items.of(other_items.features_of(other.project.config))  # as a training does that is killed

    def folders() -> list[str]:
        return sorted(path.name.split("-")[2] for path in (home.root / "features").iterdir())

    backbone = home.features("checkpoint-like-backbone-1")
    backbone.mkdir()
    (backbone / "source.json").write_text('{"checkpoint": null}')
    assert folders() == ["backbone", "r1", "r2", "r3", "r4"]
    sweep(other.services)
    assert folders() == ["backbone", "r1", "r3", "r4"]
    assert other.project.queries.replay(first.query) == first
    assert other.project.models.predict_images([picture("green", 44)]).predictions[0].label == "green"


# --------------------------------------------------------------------------------- learners


@pytest.mark.parametrize(
    "learner",
    [{"members": [{"plugin": "toy-ridge"}, {"plugin": "toy-ridge", "sharpness": 1.0}]}, {"plugin": "toy-both"}],
)
def test_committees_and_models_that_know_their_pool_take_features(
    make: Make, table: dict[str, Any], learner: dict[str, Any]
) -> None:
    project = make({**table, "learner": learner})
    project = trained(Coloured(project.services, project.project))
    new = picture("green", 99)
    (predicted,) = project.project.models.predict_images([new]).predictions
    assert predicted.label == "green"
    (added,) = project.add_images([new])
    assert [job.state for job in project.work()] == ["succeeded"]
    (scored,) = project.project.models.predict_ids([added]).predictions
    assert scored.probability == pytest.approx(predicted.probability, abs=1e-3)
