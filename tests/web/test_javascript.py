"""Runs the unit tests of the pages' scripts, `tests/js/*.test.mjs`, with `node --test`."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OLDEST = 18


def node() -> str:
    """Return the path of Node.js, or skip the test."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("node is not installed")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    if int(re.match(r"v(\d+)", version).group(1)) < OLDEST:
        pytest.skip(f"node {version.strip()} is older than {OLDEST}")
    return program


@pytest.mark.slow
def test_scripts(tmp_path):
    program = node()
    # a copy, because older versions of node need a package.json to read the scripts as modules
    for folder in ("server/nextlabel/web/static", "tests/js"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    tests = sorted(path.relative_to(tmp_path) for path in (tmp_path / "tests" / "js").glob("*.test.mjs"))
    assert tests
    done = subprocess.run(
        [program, "--test", *map(str, tests)], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
