"""Many clients at once: labels while a strategy is slow, and annotators who query and label the same pool.

python benchmarks/contention.py [--check] [--seconds 300] [--clients 20]

First, `POST /labels` is timed at rest and while a strategy of another project sleeps; its 99th
percentile must stay below 100 ms. Then clients query and label: no item is handed out twice, no label is
lost, and every query replays to the same items. On SQLite, and on PostgreSQL if TEST_POSTGRES_URL
names a server.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import numpy as np
import sqlalchemy as sa
from contention_plugins import CLASSES
from serving import Client, Response, Server, serving, until

POSTGRES = "TEST_POSTGRES_URL"
LIMIT = 0.1
"""Seconds: `POST /labels` must be faster 99 times out of 100, whatever happens in another project."""
STRATEGIES = ("", "&strategy=random", "&strategy=in-order")
"""What the clients add to their queries, in turn."""
PROJECT = """
dataset = {{plugin = "points", size = {size}}}
learner = {{plugin = "threshold"}}
labels = {{initial = 10}}
train = {{every = {every}}}
[strategy]
plugin = "margin"
keep = 4
then = {{plugin = "in-order"}}
also = ["random", {{plugin = "sleeping", seconds = {sleep}}}, {{plugin = "sleeping-worker", seconds = 0.5}}]
"""


@contextmanager
def contended(home: Path, database: str, size: int, sleep: float) -> Iterator[Server]:
    """Serve two projects, `crowd` with `size` items and `sleepy`, whose strategy `sleeping` takes `sleep` seconds."""
    here = Path(__file__).parent
    plugins, projects = home / "plugins", home / "projects"
    about = plugins / "contention-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: contention\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[nextlabel]\ncontention = contention_plugins\n")
    projects.mkdir()
    (projects / "crowd.toml").write_text(PROJECT.format(size=size, every=1000, sleep=sleep))
    (projects / "sleepy.toml").write_text(PROJECT.format(size=1000, every=0, sleep=sleep))
    environment = {
        "PYTHONPATH": os.pathsep.join([str(plugins), str(here), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep),
        "NEXTLABEL_PROJECTS": str(projects),
        "NEXTLABEL_DEFAULT_PROJECT": "crowd",
        "NEXTLABEL_BLOCKED_PLUGINS": "projects",
        "NEXTLABEL_KEEP_SCORES": "1000",  # so that every query can be replayed
    }
    if database:
        environment["NEXTLABEL_DATABASE_URL"] = database
    with serving(home, **environment) as server:
        client = server.client()
        for project in ("crowd", "sleepy"):
            until(lambda project=project: client("GET", f"/projects/{project}/query?size=1").status == 200)
        yield server


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    """Yield a database URL by name: empty for SQLite in the home folder, and a schema of its own in PostgreSQL."""
    if POSTGRES not in os.environ:
        yield {"SQLite": ""}
        return
    url, schema = os.environ[POSTGRES], f"contention_{uuid4().hex}"
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(schema))
    try:
        yield {"SQLite": "", "PostgreSQL": f"{url}?options=-csearch_path%3D{schema}"}
    finally:
        with engine.begin() as connection:
            connection.execute(sa.schema.DropSchema(schema, cascade=True))


# -------------------------------------------------------------- labels while a strategy sleeps


def label_latencies(client: Client, items: Iterator[str], going: Callable[[], bool]) -> list[float]:
    """Return the seconds that each label of `crowd` takes, one every 50 ms, for as long as `going()` is true."""
    durations = []
    while going():
        body = {"annotator": "timer", "labels": [{"id": next(items), "candidates": [CLASSES[0]]}]}
        began = time.perf_counter()
        response = client("POST", "/labels", body)
        durations.append(time.perf_counter() - began)
        assert response.status == 201, response.body
        time.sleep(0.05)
    return durations


def while_sleeping(server: Server, items: Iterator[str]) -> list[float]:
    """Return the latencies of labels while a query of `sleepy` runs its slow strategy in a web process."""
    answers: list[Response] = []
    client = server.client()
    query = threading.Thread(
        target=lambda: answers.append(client("GET", "/projects/sleepy/query?strategy=sleeping&annotator=slow"))
    )
    query.start()
    time.sleep(0.2)
    durations = label_latencies(server.client(), items, query.is_alive)
    query.join()
    (answer,) = answers
    assert answer.status == 200, answer.body
    assert len(answer.json()["items"]) == 10
    return durations


# ---------------------------------------------------------------------------- many annotators


@dataclass
class Crowd:
    """What the clients were handed and what they sent."""

    handed: list[str] = field(default_factory=list)
    """The id of every item in every answer."""
    queries: list[tuple[str, list[str]]] = field(default_factory=list)
    """Every query, and the items that it returned."""
    labels: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By item: the annotator, and the class that was sent and accepted."""
    latencies: dict[str, list[float]] = field(default_factory=lambda: {"query": [], "label": []})
    """Seconds, of requests that were accepted."""
    refused: Counter[str] = field(default_factory=Counter)
    """Answers with status 503, by kind of request."""


