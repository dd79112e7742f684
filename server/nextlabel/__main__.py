"""`python -m nextlabel` is the command `nextlabel`."""

from nextlabel.cli import main

main()
