"""An annotator who always labels correctly, through the HTTP API: query, label, train, wait, repeat.

    python benchmarks/http_oracle.py --port 8000 --strategy margin --until 120

Reads the labels of the 1,797 digits from scikit-learn and imports nothing of nextlabel.
Prints the learning curve as JSON lines: {"labels", "accuracy"}.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from serving import Client, finished, wait_ready
from sklearn.datasets import load_digits

ANNOTATOR = "oracle"


def label_and_train(client: Client, strategy: str, size: int, until_labels: int) -> Iterator[dict[str, Any]]:
    """Yield the metrics of each checkpoint of the default project, including the first one."""
    truth = load_digits().target
    wait_ready(client)
    newest = client("GET", "/checkpoints").json()["checkpoints"][-1]
    yield newest["metrics"]
    while newest["metrics"]["labels"] < until_labels:
        query = client("GET", f"/query?size={size}&strategy={strategy}&annotator={ANNOTATOR}").json()
        labels = [{"id": item["id"], "candidates": [str(truth[int(item["id"])])]} for item in query["items"]]
        response = client("POST", "/labels", {"annotator": ANNOTATOR, "labels": labels, "key": query["query"]})
        assert response.status == 201, response.body
        job = finished(client, client("POST", "/train").json()["job"])
        assert job["state"] == "succeeded", job
        newest = client("GET", "/checkpoints").json()["checkpoints"][-1]
        yield newest["metrics"]


def main() -> None:
    """Label and train on a running server."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--strategy", default="margin")
    parser.add_argument("--size", type=int, default=10, help="labels per training")
    parser.add_argument("--until", type=int, default=120, help="number of labels to stop at")
    arguments = parser.parse_args()
    for metrics in label_and_train(Client(arguments.port), arguments.strategy, arguments.size, arguments.until):
        print(json.dumps({"labels": int(metrics["labels"]), "accuracy": metrics["accuracy"]}), flush=True)


if __name__ == "__main__":
    main()
