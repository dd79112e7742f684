"""A server with projects of a test's own, and a person at its labelling page."""

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
STORED = "All answers are stored."


@contextmanager
def labelling(
    quick_folder: Path, folder: Path, projects: Mapping[str, str], trained: tuple[str, ...] = ("quick",), **more: str
) -> Iterator[Server]:
    """Serve `projects`, TOML by name, below `folder`; those `trained` have learnt once.

    Data sets are read and models trained in this process: a server's worker gives way to all else.
    """
    about = folder / "plugins" / "tiny_plugins-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-plugins\nVersion: 1.0\n")
    lines = [f"{name} = tiny_plugins.{name}" for name in ("regression", "graph", "spreading")]
    (about / "entry_points.txt").write_text("\n".join(["[nextlabel]", *lines, ""]))
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
    paths = [str(quick_folder), str(about.parent)]
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


def quick(quick_folder: Path, *tables: str) -> str:
    """The project of quick digits, with further tables."""
    return "\n".join([(quick_folder / "projects" / "quick.toml").read_text(), *tables])


class Labeller:
    """A person at the labelling page of a project; what the browser complains of is kept."""

    def __init__(self, browser: Any, server: Server, name: str, project: str = "quick", **options: Any) -> None:
        self.services = browser.new_context(**options)
        self.page = self.services.new_page()
        self.server, self.name, self.project = server, name, project
        self.address = f"http://127.0.0.1:{server.port}/projects/{project}/label"
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._listen)

    def _listen(self, message: Any) -> None:
        # an unreachable server is told by the browser too, and by the page
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def __enter__(self) -> Self:
        self.page.goto(f"{self.address}?annotator={self.name}")
        self.page.wait_for_selector("#work:visible")
        return self

    def __exit__(self, *_: object) -> None:
        self.services.close()
        assert self.complaints == []

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def shown(self) -> str:
        """The item on display."""
        self.page.wait_for_selector("#frame img")
        return item_of(self.page.get_attribute("#frame img", "src"))

    def answer(self, *keys: str) -> str:
        """Answer what is shown with these keys, else right; returns the item."""
        item = self.shown()
        self.press(*(keys or TRUTH[int(item)]), "Enter")
        return item

    def tiles(self) -> list[str]:
        self.page.wait_for_function("() => document.querySelectorAll('#grid [role=option] img').length >= 24")
        sources = "images => images.map((image) => image.getAttribute('src'))"
        return [item_of(address) for address in self.page.eval_on_selector_all("#grid img", sources)]

    def chosen(self) -> list[str]:
        return list(self.page.eval_on_selector_all("#classes :checked", "boxes => boxes.map((box) => box.value)"))

    def leave(self) -> None:
        """Go, with every tab, and hand back what was not answered: the pool is small."""
        for page in self.services.pages:
            page.goto("about:blank")
        self.page.wait_for_timeout(500)

    def text(self, selector: str) -> str:
        return str(self.page.inner_text(selector)).replace("\xa0", " ")

    def wait_text(self, selector: str, pattern: str) -> str:
        """Wait until the text there matches, and return it."""
        self.page.wait_for_function(
            "([selector, pattern]) => new RegExp(pattern).test(document.querySelector(selector)?.innerText ?? '')",
            arg=[selector, pattern.replace(" %", "\\s%")],
        )
        return self.text(selector)

    def stored(self) -> list[dict[str, Any]]:
        """What the server keeps of this person, once the page says that all is sent."""
        self.wait_text("#kept", re.escape(STORED))
        return told(self.server, self.project, self.name)


def told(server: Server, project: str, name: str) -> list[dict[str, Any]]:
    """What the server keeps of a person, in order: id and candidates, value, skip or retract."""
    rows = server.client()("GET", f"/projects/{project}/labels").json()["labels"]
    left_out = ("annotator", "time", "key")
    return [{key: row[key] for key in row if key not in left_out} for row in rows if row["annotator"] == name]


def item_of(address: str) -> str:
    found = re.fullmatch(r"/projects/[^/]+/items/(.+)/image", address)
    assert found, address
    return unquote(found[1])


def said(item: str, *classes: str) -> dict[str, Any]:
    return {"id": item, "candidates": list(classes)}
