"""Every page of a server with the steps that fill it, and labels and trainings that make the pages worth seeing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from serving import Client, finished, until
from sklearn.datasets import load_digits

from support.odd_images import saved, smooth

TRUTH = [str(digit) for digit in load_digits().target]
WIDTHS = (1280, 360)
SCHEMES = ("light", "dark")
TIMEOUT = 1800.0
"""Seconds that a training may take on a busy machine."""
IMAGE = saved(smooth(320, 200), "JPEG")


@dataclass(frozen=True)
class Stop:
    """A page and the steps to take on it before it is looked at."""

    name: str
    path: str
    prepare: Callable[[Any], None] = lambda page: None


def stops(project: str, item: str, image: bytes = IMAGE) -> list[Stop]:
    """Return every page of a server, for one project and its item `item`; `image` is uploaded for a prediction."""
    here = f"/projects/{project}"
    return [
        Stop("home", "/"),
        Stop("predict", f"{here}/"),
        Stop("predict-answer", f"{here}/", lambda page: _predict(page, image)),
        Stop("predict-several", f"{here}/", lambda page: _predict(page, image, IMAGE)),
        Stop("label-name", f"{here}/label", lambda page: page.wait_for_selector("#annotator-form:visible")),
        Stop("label", f"{here}/label?annotator=zoe", _select_classes),
        Stop("label-grid", f"{here}/label?annotator=yan", _open_grid),
        Stop("label-keys", f"{here}/label?annotator=zoe", _open_keys),
        Stop("progress", f"{here}/progress"),
        Stop("confusion", f"{here}/progress", _open_confusion),
        Stop("disagreements", f"{here}/disagreements"),
        Stop("second-look", f"{here}/second-look"),
        Stop("pool", f"{here}/pool"),
        Stop("pool-add", f"{here}/pool?state=contested", lambda page: page.click("#add > summary")),
        Stop("item", f"{here}/pool/{item}"),
        Stop("api", "/docs"),
        Stop("login", "/login"),
        Stop("problem", "/projects/none/"),
    ]


def label_and_train(client: Client, project: str, rounds: int = 5, size: int = 12) -> str:
    """Label digits of `project` as two annotators, train after each round; return an item they disagree about.

    The first annotator is right, sometimes with two classes, and skips one item per round. The second labels four items
    per round and one of them wrongly.
    """
    here = f"/projects/{project}"
    contested = ""
    until(lambda: client("GET", f"{here}/readyz").status == 200, TIMEOUT)
    for number in range(rounds):
        items = [item["id"] for item in client("GET", f"{here}/query?size={size}").json()["items"]]
        first = [{"id": item, **_label(index, TRUTH[int(item)])} for index, item in enumerate(items)]
        second = [
            {"id": item, "candidates": [_class(TRUTH[int(item)], wrong=index == 2)]}
            for index, item in enumerate(items[:4])
        ]
        for name, labels in (("ann", first), ("bob", second)):
            body = {"annotator": name, "labels": labels, "key": f"{name}-{number}"}
            response = client("POST", f"{here}/labels", body)
            assert response.status == 201, response.body
        contested = contested or items[2]
        assert finished(client, until(lambda: _train(client, here), TIMEOUT), TIMEOUT)["state"] == "succeeded"
    return contested


def _train(client: Client, here: str) -> int | None:
    response = client("POST", f"{here}/train")
    assert response.status in {202, 409}, response.body  # the first training starts by itself
    return int(response.json()["job"]) if response.status == 202 else None


def _label(index: int, truth: str) -> dict[str, object]:
    if index == 5:
        return {"skip": True}
    return {"candidates": sorted({truth, _class(truth, wrong=index in {3, 8})})}


def _class(truth: str, *, wrong: bool) -> str:
    return str((int(truth) + 4) % 10) if wrong else truth


def _predict(page: Any, *images: bytes) -> None:
    files = [{"name": f"{index}.jpg", "mimeType": "image/jpeg", "buffer": data} for index, data in enumerate(images)]
    page.set_input_files("#image", files)
    page.wait_for_selector("#result h2, #result table")


def _open_confusion(page: Any) -> None:
    page.locator("a[href*='/confusion?']").first.click()  # the most confused pair, if there is one
    page.wait_for_selector("ul.items")


def _select_classes(page: Any) -> None:
    page.wait_for_selector("#frame img")
    page.keyboard.press("3")
    page.keyboard.press("8")


def _open_grid(page: Any) -> None:
    page.wait_for_selector("#frame img")
    page.click("[data-view=grid]")
    page.wait_for_selector("#grid li img")
    page.keyboard.press("Space")


def _open_keys(page: Any) -> None:
    page.wait_for_selector("#frame img")
    page.click("#show-keys")
    page.wait_for_selector("#keys-dialog[open]")
