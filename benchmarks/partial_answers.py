"""Candidate sets against forced single classes, by simulated annotators who confuse look-alike classes.

python benchmarks/partial_answers.py                    5 seeds, about 20 minutes on a quiet core
python benchmarks/partial_answers.py --keep docs        also stores the points, and the charts in docs
python benchmarks/partial_answers.py --show             prints the tables of docs/partial-answers.md again
python benchmarks/partial_answers.py --check            takes seconds: checks that all annotators have the same doubts

Runs `nextlabel simulate` with one annotator at a time, who gets each item only once. Every label and
skip costs one answer. `--keep` stores the points in benchmarks/results/partial_answers.csv.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any

from partial_answers_tables import Point, Study, comparison, read, studies, table, write

RESULTS = Path(__file__).parent / "results" / "partial_answers.csv"
STUDY = (("margin", 0.1), ("margin", 0.3), ("margin", 0.6), ("random", 0.3), ("random", 0.6))
"""Strategy, and probability that an item with look-alikes is in doubt."""
ANNOTATORS = {"margin": ("exact", "forced", "habit", "skips", "sets"), "random": ("forced", "skips", "sets")}
START, SIZE, ROUNDS = 10, 40, 8
# no [stop]: a run that ends at its luckiest point would favour the noisiest annotator
PROJECT_FILE = """title = "{title}"
seed = 0
[dataset]
plugin = "{dataset}"
[learner]
plugin = "{learner}"
{parameters}
[strategy]
plugin = "{strategy}"
[labels]
initial = {start}
"""


@dataclass(frozen=True)
class Task:
    """What to train, and the number of labels and runs."""

    dataset: str = "digits"
    learner: str = "cnn"
    parameters: str = ""
    start: int = START
    size: int = SIZE
    rounds: int = ROUNDS
    seeds: int = 5

    def simulate(self, strategy: str, annotators: Sequence[str], rate: float, image: Path | None = None) -> Any:
        """Return the results of `nextlabel simulate` as JSON, and copy its chart to `image`."""
        title = f"{self.dataset}: in doubt {rate:.0%} of the time, strategy {strategy}"
        file = PROJECT_FILE.format(
            title=title, dataset=self.dataset, learner=self.learner, parameters=self.parameters,
            strategy=strategy, start=self.start,
        )  # fmt: skip
        with TemporaryDirectory() as folder:
            Path(folder, "study.toml").write_text(file)
            command = [sys.executable, "-m", "nextlabel", "simulate", "study", "--projects", folder]
            command += ["--strategy", strategy, "--annotators", ",".join(annotators), "--confusion", str(rate)]
            command += ["--size", str(self.size), "--rounds", str(self.rounds), "--seeds", str(self.seeds)]
            # the same weights on every machine with this torch, however many cores it has
            settings = {**os.environ, "NEXTLABEL_TRAIN_THREADS": "1"}
            subprocess.run([*command, "--out", f"{folder}/out"], check=True, stdout=subprocess.DEVNULL, env=settings)
            if image is not None:
                copyfile(Path(folder, "out", "curve.svg"), image)
            return json.loads(Path(folder, "out", "curve.json").read_text())


def points(document: Any, strategy: str, rate: float) -> list[Point]:
    """Return the rounds of a simulation."""
    return [
        Point(
            strategy,
            rate,
            point["annotator"],
            point["seed"],
            point["labels"],
            point["metrics"]["accuracy"],
            round(point["metrics"].get("wrong", 0)),
        )
        for point in document["points"]
    ]


def all_tables(several: Sequence[Study]) -> str:
    """Return one table per study, then one for each annotator that `sets` is compared with."""
    tables = [f"{study.strategy}, in doubt {study.rate:.0%} of the time\n\n{table(study)}" for study in several]
    return "\n\n".join([*tables, *(comparison(several, other) for other in ("forced", "habit", "skips"))])


def check() -> None:
    """Check that all annotators get the same items, have the same doubts, and pay for each answer."""
    task = Task(parameters="min_steps = 20", size=30, rounds=2, seeds=1)
    document = task.simulate("random", ("exact", "forced", "habit", "skips", "sets"), 0.6)
    end = {point["annotator"]: point for point in document["points"]}
    assert {point["labels"] for point in end.values()} == {START + 60}, end
    doubts = end["sets"]["metrics"]["partial"]
    assert doubts == end["skips"]["metrics"]["blank"] > 0, end
    assert end["sets"]["metrics"]["wrong"] == end["skips"]["metrics"]["wrong"] == 0, end
    assert 0 < end["forced"]["metrics"]["wrong"] < doubts, end
    print(
        f"60 answers, {doubts:.0f} in doubt to all annotators, {end['forced']['metrics']['wrong']:.0f} wrong if forced"
    )
    print(all_tables(studies(points(document, "random", 0.6))))


def main() -> None:
    """Run the whole study, or print the tables of stored points."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--learner", default="cnn")
    parser.add_argument(
        "--keep", type=Path, help="store the points, and write one chart per strategy and rate to this folder"
    )
    arguments = parser.parse_args()
    if arguments.check:
        check()
        return
    if arguments.show and not RESULTS.exists():
        parser.error("no points are stored yet: run it with --keep")
    if arguments.show:
        print(all_tables(studies(read(RESULTS))))
        return
    task = Task(dataset=arguments.dataset, learner=arguments.learner, seeds=arguments.seeds)
    results: list[Point] = []
    for strategy, rate in STUDY:
        image = arguments.keep and arguments.keep / f"partial-answers-{strategy}-{rate * 100:.0f}.svg"
        document = task.simulate(strategy, ANNOTATORS[strategy], rate, image)
        results += points(document, strategy, rate)
        print(f"{strategy}, {rate:.0%}: look-alikes {document['look_alikes']}", flush=True)
    if arguments.keep:
        write(results, RESULTS)
    print(all_tables(studies(results)))


if __name__ == "__main__":
    main()
