"""Answers with sets against forced single answers, by annotators who confuse look-alike classes.

python benchmarks/partial_answers.py                    5 seeds, about 20 minutes on a quiet core
python benchmarks/partial_answers.py --keep docs        keeps its points, and the images in docs
python benchmarks/partial_answers.py --show             the tables of docs/partial-answers.md, by the kept points
python benchmarks/partial_answers.py --check            seconds: that the doubts are the same for everyone

Plays `nextlabel simulate`. Everything is asked of one annotator, who is never asked an item twice; a
label is one answer, whatever it says. The points of `--keep` are benchmarks/results/partial_answers.csv.
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

from answer_tables import Point, Study, against, read, studies, table, write

RESULTS = Path(__file__).parent / "results" / "partial_answers.csv"
STUDY = (("margin", 0.1), ("margin", 0.3), ("margin", 0.6), ("random", 0.3), ("random", 0.6))
"""Who asks, and how often an answer is in doubt."""
ANNOTATORS = {"margin": ("exact", "forced", "habit", "skips", "sets"), "random": ("forced", "skips", "sets")}
START, SIZE, ROUNDS = 10, 40, 8
# no [stop]: a run that ends on its luckiest point would flatter whoever is noisiest
FILE = """title = "{title}"
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
    """What is learnt, and how much is asked."""

    dataset: str = "digits"
    learner: str = "cnn"
    parameters: str = ""
    start: int = START
    size: int = SIZE
    rounds: int = ROUNDS
    seeds: int = 5

    def play(self, strategy: str, annotators: Sequence[str], rate: float, image: Path | None = None) -> Any:
        """Return the document that `nextlabel simulate` writes; its image goes to `image`."""
        title = f"{self.dataset}: in doubt {rate:.0%} of the time, asked by {strategy}"
        file = FILE.format(
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
    said = ((point, point["metrics"]) for point in document["points"])
    return [
        Point(
            strategy,
            rate,
            each["annotator"],
            each["seed"],
            each["labels"],
            metrics["accuracy"],
            round(metrics.get("wrong", 0)),
        )
        for each, metrics in said
    ]


def told(several: Sequence[Study]) -> str:
    """Return all tables: each study's own, then sets against each of the others in doubt."""
    tables = [f"{study.strategy}, in doubt {study.rate:.0%} of the time\n\n{table(study)}" for study in several]
    return "\n\n".join([*tables, *(against(several, other) for other in ("forced", "habit", "skips"))])


def check() -> None:
    """See that every annotator is asked the same, meets the same doubts, and pays for each answer."""
    task = Task(parameters="min_steps = 20", size=30, rounds=2, seeds=1)
    document = task.play("random", ("exact", "forced", "habit", "skips", "sets"), 0.6)
    end = {point["annotator"]: point for point in document["points"]}
    assert {point["labels"] for point in end.values()} == {START + 60}, end
    doubts = end["sets"]["metrics"]["partial"]
    assert doubts == end["skips"]["metrics"]["blank"] > 0, end
    assert end["sets"]["metrics"]["wrong"] == end["skips"]["metrics"]["wrong"] == 0, end
    assert 0 < end["forced"]["metrics"]["wrong"] < doubts, end
    print(f"60 answers, {doubts:.0f} in doubt to everyone, {end['forced']['metrics']['wrong']:.0f} wrong where forced")
    print(told(studies(points(document, "random", 0.6))))


def main() -> None:
    """Play the whole study, or show what was kept of it."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--learner", default="cnn")
    parser.add_argument("--keep", type=Path, help="a folder for the curves, one image a rate and strategy")
    given = parser.parse_args()
    if given.check:
        check()
        return
    if given.show and not RESULTS.exists():
        parser.error("no points are kept yet: run it with --keep")
    if given.show:
        print(told(studies(read(RESULTS))))
        return
    task = Task(dataset=given.dataset, learner=given.learner, seeds=given.seeds)
    played: list[Point] = []
    for strategy, rate in STUDY:
        image = given.keep and given.keep / f"partial-answers-{strategy}-{rate * 100:.0f}.svg"
        document = task.play(strategy, ANNOTATORS[strategy], rate, image)
        played += points(document, strategy, rate)
        print(f"{strategy}, {rate:.0%}: look-alikes {document['look_alikes']}", flush=True)
    if given.keep:
        write(played, RESULTS)
    print(told(studies(played)))


if __name__ == "__main__":
    main()
