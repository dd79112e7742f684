"""Start time of a server with a trained checkpoint, and the memory and idle CPU of each of its processes.

python benchmarks/startup_memory.py [--check] [--starts 5] [--idle 60]
"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import psutil
from predict_while_training import digit_jpeg, latencies
from serving import Server, serving, until, wait_ready

SETTLE = 5.0
"""Seconds after which the worker's own start no longer counts as idle."""
COLUMNS = "{:>7}  {:<8} {:>8} {:>8} {:>9}"


def first_prediction(home: Path, image: bytes) -> tuple[float, Server]:
    """Return the seconds from the start of the command to the first prediction, and the running server."""
    server = Server(home)
    began = time.monotonic()
    server.start()

    def predicts() -> bool:
        with suppress(OSError):
            return server.client()("POST", "/predict", image, "image/jpeg").status == 200
        return False

    until(predicts, 60, 0.01)
    return time.monotonic() - began, server


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU time that the process has used."""
    times = process.cpu_times()
    return times.user + times.system


def report(server: Server, idle: float) -> None:
    """Print memory, and CPU use over `idle` seconds without a request, one row per process."""
    time.sleep(SETTLE)
    roles = server.roles()
    before = {process: cpu_seconds(process) for process in roles}
    time.sleep(idle)
    print(COLUMNS.format("process", "role", "RSS MiB", "PSS MiB", "idle CPU"))
    for process, role in roles.items():
        memory = process.memory_full_info()
        share = (cpu_seconds(process) - before[process]) / idle
        sizes = (f"{size / 2**20:.0f}" for size in (memory.rss, memory.pss))
        print(COLUMNS.format(process.pid, role, *sizes, f"{share:.2%}"))


def main() -> None:
    """Train once, then measure several starts and one idle server."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="one start and two idle seconds, only to see that it runs")
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--idle", type=float, default=60.0, help="seconds without a request; CPU time comes in 10 ms")
    arguments = parser.parse_args()
    starts, idle = (1, 2.0) if arguments.check else (arguments.starts, arguments.idle)
    image = digit_jpeg(7)
    with TemporaryDirectory() as folder:
        home = Path(folder)
        with serving(home) as server:
            wait_ready(server.client())
        seconds, addresses = [], []
        for number in range(starts):
            taken, server = first_prediction(home, image)
            seconds.append(taken)
            addresses.append(server.started_in)
            if number == starts - 1:
                for _ in range(8):  # so that every web process has predicted
                    latencies(server.client(), image, 0.2)
                for client in server.clients:
                    client.close()
                report(server, idle)
            server.stop()
    print(
        f"start: address printed after {median(addresses):.2f} s, first prediction after {median(seconds):.2f} s",
        end="",
    )
    print(f" (median of {starts}; slowest {max(seconds):.2f} s)")


if __name__ == "__main__":
    main()
