"""Every page a person can come to, each with what there is to see on it; and a past that makes it worth seeing."""

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
PATIENCE = 1800.0
"""Seconds a training may take where a machine has other things to do."""
IMAGE = saved(smooth(320, 200), "JPEG")


@dataclass(frozen=True)
class Stop:
    """A page, and what is done on it before it is looked at."""

    name: str
    path: str
    prepare: Callable[[Any], None] = lambda page: None


def stops(project: str, item: str, image: bytes = IMAGE) -> list[Stop]:
    """Every page of a server, those of one project and its item `item`; `image` is what is asked about."""
    here = f"/projects/{project}"
    return [
        Stop("home", "/"),
        Stop("predict", f"{here}/"),
        Stop("predict-answer", f"{here}/", lambda page: _predict(page, image)),
        Stop("predict-several", f"{here}/", lambda page: _predict(page, image, IMAGE)),
        Stop("label-name", f"{here}/label", lambda page: page.wait_for_selector("#who:visible")),
        Stop("label", f"{here}/label?annotator=zoe", _one),
        Stop("label-grid", f"{here}/label?annotator=yan", _many),
        Stop("label-keys", f"{here}/label?annotator=zoe", _keys),
        Stop("progress", f"{here}/progress"),
        Stop("confusion", f"{here}/progress", _confused),
        Stop("disagreements", f"{here}/disagreements"),
        Stop("second-look", f"{here}/second-look"),
        Stop("pool", f"{here}/pool"),
        Stop("pool-add", f"{here}/pool?state=contested", lambda page: page.click("#add > summary")),
        Stop("item", f"{here}/pool/{item}"),
        Stop("api", "/docs"),
        Stop("login", "/login"),
        Stop("problem", "/projects/none/"),
    ]


def past(client: Client, project: str, rounds: int = 5, size: int = 12) -> str:
    """Let two people label digits of `project` and train after each round; return an item they disagree about.

    The first is right, sometimes with two classes, and skips once a round; the second says something else of
    every item whose number in the round is 2.
    """
    here = f"/projects/{project}"
    contested = ""
    until(lambda: client("GET", f"{here}/readyz").status == 200, PATIENCE)
    for number in range(rounds):
        asked = [item["id"] for item in client("GET", f"{here}/query?size={size}").json()["items"]]
        first = [{"id": item, **_said(place, TRUTH[int(item)])} for place, item in enumerate(asked)]
        second = [{"id": item, "candidates": [_other(TRUTH[int(item)], place == 2)]} for place, item in
                  enumerate(asked[:4])]  # fmt: skip
        for name, labels in (("ann", first), ("bob", second)):
            answer = client("POST", f"{here}/labels", {"annotator": name, "labels": labels, "key": f"{name}-{number}"})
            assert answer.status == 201, answer.body
        contested = contested or asked[2]
        assert finished(client, until(lambda: _train(client, here), PATIENCE), PATIENCE)["state"] == "succeeded"
    return contested


def _train(client: Client, here: str) -> int | None:
    answer = client("POST", f"{here}/train")
    assert answer.status in {202, 409}, answer.body  # the first training starts by itself
    return int(answer.json()["job"]) if answer.status == 202 else None


def _said(place: int, truth: str) -> dict[str, object]:
    if place == 5:
        return {"skip": True}
    return {"candidates": sorted({truth, _other(truth, place in {3, 8})})}


def _other(truth: str, wanted: bool) -> str:
    return str((int(truth) + 4) % 10) if wanted else truth


def _predict(page: Any, *images: bytes) -> None:
    files = [{"name": f"{place}.jpg", "mimeType": "image/jpeg", "buffer": data} for place, data in enumerate(images)]
    page.set_input_files("#image", files)
    page.wait_for_selector("#answer h2, #answer table")


def _confused(page: Any) -> None:
    page.locator("a[href*='/confusion?']").first.click()  # the worst pair, if any is confused
    page.wait_for_selector("ul.finds")


def _one(page: Any) -> None:
    page.wait_for_selector("#frame img")
    page.keyboard.press("3")
    page.keyboard.press("8")


def _many(page: Any) -> None:
    page.wait_for_selector("#frame img")
    page.click("#many")
    page.wait_for_selector("#grid li img")
    page.keyboard.press("Space")


def _keys(page: Any) -> None:
    page.wait_for_selector("#frame img")
    page.click("#help")
    page.wait_for_selector("#keys[open]")
