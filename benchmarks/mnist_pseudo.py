"""The project `mnist-pseudo` beside its supervised baseline.

python benchmarks/mnist_pseudo.py           5 seeds of `nextlabel simulate` for each; only runs that are not stored yet;
                                            --only PROJECT and --labels N: some of them
python benchmarks/mnist_pseudo.py --draw    draws docs/mnist-pseudo.svg from the stored results
python benchmarks/mnist_pseudo.py --check   a few random images: checks that both run, stores nothing
python benchmarks/mnist_pseudo.py --show    prints the table of docs/mnist-pseudo.md

NEXTLABEL_DATA must name the folder with MNIST. Results are stored in benchmarks/results/mnist_pseudo.jsonl, one line
per run. `nextlabel simulate FILE --start LABELS --rounds 0 --seeds 5` makes the same runs.
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from mnist_entropy import write_random_mnist
from simulated_runs import ROOT, Cell, chart, check, load, measure, table

RESULTS = Path(__file__).parent / "results" / "mnist_pseudo.jsonl"
LABELS = (1000, 3000, 6000)
"""Numbers of labels of the curves."""
CURVES = {"mnist-pseudo": "`mnist-pseudo`", "mnist-pseudo-supervised": "supervised"}


def main() -> None:
    """Run what the arguments name."""
    parser = ArgumentParser(description=__doc__)
    for name in ("--check", "--draw", "--show"):
        parser.add_argument(name, action="store_true")
    parser.add_argument("--only", choices=CURVES)
    parser.add_argument("--labels", type=int, choices=LABELS)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.check:
        check(CURVES, write_random_mnist)
        return
    if arguments.draw:
        (ROOT / "docs" / "mnist-pseudo.svg").write_text(chart(load(RESULTS), CURVES, LABELS, "Pseudo-labels on MNIST"))
    elif not arguments.show:
        cells = [Cell(project, count) for project in CURVES for count in LABELS]
        wanted = [c for c in cells if arguments.only in {None, c.project} and arguments.labels in {None, c.labels}]
        measure(RESULTS, wanted, arguments.seeds)
    print(table(load(RESULTS), CURVES, LABELS))


if __name__ == "__main__":
    main()
