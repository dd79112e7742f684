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

from pathlib import Path

from mnist_entropy import write_random_mnist
from seeds_by_labels import ROOT, chart, load, run

RESULTS = Path(__file__).parent / "results" / "mnist_pseudo.jsonl"
LABELS = (1000, 3000, 6000)
TITLES = {"mnist-pseudo": "`mnist-pseudo`", "mnist-pseudo-supervised": "supervised"}


def draw_pictures() -> None:
    """Draw the picture of the page."""
    (ROOT / "docs" / "mnist-pseudo.svg").write_text(chart(load(RESULTS), TITLES, LABELS, "Pseudo-labels on MNIST"))


if __name__ == "__main__":
    run(__doc__, RESULTS, TITLES, LABELS, write_random_mnist, draw_pictures)
