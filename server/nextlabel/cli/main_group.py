"""The command group. The module of a command is imported when the command runs, so `--help` is fast."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Any

import click

COMMANDS = {
    "serve": ("serve", "Answer over HTTP, and train in the background."),
    "projects": ("projects", "List the projects with their progress."),
    "plugins": ("plugins", "List strategies, learners and data sets with their parameters."),
    "download": ("download", "Download a project's data set and the weights of its backbone."),
    "train": ("train", "Train a project on its current labels."),
    "evaluate": ("evaluate", "Evaluate the live checkpoint on items it was not trained on."),
    "predict": ("predict", "Predict the classes of images."),
    "query": ("query", "List the items to label next."),
    "label": ("label", "Label an item with one or more possible classes."),
    "simulate": ("simulate", "Simulate the labelling loop with a data set's own labels and draw learning curves."),
    "import": ("import_", "Add labels and images from files of other tools."),
    "export": ("export", "Write labels, images or the model for other tools."),
    "new-plugin": ("new_plugin", "Create a working plugin package with its test."),
    "worker": ("worker", "Run queued jobs, without a web server."),
}
HIDDEN = {"run-job": "run_job"}
"""Commands that only our own processes start."""
_DATABASES = {"sqlite3", "sqlalchemy", "psycopg"}


class Commands(click.Group):
    """Imports a command when it is needed. Prints an expected error as one line and exits with status 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of `--help`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a command."""
        module = COMMANDS[cmd_name][0] if cmd_name in COMMANDS else HIDDEN.get(cmd_name)
        if module is None:
            return None
        command: click.Command = import_module(f"nextlabel.cli.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of `--help` without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            line = _line(error)
            if line is None:
                raise
            raise click.ClickException(line) from None


def _line(error: Exception) -> str | None:
    """Return a line for an expected error; None for a bug, whose traceback is worth seeing."""
    from nextlabel.contracts.errors import NextlabelError  # noqa: PLC0415 - imports numpy, which --help does not need

    if isinstance(error, (NextlabelError, OSError)):
        return str(error)
    if any(base.__module__.partition(".")[0] in _DATABASES for base in type(error).__mro__):
        return f"the database cannot be used: {str(error).splitlines()[0]}"
    return None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version("nextlabel"), prog_name="nextlabel")
def cli() -> None:
    """Serve an image classifier, query the labels that improve it most, and train on them.

    PROJECT in the help of a command is a project's name, or the path of a project file.
    """
