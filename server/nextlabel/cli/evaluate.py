"""nextlabel evaluate: how good the live checkpoint is."""

from __future__ import annotations

from dataclasses import asdict

import click

from nextlabel.cli.options import as_json, imported_project, open_engine, project_name, with_settings
from nextlabel.cli.output import Screen, metrics_line
from nextlabel.engine.evaluation.evaluate import evaluate
from nextlabel.engine.settings import Settings

_FORMS = {"onnx": "through its ONNX form", "model": "through the model's own class"}
_SPLITS = {"test": "the data set's own test split", "holdout": "the hold-out"}


@click.command("evaluate")
@project_name
@as_json
@with_settings()
def command(settings: Settings, name: str, as_json: bool) -> None:
    """Measure PROJECT's live checkpoint on items it never trained on.

    On the data set's own test split where it has one, else on the hold-out; as it is served:
    through its ONNX form where it has one, else through the model's own class.
    """
    screen = Screen(as_json)
    with open_engine(settings) as engine:
        imported_project(engine, name)
        with screen.progress(f"evaluating {name}") as advance:
            found = evaluate(engine.services, name, lambda share: advance(share, ""))

    where = f"{found.project}/{found.checkpoint} on {_SPLITS[found.split]} ({found.items} items)"
    where += f", as served: {_FORMS[found.form]}"
    screen.answer(asdict(found), f"{where}\n{metrics_line(found.metrics)}")
