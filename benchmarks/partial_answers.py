"""Answers with sets against forced single answers, by annotators who confuse look-alike classes.

python benchmarks/partial_answers.py                    5 seeds, about 20 minutes on a quiet core
python benchmarks/partial_answers.py --pictures docs    and the pictures of docs/partial-answers.md
python benchmarks/partial_answers.py --check            seconds: that the doubts are the same for everyone

Plays `nextlabel simulate` and prints the tables of docs/partial-answers.md. Everything is asked of
one annotator, who is never asked an item twice; a label is one answer, whatever it says.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from shutil import copyfile
from statistics import mean, stdev
from tempfile import TemporaryDirectory
from typing import Any

STUDY = (("margin", 0.1), ("margin", 0.3), ("margin", 0.6), ("random", 0.3), ("random", 0.6))
"""Who asks, and how often an answer is in doubt."""
ANNOTATORS = {"margin": ("exact", "forced", "habit", "skips", "sets"), "random": ("forced", "skips", "sets")}
START, SIZE, ROUNDS = 10, 40, 8
LEVELS = (0.80, 0.90, 0.95)
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

Run = list[tuple[int, float]]
"""The (labels, accuracy) of one seed."""


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

    def play(self, strategy: str, annotators: Sequence[str], rate: float, picture: Path | None = None) -> Any:
        """Return the document that `nextlabel simulate` writes; its picture goes to `picture`."""
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
            if picture is not None:
                copyfile(Path(folder, "out", "curve.svg"), picture)
            return json.loads(Path(folder, "out", "curve.json").read_text())


def runs(document: Any, annotator: str) -> list[Run]:
    """Return every seed's curve with an annotator."""
    points = [point for point in document["points"] if point["annotator"] == annotator]
    return [
        [(point["labels"], point["metrics"]["accuracy"]) for point in points if point["seed"] == seed]
        for seed in document["seeds"]
    ]


def crossing(run: Run, level: float) -> float | None:
    """Return the labels at which a curve first reaches the level, between points by a straight line."""
    if run[0][1] >= level:
        return float(run[0][0])
    for (before, low), (after, high) in pairwise(run):
        if high >= level:
            return before + (after - before) * (level - low) / (high - low)
    return None


def average(several: Sequence[Run]) -> Run:
    """Return the mean curve; every run has its points at the same labels."""
    return [(same[0][0], mean(value for _, value in same)) for same in zip(*several, strict=True)]


def wrong(document: Any, annotator: str) -> float:
    """Return the share of all answers, over the seeds, that left the truth out."""
    ends: dict[int, Any] = {point["seed"]: point for point in document["points"] if point["annotator"] == annotator}
    given = sum(point["labels"] for point in ends.values()) - START * len(ends)
    return sum(point["metrics"].get("wrong", 0.0) for point in ends.values()) / given


def table(document: Any) -> str:
    """Return the rows of one strategy at one rate."""
    places = [labels for labels, _ in runs(document, "sets")[0]]
    shown = [places[len(places) // 4], places[len(places) // 2], places[-1]]
    head = ["annotator", "wrong", *(f"at {place}" for place in shown), *(f"labels to {level:.0%}" for level in LEVELS)]
    rows = [head, ["---"] * len(head)]
    for annotator in dict.fromkeys(point["annotator"] for point in document["points"]):
        played = runs(document, annotator)
        accuracies = [[dict(run)[place] for run in played] for place in shown]
        reached = [[crossing(run, level) for run in played] for level in LEVELS]
        rows.append(
            [f"`{annotator}`", f"{wrong(document, annotator):.1%}"]
            + [f"{spread(values, 100)} %" for values in accuracies]
            + [needed(crossings) for crossings in reached]
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def verdicts(document: Any) -> str:
    """Return, against each of the others in doubt, how many labels sets need for where that one ends."""
    said = []
    sets = runs(document, "sets")
    for other in [name for name in ("forced", "habit", "skips") if runs(document, name)[0]]:
        played = runs(document, other)
        last, end = average(played)[-1]
        fewer = crossing(average(sets), end)
        reach = "never reach that" if fewer is None else f"reach that after {fewer:.0f} ({fewer / last:.0%})"
        # seed by seed, because the hold-out, the first labels and the doubts are the same
        pairs = list(zip(sets, played, strict=True))
        whole = [mean(a - b for (_, a), (_, b) in zip(mine, theirs, strict=True)) for mine, theirs in pairs]
        final = [mine[-1][1] - theirs[-1][1] for mine, theirs in pairs]
        said.append(
            f"`{other}` ends at {end:.1%} after {last} labels; sets {reach}; sets less it: {gained(whole)} "
            f"over the curve, {gained(final)} at its end"
        )
    return "\n".join(f"- {line}" for line in said)


def gained(points: Sequence[float]) -> str:
    """Return a difference in points of accuracy, and in how many seeds it is above 0."""
    return f"{spread(points, 100)} points ({sum(each > 0 for each in points)} of {len(points)} seeds)"


def spread(values: Sequence[float], scale: float = 1.0) -> str:
    """Return the mean with the standard deviation over the seeds."""
    deviation = stdev(values) if len(values) > 1 else 0.0
    return f"{mean(values) * scale:.1f} ± {deviation * scale:.1f}"


def needed(crossings: Sequence[float | None]) -> str:
    """Return the labels it took, or how many seeds got there at all."""
    there = [labels for labels in crossings if labels is not None]
    if len(there) == len(crossings):
        return f"{mean(there):.0f} ± {stdev(there) if len(there) > 1 else 0.0:.0f}"
    return f"{len(there)} of {len(crossings)} seeds"


def check() -> None:
    """See that every annotator is asked the same, meets the same doubts, and pays for each answer."""
    task = Task(parameters="steps = 20", size=30, rounds=2, seeds=1)
    document = task.play("random", ("exact", "forced", "habit", "skips", "sets"), 0.6)
    end = {point["annotator"]: point for point in document["points"]}
    assert {point["labels"] for point in end.values()} == {START + 60}, end
    doubts = end["sets"]["metrics"]["partial"]
    assert doubts == end["skips"]["metrics"]["blank"] > 0, end
    assert end["sets"]["metrics"]["wrong"] == end["skips"]["metrics"]["wrong"] == 0, end
    assert 0 < end["forced"]["metrics"]["wrong"] < doubts, end
    print(f"60 answers, {doubts:.0f} in doubt to everyone, {end['forced']['metrics']['wrong']:.0f} wrong where forced")
    print(table(document), verdicts(document), sep="\n")


def main() -> None:
    """Play the whole study."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--learner", default="cnn")
    parser.add_argument("--pictures", type=Path, help="a folder for the curves, one picture a rate and strategy")
    given = parser.parse_args()
    if given.check:
        check()
        return
    task = Task(dataset=given.dataset, learner=given.learner, seeds=given.seeds)
    for strategy, rate in STUDY:
        picture = given.pictures and given.pictures / f"partial-answers-{strategy}-{rate * 100:.0f}.svg"
        document = task.play(strategy, ANNOTATORS[strategy], rate, picture)
        print(f"\n{strategy}, in doubt {rate:.0%} of the time; look-alikes {document['look_alikes']}\n")
        print(table(document), verdicts(document), sep="\n\n", flush=True)


if __name__ == "__main__":
    main()