def annotate(server: Server, crowd: Crowd, name: str, seconds: float, pause: float) -> None:
    """Query and label until the time is over; `pause` is the mean time between two queries, in seconds."""
    client, rng, turn = server.client(), random.Random(name), 0
    deadline = time.monotonic() + seconds

    def send(kind: str, *request: Any) -> Response | None:
        began = time.perf_counter()
        response = client(*request)
        if response.status == 503:
            crowd.refused[kind] += 1
            time.sleep(float(response.headers["Retry-After"]))
            return None
        crowd.latencies[kind].append(time.perf_counter() - began)
        assert response.status < 400, f"{request}: {response.status} {response.body!r}"
        return response

    while time.monotonic() < deadline:
        turn += 1
        size = rng.randint(1, 3)
        answer = send("query", "GET", f"/query?size={size}&annotator={name}{STRATEGIES[turn % len(STRATEGIES)]}")
        if answer is None:
            continue
        query = answer.json()
        ids = [item["id"] for item in query["items"]]
        crowd.handed += ids
        crowd.queries.append((query["query"], ids))
        assert ids, "the pool is too small for this many clients and seconds"
        labels = [{"id": item, "candidates": [rng.choice(CLASSES)]} for item in ids]
        body = {"annotator": name, "labels": labels, "key": f"{name}-{turn}"}
        while send("label", "POST", "/labels", body) is None:
            pass
        for label in labels:
            crowd.labels[str(label["id"])] = (name, label["candidates"][0])
        time.sleep(rng.expovariate(1 / pause) if pause else 0.0)


def run_crowd(server: Server, clients: int, seconds: float, pause: float) -> Crowd:
    """Let so many clients query and label."""
    crowd = Crowd()
    with ThreadPoolExecutor(clients) as threads:
        list(threads.map(lambda number: annotate(server, crowd, f"person-{number}", seconds, pause), range(clients)))
    return crowd


def check(server: Server, crowd: Crowd) -> None:
    """Assert that no item was handed out twice, no label was lost, and every query replays to the same items."""
    assert [item for item, count in Counter(crowd.handed).items() if count > 1] == []
    stored: dict[str, tuple[str, str]] = {}
    for line in server.client()("GET", "/labels?format=jsonl").body.splitlines():
        row = json.loads(line)
        if row["annotator"].startswith("person-"):
            assert row["id"] not in stored
            stored[row["id"]] = (row["annotator"], *row["candidates"])
    assert stored == crowd.labels

    def differs(part: Sequence[tuple[str, list[str]]]) -> list[str]:
        client = server.client()
        return [
            query for query, ids in part
            if [item["id"] for item in client("GET", f"/queries/{query}/replay").json().get("items", ())] != ids
        ]  # fmt: skip

    with ThreadPoolExecutor(4) as threads:
        parts = list(threads.map(differs, [crowd.queries[start::4] for start in range(4)]))
    assert [query for part in parts for query in part] == []


def percentiles(durations: Sequence[float]) -> str:
    """Return a line of percentiles in milliseconds."""
    p50, p95, p99 = np.percentile(np.array(durations) * 1e3, [50, 95, 99])
    return (
        f"p50 {p50:.1f}  p95 {p95:.1f}  p99 {p99:.1f}  most {max(durations) * 1e3:.1f} ms  ({len(durations)} requests)"
    )


def run(name: str, database: str, seconds: float, clients: int, *, brief: bool) -> float:
    """Run both parts on one database, print the figures, and return the 99th percentile while a strategy sleeps."""
    print(name)
    size, sleep, pause = (4000, 3.0, 0.05) if brief else (20_000, 30.0, 2.0)
    with TemporaryDirectory() as folder, contended(Path(folder), database, size, sleep) as server:
        # the last items of the pool, which `in-order` does not reach
        items = iter([f"point-{number}" for number in range(size - 1, 0, -1)])
        began = time.monotonic()
        rest = label_latencies(server.client(), items, lambda: time.monotonic() - began < sleep)
        asleep = while_sleeping(server, items)
        print(f"  POST /labels at rest              {percentiles(rest)}")
        print(f"  POST /labels, a strategy sleeping {percentiles(asleep)}")
        crowd = run_crowd(server, clients, seconds, pause)
        check(server, crowd)
    print(f"  {clients} clients, {seconds:.0f} s: {len(crowd.queries)} queries, {len(crowd.labels)} labels")
    for kind, durations in crowd.latencies.items():
        print(f"  {kind:>5}: {percentiles(durations)}, {crowd.refused[kind]} times 503")
    print("  no item handed out twice, no label lost, every query replayed to the same items")
    return float(np.percentile(asleep, 99))


def main() -> None:
    """Run on every database there is."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="a few seconds, only to see that it works")
    parser.add_argument("--seconds", type=float, default=300.0, help="time that the clients query and label")
    parser.add_argument("--clients", type=int, default=20)
    arguments = parser.parse_args()
    seconds = 4.0 if arguments.check else arguments.seconds
    with databases() as urls:
        slowest = max(run(name, url, seconds, arguments.clients, brief=arguments.check) for name, url in urls.items())
    if slowest > LIMIT and not arguments.check:
        sys.exit(f"POST /labels took {slowest * 1e3:.0f} ms at the 99th percentile, not {LIMIT * 1e3:.0f}")


if __name__ == "__main__":
    main()
