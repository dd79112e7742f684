"""The nodes of a graph on a real server: a network is trained on them, answers for them alone, and takes labels."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from serving import finished, serving, wait_ready
from support.geometric import require_geometric

PROJECT = """title = "Rings"
dataset = {plugin = "tiny-rings"}
learner = {plugin = "gcn", epochs = 100}
strategy = {plugin = "entropy", size = 6}
"""


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_graph_is_served(tmp_path: Path, distribute: Callable[..., None]) -> None:
    require_geometric()
    distribute(tmp_path / "site", "tiny-graph", graph="tiny_plugins.graph")
    (tmp_path / "projects").mkdir()
    (tmp_path / "projects" / "rings.toml").write_text(PROJECT)
    settings = {
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(Path(__file__).parents[1])]),
        "NEXTLABEL_PROJECTS": str(tmp_path / "projects"),
        "NEXTLABEL_DEFAULT_PROJECT": "rings",
        "NEXTLABEL_BLOCKED_PLUGINS": "projects",
    }
    with serving(tmp_path / "home", **settings) as server:
        client = server.client()
        wait_ready(client)
        job = finished(client, client("POST", "/train").json()["job"])
        assert (job["state"], job["metrics"]["labels"]) == ("succeeded", 3)
        query = client("GET", "/query?annotator=ann").json()
        nodes = [item["id"] for item in query["items"]]
        assert len(nodes) == 6
        colours = {node: ("red", "green", "blue")[int(node.removeprefix("node-")) // 16] for node in nodes}
        labels = [{"id": node, "candidates": [colour]} for node, colour in colours.items()]
        assert client("POST", "/labels", {"annotator": "ann", "labels": labels}).json() == {"accepted": 6}
        job = finished(client, client("POST", "/train").json()["job"])
        assert (job["state"], job["metrics"]["labels"]) == ("succeeded", 9)
        answer = client("POST", "/predict", {"ids": nodes})
        assert [prediction["label"] for prediction in answer.json()["predictions"]] == list(colours.values())
        for content in ({"vectors": [[0.0] * 48]}, b"an image"):
            refused = client("POST", "/predict", content, *(["image/png"] if isinstance(content, bytes) else []))
            assert refused.status == 422, refused.body
        assert "node-" in client("GET", "/projects/rings/pool").body.decode()
        assert client("GET", f"/projects/rings/pool/{nodes[0]}").status == 200
        assert client("GET", "/projects/rings/label").status == 200
