from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

TORCHLESS = """
import sys
from pathlib import Path
from nextlabel.app import build_engine, create_app
from nextlabel.engine.settings import Settings

settings = Settings(home=Path(sys.argv[1]), projects=Path(sys.argv[2]), default_project="digits")
client = create_app(settings).test_client()
image = client.get("/items/0/image")
answers = [
    client.post("/predict", data=image.data, content_type=image.content_type),
    client.post("/predict", json={"ids": ["0"]}),
    client.post("/labels", json={"annotator": "ann", "labels": [{"id": "0", "skip": True}]}),
    *map(client.get, ("/", "/projects/digits/", "/query", "/info", "/metrics", "/openapi.json", "/jobs")),
]
assert all(answer.status_code < 300 for answer in answers), answers
print(sorted({name.partition(".")[0] for name in sys.modules} & {"torch", "torchvision", "sklearn", "scipy"}))
"""


def test_a_web_process_never_loads_torch(settings):
    command = [sys.executable, "-c", TORCHLESS, str(settings.home), str(settings.projects)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
