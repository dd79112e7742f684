"""A server with test projects, and an annotator's browser page for labelling them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote

import pytest
from click.testing import CliRunner
from serving import Server, serving
from sklearn.datasets import load_digits

from nextlabel.cli.main_group import cli

TRUTH = [str(digit) for digit in load_digits().target]
SAVED = "All labels are saved."
"""Text of the status bar once the server has every label."""


@contextmanager
def labelling(
    quick_folder: Path, folder: Path, projects: Mapping[str, str], trained: tuple[str, ...] = ("quick",), **more: str
) -> Iterator[Server]:
    """Serve `projects`, TOML by name, with their home below `folder`; train the projects `trained` once.

    The data sets are read and the models trained in this process, because a server's worker has a low priority.
    """
    metadata = folder / "plugins" / "tiny_plugins-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-plugins\nVersion: 1.0\n")
    lines = [f"{name} = tiny_plugins.{name}" for name in ("regression", "graph", "spreading")]
    (metadata / "entry_points.txt").write_text("\n".join(["[nextlabel]", *lines, ""]))
    (folder / "projects").mkdir()
    for name, text in projects.items():
        (folder / "projects" / f"{name}.toml").write_text(text)
    settings = {
        "NEXTLABEL_PROJECTS": str(folder / "projects"),
        "NEXTLABEL_DEFAULT_PROJECT": next(iter(projects)),
        "NEXTLABEL_BLOCKED_PLUGINS": "projects",
        "NEXTLABEL_WEB_WORKERS": "1",
        **more,
    }
    paths = [str(quick_folder), str(metadata.parent)]
    with pytest.MonkeyPatch.context() as patch:
        for path in paths:
            patch.syspath_prepend(path)
        for name, value in {**settings, "NEXTLABEL_HOME": str(folder / "home")}.items():
            patch.setenv(name, value)
        for name in projects:
            CliRunner().invoke(cli, ["train", name] if name in trained else ["query", name, "--size", "1"])
    paths += [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    with serving(folder / "home", PYTHONPATH=os.pathsep.join(filter(None, paths)), **settings) as server:
        for name in trained:
            assert server.client()("GET", f"/projects/{name}/readyz").status == 200
        yield server


def quick_project(quick_folder: Path, *tables: str) -> str:
    """Return the project file of `quick`, with further tables."""
    return "\n".join([(quick_folder / "projects" / "quick.toml").read_text(), *tables])


class Annotator:
    """An annotator at the labelling page of a project. Leaving the context asserts that the browser logged no error."""

    def __init__(self, browser: Any, server: Server, name: str, project: str = "quick", **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.server, self.name, self.project = server, name, project
        self.address = f"http://127.0.0.1:{server.port}/projects/{project}/label"
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._log)

    def _log(self, message: Any) -> None:
        # the browser logs failed requests, which the tests provoke
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(message.text)

    def __enter__(self) -> Self:
        self.page.goto(f"{self.address}?annotator={self.name}")
        self.page.wait_for_selector("#workspace:visible")
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()
        assert self.errors == []

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def shown_item(self) -> str:
        """Return the id of the item on display."""
        self.page.wait_for_selector("#frame img")
        return item_of(self.page.get_attribute("#frame img", "src"))

    def label(self, *keys: str) -> str:
        """Press these keys and Enter, by default the key of the true class; return the labelled item."""
        item = self.shown_item()
        self.press(*(keys or TRUTH[int(item)]), "Enter")
        return item

    def tiles(self) -> list[str]:
        """Return the items of the grid once it is full."""
        self.page.wait_for_function("() => document.querySelectorAll('#grid [role=option] img').length >= 24")
        sources = "images => images.map((image) => image.getAttribute('src'))"
        return [item_of(address) for address in self.page.eval_on_selector_all("#grid img", sources)]

    def selected_classes(self) -> list[str]:
        return list(self.page.eval_on_selector_all("#classes :checked", "boxes => boxes.map((box) => box.value)"))

    def leave(self) -> None:
        """Leave the page in every tab, which ends the leases: the pool is small."""
        for page in self.context.pages:
            page.goto("about:blank")
        self.page.wait_for_timeout(500)

    def text(self, selector: str) -> str:
        return str(self.page.inner_text(selector)).replace("\xa0", " ")

    def wait_text(self, selector: str, pattern: str) -> str:
        """Wait until the text of the element matches, and return the text."""
        self.page.wait_for_function(
            "([selector, pattern]) => new RegExp(pattern).test(document.querySelector(selector)?.innerText ?? '')",
            arg=[selector, pattern.replace(" %", "\\s%")],
        )
        return self.text(selector)

    def saved_labels(self) -> list[dict[str, Any]]:
        """Return the annotator's labels on the server, once the page shows that all are saved."""
        self.wait_text("#outbox-status", re.escape(SAVED))
        return labels_of(self.server, self.project, self.name)


def labels_of(server: Server, project: str, annotator: str) -> list[dict[str, Any]]:
    """Return an annotator's labels on the server, in order: id and candidates, value, skip or retract."""
    rows = server.client()("GET", f"/projects/{project}/labels").json()["labels"]
    left_out = ("annotator", "time", "key")
    return [{key: row[key] for key in row if key not in left_out} for row in rows if row["annotator"] == annotator]


def item_of(address: str) -> str:
    """Return the item id in the address of an image."""
    match = re.fullmatch(r"/projects/[^/]+/items/(.+)/image", address)
    assert match, address
    return unquote(match[1])


def label_row(item: str, *classes: str) -> dict[str, Any]:
    """Return a label as `labels_of` returns it."""
    return {"id": item, "candidates": list(classes)}
