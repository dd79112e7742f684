"""A real server and a real browser. Without an installed browser or playwright, these tests are skipped."""

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
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the path")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def server(browser: Any, quick_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a trained project `quick`, which classifies digits."""
    home = tmp_path_factory.mktemp("browser") / "home"
    settings = {
        "NEXTLABEL_PROJECTS": str(quick_folder / "projects"),
        "NEXTLABEL_DEFAULT_PROJECT": "quick",
        "NEXTLABEL_BLOCKED_PLUGINS": "projects",  # the bundled projects start trainings automatically
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
    """A browser page and the errors that it logs."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, address
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._log)

    def _log(self, message: Any) -> None:
        # the browser logs failed requests, which the tests provoke
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(message.text)

    def visit(self, path: str) -> Any:
        self.page.goto(self.address + path)
        return self.page

    def overflows(self) -> bool:
        """Return whether the page is wider than its window."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


@pytest.fixture
def window(browser: Any, server: Server, request: pytest.FixtureRequest) -> Iterator[Window]:
    """A window, with browser options as its parameter. The page must not log an error, such as a policy violation."""
    context = browser.new_context(**getattr(request, "param", {}))
    window = Window(context.new_page(), f"http://127.0.0.1:{server.port}")
    yield window
    context.close()
    assert window.errors == []
