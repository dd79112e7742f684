"""`photos100` on a server, on generated images in CIFAR-100's format: the job reads and trains, then it predicts."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from serving import finished, serving, wait_ready

from nextlabel_plugins import projects

ACCEPT = '''
"""Lets torchvision accept the generated files, in every process that loads plugins."""
from nextlabel.contracts import hookimpl
from nextlabel_plugins.datasets.cifar100 import Cifar100

torchvision_source = Cifar100._source

def source(self):
    found = torchvision_source(self)
    found.train_list, found.test_list = [["train", "{train}"]], [["test", "{test}"]]
    found.meta = {{**found.meta, "md5": "{meta}"}}
    return found

Cifar100._source = source

@hookimpl
def nextlabel_projects():
    return iter(())
'''


def images(truth: np.ndarray) -> np.ndarray:
    """Return noisy images (n, 3, 32, 32) whose colour is the class: its ten's digit in red, its unit's in green."""
    noise = np.random.default_rng(0).integers(0, 10, (len(truth), 3, 32, 32))
    colour = np.stack([24 * (truth // 10), 24 * (truth % 10), 0 * truth], axis=1)
    return (noise + colour[:, :, None, None]).astype(np.uint8)


def write(folder: Path) -> dict[str, str]:
    """Write a small data set in CIFAR-100's format; return the MD5 of each file."""
    folder.mkdir(parents=True)
    digests = {}
    contents = {"train": np.arange(200) % 100, "test": np.arange(100)}
    names = [f"colour {number:02}" for number in range(100)]
    for name, truth in contents.items():
        value = {"data": images(truth).reshape(len(truth), -1), "fine_labels": truth.tolist()}
        (folder / name).write_bytes(pickle.dumps(value))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": names}))
    for name in ("train", "test", "meta"):
        digests[name] = hashlib.md5((folder / name).read_bytes(), usedforsecurity=False).hexdigest()
    return digests


def png(pixels: np.ndarray) -> bytes:
    file = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).save(file, "PNG")
    return file.getvalue()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_photos100_is_trained_evaluated_and_predicts(tmp_path: Path, distribute: Callable[..., None]) -> None:
    digests = write(tmp_path / "data" / "cifar-100-python")
    plugins = tmp_path / "plugins"
    distribute(plugins, "accept-generated", accept="accept_generated")
    (plugins / "accept_generated.py").write_text(ACCEPT.format(**digests))
    text = (Path(projects.__file__).parent / "photos100.toml").read_text("utf-8")
    for long, short in (("epochs = 500", "epochs = 1\nfilters = 4"), ("batch_size = 256", "batch_size = 32")):
        assert long in text
        text = text.replace(long, short)
    (tmp_path / "projects").mkdir()
    (tmp_path / "projects" / "photos100.toml").write_text(text)
    settings = {
        "PYTHONPATH": str(plugins),
        "NEXTLABEL_DATA": str(tmp_path / "data"),
        "NEXTLABEL_PROJECTS": str(tmp_path / "projects"),
        "NEXTLABEL_DEFAULT_PROJECT": "photos100",
        "NEXTLABEL_BLOCKED_PLUGINS": "projects",  # some built-in projects train by themselves
        "NEXTLABEL_TRAIN_THREADS": "1",
    }
    with serving(tmp_path / "home", **settings) as server:
        client = server.client()
        wait_ready(client)  # the default project trains by itself
        answer = client("POST", "/predict", png(images(np.array([42]))[0]), "image/png").json()
        assert answer["project"] == "photos100"
        assert len(answer["probabilities"]) == 100
        query = client("GET", "/query?annotator=ann&size=2").json()
        labels = [{"id": item["id"], "candidates": [f"colour {int(item['id']) % 100:02}"]} for item in query["items"]]
        assert client("POST", "/labels", {"annotator": "ann", "labels": labels}).json() == {"accepted": 2}
        job = finished(client, client("POST", "/train").json()["job"])
        assert job["state"] == "succeeded"
        environment = {**os.environ, **settings, "NEXTLABEL_HOME": str(tmp_path / "home")}
        command = [sys.executable, "-m", "nextlabel", "evaluate", "photos100", "--json"]
        measured = json.loads(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
        assert (measured["split"], measured["items"], measured["form"]) == ("test", 100, "onnx")
        assert measured["metrics"]["accuracy"] == pytest.approx(job["metrics"]["test_accuracy"], abs=0.02)
