"""nextlabel predict: predict images in files, or items of the pool."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.table import Table

from nextlabel.cli.options import as_json, open_engine, project_name, with_settings
from nextlabel.cli.output import Screen, table
from nextlabel.contracts.errors import Conflict, NextlabelError
from nextlabel.engine.project import Project
from nextlabel.engine.records import Prediction, Predictions
from nextlabel.engine.settings import Settings
from nextlabel.web.schemas.prediction_schemas import PredictReply

_TOP = 3
"""Classes per row of the table, unless --top is set."""


@click.command("predict")
@project_name
@click.argument("files", nargs=-1, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--id", "ids", multiple=True, help="Predict an item of the pool instead of a file; may be repeated.")
@click.option(
    "--top",
    type=click.IntRange(1),
    help=f"How many of the most probable classes to show; by default {_TOP}, with --json all.",
)
@as_json
@with_settings()
def command(
    settings: Settings,
    name: str,
    project_file: Path | None,
    files: tuple[Path, ...],
    ids: tuple[str, ...],
    top: int | None,
    as_json: bool,
) -> None:
    """Predict the class or value of each of FILES with PROJECT's live checkpoint."""
    if bool(files) == bool(ids):
        raise click.UsageError("pass either image files, or items with --id")
    for file in files:
        if not file.exists():
            raise click.UsageError(f"there is no file {str(file)!r}; an item of the pool is named by --id")
    with open_engine(settings, project_file) as engine:
        predictions = predict(engine.project(name), files, ids, settings.max_batch)
    names = [*map(str, files), *ids]
    Screen(as_json).answer(
        PredictReply.from_record(predictions, top, as_list=False),
        lambda console: console.print(_table(names, predictions, top or _TOP)),
    )


def predict(project: Project, files: Sequence[Path], ids: Sequence[str], batch_size: int) -> Predictions:
    """Predict all files, or else all ids. Raises Conflict if another checkpoint goes live meanwhile."""
    batches = []
    for start in range(0, max(len(files), len(ids)), batch_size):
        stop = start + batch_size
        batches.append(project.models.predict_ids(ids[start:stop]) if ids else _images(project, files[start:stop]))
    if len({batch.checkpoint for batch in batches}) > 1:
        raise Conflict("another checkpoint went live during the prediction; run the command again")
    predictions = tuple(prediction for batch in batches for prediction in batch.predictions)
    return Predictions(batches[0].project, batches[0].checkpoint, predictions)


def _images(project: Project, files: Sequence[Path]) -> Predictions:
    contents = [path.read_bytes() for path in files]
    try:
        return project.models.predict_images(contents)
    except NextlabelError:
        # predict them one by one, to name the file in the error
        for path, data in zip(files, contents, strict=True):
            try:
                project.models.predict_images([data])
            except NextlabelError as error:
                raise type(error)(f"{path}: {error}") from None
        raise


def _table(names: Sequence[str], predictions: Predictions, top: int) -> Table:
    rows = table(("item", "prediction"), f"{predictions.project}, checkpoint {predictions.checkpoint}")
    for name, prediction in zip(names, predictions.predictions, strict=True):
        rows.add_row(name, _prediction_text(prediction, top))
    return rows


def _prediction_text(prediction: Prediction, top: int) -> str:
    if prediction.mean is not None:
        return f"{prediction.mean:.4g}" + ("" if prediction.std is None else f" ± {prediction.std:.2g}")
    ranked = list((prediction.probabilities or {}).items())[:top]
    return ", ".join(f"{name} {probability:.1%}" for name, probability in ranked)
