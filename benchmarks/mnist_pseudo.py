"""The project `mnist-pseudo` beside its supervised baseline.

python benchmarks/mnist_pseudo.py           5 seeds of `nextlabel train` at each number of labels; only those that are
                                            not stored yet; --only PROJECT: those of one project; --labels N
python benchmarks/mnist_pseudo.py --draw    draws docs/mnist-pseudo.svg from the stored results
python benchmarks/mnist_pseudo.py --check   a few random images: checks that both run, stores nothing
python benchmarks/mnist_pseudo.py --show    prints the table of docs/mnist-pseudo.md

NEXTLABEL_DATA must name the folder with MNIST. Results are stored in benchmarks/results/mnist_pseudo.jsonl, one line
per seed.
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from mnist_entropy import write_random_mnist
from seeds_by_labels import ROOT, Cell, chart, check, load, table, train

RESULTS = Path(__file__).parent / "results" / "mnist_pseudo.jsonl"
LABELS = (1000, 3000, 6000)
TITLES = {"mnist-pseudo": "`mnist-pseudo`", "mnist-pseudo-supervised": "supervised"}


def main() -> None:
    """Run what the arguments name."""
    parser = ArgumentParser(description=__doc__)
    for name in ("--check", "--draw", "--show"):
        parser.add_argument(name, action="store_true")
    parser.add_argument("--only", choices=TITLES)
    parser.add_argument("--labels", type=int, choices=LABELS)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.check:
        check(TITLES, write_random_mnist)
        return
    if arguments.draw:
        (ROOT / "docs" / "mnist-pseudo.svg").write_text(chart(load(RESULTS), TITLES, LABELS, "Pseudo-labels on MNIST"))
    elif not arguments.show:
        for project in [arguments.only] if arguments.only else TITLES:
            for count in [arguments.labels] if arguments.labels else LABELS:
                train(Cell(project, count), RESULTS, arguments.seeds)
    print(table(load(RESULTS), TITLES, LABELS))


if __name__ == "__main__":
    main()
