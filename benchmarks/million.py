"""A pool of 1,000,000 vectors of 512 numbers: import, queries, labels, pages and jobs, with CPU time and memory.

python benchmarks/million.py [--check] [--items 1000000] [--dimensions 512]

Each figure is of one `nextlabel serve` with one web process. `before` is commit 2780a28, measured on a machine
with other load: seconds of CPU / wall. `passes` are bare numpy over the same arrays: the floor.
"""

from __future__ import annotations

import os
import re
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil
from million_plugins import CLASSES, FILES
from serving import Client, Response, Server, serving, until

STRATEGIES = ("core-set", "dbal", "tiny-badge", "tiny-bald")
MODULES = ("badge", "bald")
"""Modules of `tests/tiny_plugins` with a strategy."""
BEFORE = {
    "import job": "15.3 / 80",
    "first query of a process, margin 10": "5.7 / 21",
    "margin 10": "0.21 / 1.9",
    "tiny-bald 10": "3.7 / 24",
    "tiny-badge 10": "5.7 / 25",
    "POST /labels, 1": "0.03 / 0.28",
    "POST /labels, 100": "0.33 / 2.9",
    "GET /items": "0.04 / 0.34",
    "pool page": "0.07 / 0.55",
    "progress page": "0.38 / 3.1",
    "training job": "37.3 / 211",
    "scoring job": "36.4 / 214",
}
MEMORY_BEFORE = {"import job": 410, "training job": 1678, "scoring job": 362}
"""Anonymous memory at commit 2780a28, in MB."""
LONGEST_WRITE = 100
"""Milliseconds: no write transaction may take longer."""
SITE = """
import logging, os
log = logging.getLogger("nextlabel.store.connections")
log.addHandler(logging.FileHandler(os.environ["WRITES_LOG"]))
log.setLevel(logging.DEBUG)
log.propagate = False
"""
"""Python runs this when it starts: every process of the server logs how long its write transactions take."""
PROJECT = """
dataset = {plugin = "vectors-file"}
learner = {plugin = "centroids"}
strategy = {plugin = "margin"}
labels = {initial = 100, control = 0.0}
"""
ROW = "{:<40} {:>8} {:>8} {:>8}   {:>11} {:>6}  {}"


@dataclass
class Meter:
    """Watches the processes of a server: the largest anonymous memory by role, and the CPU time of the current job."""

    server: Server
    anonymous: dict[str, float] = field(default_factory=dict)
    """MB by role, since the last reset."""
    job_cpu: dict[int, float] = field(default_factory=dict)
    """Seconds by process."""
    ended: bool = False

    def watch(self) -> None:
        """Look again and again."""
        while not self.ended:
            for process, role in self.server.roles().items():
                with suppress(psutil.NoSuchProcess, OSError):
                    status = Path(f"/proc/{process.pid}/status").read_text()
                    for number in re.findall(r"RssAnon:\s+(\d+)", status):  # a process that has ended has none
                        self.anonymous[role] = max(self.anonymous.get(role, 0), int(number) * 1024 / 1e6)
                    if role == "job":
                        self.job_cpu[process.pid] = cpu_seconds(process)
            time.sleep(0.05)

    def web_cpu(self) -> float:
        """Return the CPU time of the web process so far."""
        (web,) = self.server.with_role("web")
        return cpu_seconds(web)

    def reset(self) -> None:
        """Forget what was seen, after the end of jobs."""
        until(lambda: not self.server.with_role("job"))
        time.sleep(0.2)
        self.anonymous.clear()
        self.job_cpu.clear()


@dataclass
class Report:
    """Prints a row per figure."""

    writes: Path
    """The log of write transactions."""
    read: int = 0
    """Characters of the log that were read."""

    def header(self) -> None:
        """Print the names of the columns."""
        print(ROW.format("", "CPU s", "wall s", "anon MB", "before", "MB", "goal"))

    def __call__(self, name: str, cpu: float, wall: float, anonymous: float, goal: float | None = None) -> None:
        """Print a row; `goal` is the most wall seconds."""
        mark = "" if goal is None else f"{goal:g} s" + ("" if wall <= goal else "  MISSED")
        memory = MEMORY_BEFORE.get(name, "")
        print(
            ROW.format(name, f"{cpu:.2f}", f"{wall:.2f}", f"{anonymous:.0f}", BEFORE.get(name, ""), memory, mark),
            flush=True,
        )

    def write_transactions(self, what: str) -> None:
        """Print how long the write transactions since the last call took."""
        text = self.writes.read_text()[self.read :]
        self.read += len(text)
        times = np.array(re.findall(r"write transaction: ([0-9.]+) ms, ([0-9.]+) ms", text), np.float64)
        if len(times):
            (wall, cpu), (median, _) = times.max(axis=0), np.median(times, axis=0)
            mark = "" if wall <= LONGEST_WRITE else "  MISSED"
            print(
                f"  {what}: {len(times)} write transactions, median {median:.0f} ms,"
                f" longest {wall:.0f} ms (goal {LONGEST_WRITE}){mark}, most CPU {cpu:.0f} ms",
                flush=True,
            )


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU time that the process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


