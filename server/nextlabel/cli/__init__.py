"""The same engine for a terminal."""


def main() -> None:
    """Run the command line."""
    from nextlabel.cli.main_group import cli  # noqa: PLC0415 - importing this package costs nothing

    cli(prog_name="nextlabel")
