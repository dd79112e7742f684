"""Plays a person through the HTTP API alone: query, label, train, wait, repeat.

    python benchmarks/person.py --port 8000 --strategy margin --until 120

Knows the right answers of the 1,797 digits from scikit-learn; imports nothing of nextlabel.
Prints the learning curve as JSON lines: {"labels", "accuracy"}.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from serving import Client, finished, wait_ready
from sklearn.datasets import load_digits


def play(client: Client, strategy: str, size: int, until_labels: int) -> Iterator[dict[str, Any]]:
    """Yield the live project's metrics after each training, the first one's included."""
    truth = load_digits().target
    wait_ready(client)
    newest = client("GET", "/checkpoints").json()["checkpoints"][-1]
    yield newest["metrics"]
    while newest["metrics"]["labels"] < until_labels:
        query = client("GET", f"/query?size={size}&strategy={strategy}&annotator=person").json()
        labels = [{"id": item["id"], "candidates": [str(truth[int(item["id"])])]} for item in query["items"]]
        answer = client("POST", "/labels", {"annotator": "person", "labels": labels, "key": query["query"]})
        assert answer.status == 201, answer.body
        job = finished(client, client("POST", "/train").json()["job"])
        assert job["state"] == "succeeded", job
        newest = client("GET", "/checkpoints").json()["checkpoints"][-1]
        yield newest["metrics"]


def main() -> None:
    """Play against a server that runs."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--strategy", default="margin")
    parser.add_argument("--size", type=int, default=10)
    parser.add_argument("--until", type=int, default=120, help="labels to stop at")
    given = parser.parse_args()
    for metrics in play(Client(given.port), given.strategy, given.size, given.until):
        print(json.dumps({"labels": int(metrics["labels"]), "accuracy": metrics["accuracy"]}), flush=True)


if __name__ == "__main__":
    main()