def write_vectors(folder: Path, items: int, dimensions: int) -> None:
    """Write the data set: Gaussian clusters, one per class."""
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 1.5 / np.sqrt(dimensions), (len(CLASSES), dimensions)).astype(np.float32)
    truth = rng.integers(len(CLASSES), size=items)
    out = np.lib.format.open_memmap(folder / FILES[0], mode="w+", dtype=np.float32, shape=(items, dimensions))
    for start in range(0, items, 65_536):
        part = truth[start : start + 65_536]
        noise = rng.standard_normal((len(part), dimensions), np.float32) / np.float32(np.sqrt(dimensions))
        out[start : start + len(part)] = centres[part] + noise
    out.flush()
    np.save(folder / FILES[1], truth)


def passes(folder: Path) -> None:
    """Print the time of bare passes over the vectors, and over probabilities of the same length."""
    vectors = np.load(folder / FILES[0], mmap_mode="r")
    probabilities = np.random.default_rng(0).random((len(vectors), len(CLASSES)), np.float32)

    def report(name: str, run: Callable[[], Any]) -> None:
        cpu, wall = time.process_time(), time.perf_counter()
        run()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        print(ROW.format(f"pass: {name}", f"{cpu:.2f}", f"{wall:.2f}", "", "", "", ""), flush=True)

    steps = range(0, len(vectors), 16_384)
    report("sum of the vectors", lambda: [vectors[start : start + 16_384].sum() for start in steps])
    report("product with one vector", lambda: [vectors[start : start + 16_384] @ vectors[0] for start in steps])
    report("copy of the vectors to a file", lambda: np.save(folder / "copy.npy", vectors))
    report(
        "two largest probabilities",
        lambda: [np.partition(probabilities[start : start + 16_384], -2, axis=1) for start in steps],
    )
    (folder / "copy.npy").unlink()


@contextmanager
def pool_server(folder: Path) -> Iterator[tuple[Server, Meter]]:
    """Serve the project `million`; the default project is another one."""
    here = Path(__file__).parent
    tests = here.parent / "tests"
    about, projects = folder / "plugins" / "million-1.0.dist-info", folder / "projects"
    if not about.exists():
        about.mkdir(parents=True)
        projects.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: million\nVersion: 1.0\n")
        entries = ["million = million_plugins", *(f"tiny_{name} = tiny_plugins.{name}" for name in MODULES)]
        (about / "entry_points.txt").write_text("\n".join(["[nextlabel]", *entries, ""]))
        (folder / "plugins" / "sitecustomize.py").write_text(SITE)
        (projects / "million.toml").write_text(PROJECT)
    paths = [str(folder / "plugins"), str(here), str(tests), os.environ.get("PYTHONPATH", "")]
    environment = {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "WRITES_LOG": str(folder / "writes.log"),
        "NEXTLABEL_PROJECTS": str(projects),
        "NEXTLABEL_DATA": str(folder),
        "NEXTLABEL_DEFAULT_PROJECT": "digits",
        "NEXTLABEL_WEB_WORKERS": "1",
    }
    with serving(folder / "home", **environment) as server:
        meter = Meter(server)
        watcher = threading.Thread(target=meter.watch)
        watcher.start()
        try:
            yield server, meter
        finally:
            meter.ended = True
            watcher.join()


