"""Text output shows names unchanged."""

from __future__ import annotations

import sys

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


def test_lines_during_progress_go_to_standard_output(capsys):
    with Screen(as_json=False).progress("working") as progress:
        progress.print(f"a line of {NAMES[0]}")
        sys.stdout.write("dropped")
        progress(0.5, "half")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == (f"a line of {NAMES[0]}\n", "")


def test_json_has_no_lines_beside_it(capsys):
    with Screen(as_json=True).progress("working") as progress:
        progress.print("a line")
    assert capsys.readouterr() == ("", "")
