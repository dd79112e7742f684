"""Text output shows names unchanged."""

from __future__ import annotations

from rich.table import Table

from nextlabel.cli.output import Screen

NAMES = ("holiday[old]/1.jpg", "[/x]", ":cat:", "0123456789abcdef" * 4)


def test_names_are_printed_unchanged(capsys):
    table = Table("item", "score", "reason", title="[b]title")
    for name in NAMES:
        table.add_row(name, "0.5", "a reason of several words, so that it would not fit into eighty columns")
    Screen(as_json=False).answer({}, lambda console: console.print(table))
    output = capsys.readouterr().out
    assert all(name in output for name in (*NAMES, "[b]title"))