class Bench:
    """The requests to one server, and their figures."""

    def __init__(self, server: Server, meter: Meter, report: Report) -> None:
        self.client = Client(server.port, timeout=600.0)
        self.meter, self.report = meter, report
        self.annotators = 0
        self.queries: list[str] = []
        """Queries with leases."""

    def get(self, path: str) -> Response:
        """Send a request to the project."""
        return self.client("GET", f"/projects/million{path}")

    def timed(self, name: str, send: Callable[[], Response], goal: float | None = None, repeat: int = 1) -> None:
        """Report the median of `repeat` requests. Leases of a query are handed back."""
        figures = []
        self.meter.reset()
        for _ in range(repeat):
            cpu, wall = self.meter.web_cpu(), time.perf_counter()
            response = send()
            wall = time.perf_counter() - wall
            figures.append((self.meter.web_cpu() - cpu, wall))
            assert response.status in (200, 201), f"{name}: {response.status} {response.body[:500]!r}"
            for query in self.queries:
                self.client("DELETE", f"/projects/million/queries/{query}")
            self.queries.clear()
        time.sleep(0.1)
        cpu, wall = np.median(figures, axis=0)
        self.report(name, cpu, wall, self.meter.anonymous.get("web", 0), goal)

    def job(self, name: str, number: int) -> None:
        """Wait for a job and report it."""
        row = until(lambda: self._ended(number), 7200, 0.2)
        assert row["state"] == "succeeded", row
        wall = row["finished"] - row["started"]
        self.report(name, max(self.meter.job_cpu.values(), default=0.0), wall, self.meter.anonymous.get("job", 0))
        self.report.write_transactions(name)

    def _ended(self, number: int) -> Any:
        row = self.client("GET", f"/jobs/{number}").json()
        return row if row["state"] not in ("queued", "running") else None

    def query(self, strategy: str, size: int) -> Response:
        """Query as another annotator each time, who leases the items."""
        self.annotators += 1
        response = self.get(f"/query?size={size}&strategy={strategy}&annotator=person-{self.annotators}")
        if response.status == 200:
            self.queries.append(response.json()["query"])
        return response

    def scored(self, strategy: str) -> None:
        """Query until the scores that the strategy needs are there."""
        self.meter.reset()
        known = {job["job"] for job in self.get("/jobs").json()["jobs"]}
        if self.query(strategy, 1).status == 200:
            return
        for job in self.get("/jobs").json()["jobs"]:
            if job["job"] not in known:
                self.job(f"scoring job, for {strategy}", job["job"])
        assert self.query(strategy, 1).status == 200

    def label(self, ids: list[str]) -> Response:
        """Label items, all as the first class."""
        self.annotators += 1
        labels = [{"id": item, "candidates": [CLASSES[0]]} for item in ids]
        body = {"annotator": f"person-{self.annotators}", "labels": labels}
        return self.client("POST", "/projects/million/labels", body)


def run(folder: Path, *, brief: bool) -> None:
    """Import, train, restart, and measure each kind of request."""
    report = Report(folder / "writes.log")
    report.header()
    passes(folder)
    with pool_server(folder) as (server, meter):
        bench = Bench(server, meter, report)
        until(lambda: bench.client("GET", "/readyz").status == 200)
        meter.reset()
        report.write_transactions("start, and the training of another project")
        assert bench.get("/query?size=1").status == 503
        bench.job("import job", bench.get("/jobs").json()["jobs"][0]["job"])
        bench.timed("first query of a process, no model", lambda: bench.query("margin", 10), 1.0)
        meter.reset()
        number = bench.client("POST", "/projects/million/train").json()["job"]
        bench.job("training job", number)
        for name in STRATEGIES:
            bench.scored(name)
    with pool_server(folder) as (server, meter):
        bench = Bench(server, meter, report)
        until(lambda: bench.client("GET", "/healthz").status == 200)
        report.write_transactions("start")
        bench.timed("first query of a process, margin 10", lambda: bench.query("margin", 10), 1.0)
        repeat = 2 if brief else 5
        for name in ("margin", *STRATEGIES):
            goal = 0.15 if name == "margin" else 0.5
            bench.query(name, 1)
            bench.timed(f"{name} 10", lambda name=name: bench.query(name, 10), goal, repeat)
            hundred = 1.0 if name == "core-set" else goal
            bench.timed(f"{name} 100", lambda name=name: bench.query(name, 100), hundred, repeat)
        report.write_transactions("queries")
        bench.timed("POST /labels, 1", lambda: bench.label(["17"]), 0.05, repeat)
        bench.timed("POST /labels, 100", lambda: bench.label([str(i) for i in range(100, 5100, 50)]), 0.05, repeat)
        report.write_transactions("labels")
        bench.timed("GET /items", lambda: bench.get("/items"), None, repeat)
        bench.timed("pool page", lambda: bench.get("/pool"), None, repeat)
        bench.timed("pool page by prediction", lambda: bench.get("/pool?guess=class+3"), None, repeat)
        bench.timed("pool page with a search", lambda: bench.get("/pool?q=77"), None, repeat)
        bench.timed("progress page", lambda: bench.get("/progress"), None, repeat)
        bench.timed("query after labels, margin 10", lambda: bench.query("margin", 10), 0.15)


def main() -> None:
    """Write the vectors and measure."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="a small pool, only to see that it works")
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--dimensions", type=int, default=512)
    arguments = parser.parse_args()
    items, dimensions = (20_000, 16) if arguments.check else (arguments.items, arguments.dimensions)
    with TemporaryDirectory() as folder:
        write_vectors(Path(folder), items, dimensions)
        run(Path(folder), brief=arguments.check)


if __name__ == "__main__":
    main()
