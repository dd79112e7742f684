"""A real server and a real browser; without either browser or playwright these tests are skipped.

The browser is the machine's own: nothing is downloaded.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from serving import Server, serving, wait_ready

from nextlabel.cli.main_group import cli

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"there is no browser: none of {', '.join(BROWSERS)} is on the path")
    with api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield made
        made.close()


@pytest.fixture(scope="session")
def server(browser: Any, quick_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose project `quick` has learnt digits."""
    home = tmp_path_factory.mktemp("browser") / "home"
    settings = {
        "NEXTLABEL_PROJECTS": str(quick_folder / "projects"),
        "NEXTLABEL_DEFAULT_PROJECT": "quick",
        "NEXTLABEL_BLOCKED_PLUGINS": "projects",  # those in the box train by themselves
        "NEXTLABEL_WEB_WORKERS": "1",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(quick_folder)
        for name, value in {**settings, "NEXTLABEL_HOME": str(home)}.items():
            patch.setenv(name, value)
        trained = CliRunner().invoke(cli, ["train", "quick"])
        assert trained.exit_code == 0, trained.output
    path = os.pathsep.join([str(quick_folder), os.environ.get("PYTHONPATH", "")]).strip(":")
    with serving(home, PYTHONPATH=path, **settings) as running:
        wait_ready(running.client())
        yield running


class Window:
    """A page of the browser; what it complains of is kept."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, address
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._listen)

    def _listen(self, message: Any) -> None:
        # a refused image is a refusal, and the browser's console says so
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def visit(self, path: str) -> Any:
        self.page.goto(self.address + path)
        return self.page

    def overflows(self) -> bool:
        """Whether one has to scroll sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


@pytest.fixture
def window(browser: Any, server: Server, request: pytest.FixtureRequest) -> Iterator[Window]:
    """A window; give browser options as its parameter. Nothing on the page may break its own policy."""
    services = browser.new_context(**getattr(request, "param", {}))
    made = Window(services.new_page(), f"http://127.0.0.1:{server.port}")
    yield made
    services.close()
    assert made.complaints == []
