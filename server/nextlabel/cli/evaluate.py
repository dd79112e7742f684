"""nextlabel evaluate: measure the live checkpoint."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from nextlabel.cli.options import as_json, imported_project, open_engine, project_name, with_settings
from nextlabel.cli.output import Screen, metrics_line
from nextlabel.cli.report_text import SPLITS, show_report
from nextlabel.engine.evaluation.evaluate import evaluate
from nextlabel.engine.settings import Settings

_FORMS = {"onnx": "through its ONNX form", "model": "through the model's own class"}


@click.command("evaluate")
@project_name
@as_json
@with_settings()
def command(settings: Settings, name: str, project_file: Path | None, as_json: bool) -> None:
    """Measure PROJECT's live checkpoint on items it was not trained on.

    Prints precision, recall, F1 and support by class and the confusion matrix, or the errors of a regression.
    Uses the data set's own test split if it has one, else the hold-out, and without one the items that nobody
    has labelled. Predicts as the server does: with the ONNX form if there is one, else with the model's own
    class; for items without a label, with the scores that were stored after the training.
    """
    screen = Screen(as_json)
    with open_engine(settings, project_file) as engine:
        imported_project(engine, name)
        with screen.progress(f"evaluating {name}") as advance:
            evaluation = evaluate(engine.services, name, lambda share: advance(share, ""))

    title = f"{evaluation.project}/{evaluation.checkpoint} on {SPLITS[evaluation.split]} ({evaluation.items} items)"
    title += f", as served: {_FORMS[evaluation.form]}"

    def show(console: Console) -> None:
        console.print(f"{title}\n{metrics_line(evaluation.metrics)}\n", soft_wrap=True)
        show_report(console, evaluation.report)

    screen.answer(evaluation.document(), show)
