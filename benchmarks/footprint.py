"""How soon a server with a trained checkpoint predicts after its start, and what its processes weigh.

python benchmarks/footprint.py [--check] [--starts 5]
"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from predict_while_training import digit_jpeg, latencies
from serving import Server, serving, until, wait_ready


def first_prediction(home: Path, image: bytes) -> tuple[float, Server]:
    """Return the seconds from the start of the command to the first right answer."""
    server = Server(home)
    began = time.monotonic()
    server.start()

    def answered() -> bool:
        with suppress(OSError):
            return server.client()("POST", "/predict", image, "image/jpeg").status == 200
        return False

    until(answered, 60, 0.01)
    return time.monotonic() - began, server


def main() -> None:
    """Train once, then start again and again."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="one start only")
    parser.add_argument("--starts", type=int, default=5)
    given = parser.parse_args()
    image = digit_jpeg(7)
    with TemporaryDirectory() as folder:
        home = Path(folder)
        with serving(home) as server:
            wait_ready(server.client())
        for _ in range(1 if given.check else given.starts):
            seconds, server = first_prediction(home, image)
            for _ in range(8):  # so that every web process has predicted
                latencies(server.client(), image, 0.2)
            weights = {process.pid: process.memory_info().rss / 2**20 for process in server.processes("nextlabel")}
            roles = {process.pid: " ".join(process.cmdline()[-3:])[-60:] for process in server.processes("nextlabel")}
            server.stop()
            print(f"first prediction {seconds:.2f} s after the start; memory in MiB:")
            for pid, weight in sorted(weights.items()):
                print(f"  {weight:6.0f}  {roles[pid]}")


if __name__ == "__main__":
    main()
