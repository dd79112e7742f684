"""The commands by name: each one's module is imported when it is used, so `--help` is quick."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Any

import click

SHOWN = {
    "serve": ("serve", "Answer over HTTP, and train in the background."),
    "projects": ("projects", "List the projects and how far each has come."),
    "plugins": ("plugins", "List strategies, learners and data sets with their parameters."),
    "train": ("train", "Train a project on the labels there are."),
    "evaluate": ("evaluate", "Measure the live checkpoint on items it never trained on."),
    "predict": ("predict", "Say what is in images."),
    "query": ("query", "Ask which items to label next."),
    "label": ("label", "Say which classes an item could be."),
    "simulate": ("simulate", "Play the loop with a data set's own labels and draw learning curves."),
    "import": ("import_", "Add labels and images from files of other tools."),
    "export": ("export", "Write labels, images or the model for other tools."),
    "new-plugin": ("new_plugin", "Write a plugin package that works, with its test."),
    "worker": ("worker", "Run queued trainings, without a web server."),
}
HIDDEN = {"run-job": "run_job"}
"""Commands that only our own processes start."""
_DATABASES = {"sqlite3", "sqlalchemy", "psycopg"}


class Commands(click.Group):
    """Finds a command when it is asked for; what the engine refuses becomes one line and status 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of `--help`."""
        return list(SHOWN)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command."""
        module = SHOWN[cmd_name][0] if cmd_name in SHOWN else HIDDEN.get(cmd_name)
        if module is None:
            return None
        found: click.Command = import_module(f"nextlabel.cli.{module}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of `--help` without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in SHOWN.items()])

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
    """Return what to tell a person; None for a fault of ours, whose traceback is worth seeing."""
    from nextlabel.contracts.errors import NextlabelError  # noqa: PLC0415 - imports numpy, which --help does not need

    if isinstance(error, (NextlabelError, OSError)):
        return str(error)
    if any(base.__module__.partition(".")[0] in _DATABASES for base in type(error).__mro__):
        return f"the database cannot be used: {str(error).splitlines()[0]}"
    return None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version("nextlabel"), prog_name="nextlabel")
def cli() -> None:
    """Serve an image classifier, ask for the labels that help it most, and train on the answers."""
