"""Images sent to a real server, and files that are no images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image
from serving import Response, Server, serving, wait_ready
from support.odd_images import saved, smooth

from nextlabel.cli.main_group import cli
from nextlabel.engine.settings import Settings

TRAINED = Path(__file__).parents[2] / "trained" / "photos"


def upload(server: Server, data: bytes, path: str = "/predict") -> Response:
    """Send a file as `curl -F image=@image.jpg` does."""
    head = b'--walk\r\nContent-Disposition: form-data; name="image"; filename="image.jpg"\r\n'
    body = head + b"Content-Type: image/jpeg\r\n\r\n" + data + b"\r\n--walk--\r\n"
    return server.client()("POST", path, body, "multipart/form-data; boundary=walk")


@pytest.fixture
def server(quick: Settings, quick_folder: Path) -> Iterator[Server]:
    """A server whose default project predicts images."""
    assert CliRunner().invoke(cli, ["train", "quick"]).exit_code == 0
    settings = {name: os.environ[name] for name in os.environ if name.startswith("NEXTLABEL_") and "HOME" not in name}
    with serving(quick.home, **settings) as running:
        wait_ready(running.client())
        yield running


REFUSED = {
    "an image of 2 MB": (saved(smooth(64, 64), "JPEG") + bytes(2_000_000), {413}, "1,000,000 bytes"),
    "a GIF under another name": (saved(smooth(64, 64), "GIF"), {415}, "GIF"),
    "a JPEG cut off": (saved(smooth(200, 200), "JPEG")[:1500], {422}, "cut off"),
    "a text file": (b"a shopping list\n", {415}, "text"),
}


def test_images_are_predicted_and_other_files_refused(server):
    image = saved(smooth(640, 480), "JPEG")
    assert len(image) < 1_000_000
    response = upload(server, image)
    assert response.status == 200, response.body
    assert list(response.json()) == ["project", "checkpoint", "label", "probability", "probabilities"]
    page = upload(server, image, "/projects/quick/")
    assert page.status == 200
    assert f"<h2>{response.json()['label']}</h2>".encode() in page.body
    for name, (data, statuses, reason) in REFUSED.items():
        answer = upload(server, data)
        assert answer.status in statuses, name
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert reason in answer.json()["detail"], name
        page = upload(server, data, "/projects/quick/")
        assert page.status in statuses, name
        assert page.headers["Content-Type"].startswith("text/html")
        assert reason.encode() in page.body, name


def ships() -> list[bytes] | None:
    """The first ten ships of CIFAR-10's test set, as JPG; None where the data set is not on this machine."""
    root = Path(os.environ.get("NEXTLABEL_DATA") or "/nowhere")
    if not (root / "cifar-10-batches-py").is_dir():
        return None
    from torchvision.datasets import CIFAR10

    dataset = CIFAR10(root, train=False)
    ship = dataset.classes.index("ship")
    first = [index for index, label in enumerate(dataset.targets) if label == ship][:10]
    return [saved(Image.fromarray(dataset.data[index]), "JPEG", quality=95) for index in first]


@pytest.mark.skipif(not any(TRAINED.glob("*/card.json")), reason="there is no checkpoint of photos in trained/")
def test_the_shipped_checkpoint_answers_photographs(tmp_path):
    with serving(tmp_path / "home", NEXTLABEL_DEFAULT_PROJECT="photos") as server:
        wait_ready(server.client())
        images = ships()
        if images is None:
            (answer,) = [upload(server, saved(smooth(300, 200), "JPEG"))]
            assert answer.status == 200, answer.body
            assert len(answer.json()["probabilities"]) == 10
            assert answer.json()["project"] == "photos"
            assert upload(server, saved(smooth(300, 200), "JPEG"), "/projects/photos/").status == 200
            return
        answers = [upload(server, image).json()["label"] for image in images]
        assert answers.count("ship") >= 8, answers
        page = upload(server, images[answers.index("ship")], "/projects/photos/")
        assert page.status == 200
        assert "<h2>ship</h2>" in page.body.decode()
        large = Image.open(BytesIO(images[0])).resize((1200, 1200), Image.Resampling.BICUBIC)
        assert upload(server, saved(large, "JPEG")).json()["label"] == answers[0]
