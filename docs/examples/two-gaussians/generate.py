"""Writes points.csv, 400 points of two Gaussians in the plane, and new-points.csv, 2,000 more."""

from pathlib import Path

import numpy as np


def table(size: int, seed: int) -> str:
    """Return CSV text: half of the points around (-1.5, 0), half around (1.5, 0), with standard deviation 1."""
    classes = np.arange(size) % 2
    points = np.random.default_rng(seed).normal(size=(size, 2))
    points[:, 0] += np.where(classes, 1.5, -1.5)
    lines = [f"{x:.4f},{y:.4f},{'right' if right else 'left'}" for (x, y), right in zip(points, classes, strict=True)]
    return "\n".join(["x,y,label", *lines, ""])


if __name__ == "__main__":
    folder = Path(__file__).parent
    (folder / "points.csv").write_text(table(400, seed=0))
    (folder / "new-points.csv").write_text(table(2000, seed=1))
