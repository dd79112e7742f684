"""nextlabel predict: images in files, or items of the pool."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from pydantic import BaseModel
from rich.table import Table

from nextlabel.cli.options import as_json, open_engine, project_name, with_settings
from nextlabel.cli.output import Screen, table
from nextlabel.contracts.errors import Conflict, NextlabelError
from nextlabel.engine.project import Project
from nextlabel.engine.records import Prediction, Predictions
from nextlabel.engine.settings import Settings
from nextlabel.web.routes.predict import prediction
from nextlabel.web.schemas.prediction_responses import ClassPrediction, OneClass, OneValue, Several


@click.command("predict")
@project_name
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--id", "ids", multiple=True, help="An item of the pool instead of a file; may be repeated.")
@click.option("--top", type=click.IntRange(1), help="How many classes to tell of; 3 for a person, else all.")
@as_json
@with_settings()
def command(
    settings: Settings, name: str, files: tuple[Path, ...], ids: tuple[str, ...], top: int | None, as_json: bool
) -> None:
    """Say what is in each of FILES, by PROJECT's live checkpoint."""
    if bool(files) == bool(ids):
        raise click.UsageError("name files, or items by --id: one of the two")
    with open_engine(settings) as engine:
        found = predict(engine.project(name), files, ids, settings.max_batch)
    names = [*map(str, files), *ids]
    Screen(as_json).answer(reply(found, top), lambda console: console.print(_table(names, found, top or 3)))


def predict(project: Project, files: Sequence[Path], ids: Sequence[str], at_a_time: int) -> Predictions:
    """Predict all of them by one checkpoint; Conflict where another goes live meanwhile."""
    parts = []
    for start in range(0, max(len(files), len(ids)), at_a_time):
        stop = start + at_a_time
        parts.append(project.models.predict_ids(ids[start:stop]) if ids else _images(project, files[start:stop]))
    if len({part.checkpoint for part in parts}) > 1:
        raise Conflict("another checkpoint went live meanwhile; run it again")
    return Predictions(parts[0].project, parts[0].checkpoint, tuple(one for part in parts for one in part.predictions))


def reply(found: Predictions, top: int | None) -> BaseModel:
    """Return what `POST /predict` answers: one prediction by itself, several as a list."""
    replies = [prediction(one, top) for one in found.predictions]
    named = {"project": found.project, "checkpoint": found.checkpoint}
    if len(replies) != 1:
        return Several(**named, predictions=replies)
    kind: type[BaseModel] = OneClass if isinstance(replies[0], ClassPrediction) else OneValue
    return kind.model_validate({**named, **dict(replies[0])})


def _images(project: Project, files: Sequence[Path]) -> Predictions:
    blobs = [path.read_bytes() for path in files]
    try:
        return project.models.predict_images(blobs)
    except NextlabelError:
        for path, blob in zip(files, blobs, strict=True):  # say which file it was
            try:
                project.models.predict_images([blob])
            except NextlabelError as error:
                raise type(error)(f"{path}: {error}") from None
        raise


def _table(names: Sequence[str], found: Predictions, top: int) -> Table:
    shown = table(("item", "answer"), f"{found.project}, checkpoint {found.checkpoint}")
    for name, one in zip(names, found.predictions, strict=True):
        shown.add_row(name, _words(one, top))
    return shown


def _words(one: Prediction, top: int) -> str:
    if one.mean is not None:
        return f"{one.mean:.4g}" + ("" if one.std is None else f" ± {one.std:.2g}")
    ranked = list((one.probabilities or {}).items())[:top]
    return ", ".join(f"{name} {share:.1%}" for name, share in ranked)
