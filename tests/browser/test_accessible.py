"""Every page: accessibility by axe-core, keyboard access, narrow and dark, and no request to another host.

The variable AXE_CORE names the file axe.min.js of the npm package axe-core, which `.ci/run` downloads.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from serving import Server, serving
from support.tour import SCHEMES, WIDTHS, Stop, label_and_train, stops

from nextlabel.web.headers import PAGE_POLICY

AXE = os.environ.get("AXE_CORE", "")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """async (tags) => {
    const result = await axe.run(document, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] });
    return result.violations.map(({ id, impact, help, nodes }) => ({
        id, impact, help, nodes: nodes.map((node) => [node.target.join(" "), node.failureSummary]),
    }));
}"""
REACHABLE = """() => {
    const selector = "a[href], button, input, select, textarea, summary, [tabindex]";
    const top = document.querySelector("dialog[open]") ?? document;
    return [...top.querySelectorAll(selector)].filter((element) =>
        element.tabIndex >= 0 && !element.disabled && element.checkVisibility({ visibilityProperty: true })
        && !(element.type === "radio" && !element.checked));
}"""
NAMES = [stop.name for stop in stops("", "")]


@pytest.fixture(scope="module")
def site(browser: Any, quick_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, dict]]:
    """A server whose project has labels and trainings, and its pages by name."""
    path = os.pathsep.join([str(quick_folder), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
    settings = {
        "NEXTLABEL_PROJECTS": str(quick_folder / "projects"),
        "NEXTLABEL_DEFAULT_PROJECT": "quick",
        "NEXTLABEL_BLOCKED_PLUGINS": "projects",
        "NEXTLABEL_WEB_WORKERS": "1",
        "PYTHONPATH": path,
    }
    with serving(tmp_path_factory.mktemp("accessible") / "home", **settings) as running:
        item = label_and_train(running.client(), "quick", rounds=3)
        yield running, {stop.name: stop for stop in stops("quick", item)}


class Visit:
    """A visited page, the requests it sent and the errors it logged."""

    def __init__(self, page: Any, address: str, stop: Stop) -> None:
        self.page, self.address = page, address
        self.requests: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._log)
        self.response = page.goto(address + stop.path)
        stop.prepare(page)

    def _log(self, message: Any) -> None:
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            self.errors.append(message.text)


@pytest.fixture
def visited(browser: Any, site: tuple[Server, dict]) -> Any:
    """Visit the page of this name; it must not log an error, such as a policy violation."""
    server, pages = site

    @contextmanager
    def visit_page(name: str, **options: Any) -> Iterator[Visit]:
        context = browser.new_context(reduced_motion="reduce", **options)
        visit = Visit(context.new_page(), f"http://127.0.0.1:{server.port}", pages[name])
        yield visit
        context.close()
        assert visit.errors == []

    return visit_page


def variants(page: Any) -> Iterator[str]:
    """Show the page at each width, light and dark, and yield the name of each variant."""
    for width in WIDTHS:
        for scheme in SCHEMES:
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            yield f"{width} px, {scheme}"


@pytest.mark.skipif(not AXE, reason="AXE_CORE does not name axe-core's axe.min.js")
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_no_serious_violation(name, visited, capsys):
    source = Path(AXE).read_text("utf-8")
    grave, slight = [], []
    with visited(name) as visit:
        visit.page.evaluate(source)
        for variant in variants(visit.page):
            for violation in visit.page.evaluate(RUN, RULES):
                text = f"{name}, {variant}: {violation['impact']} {violation['id']}: {violation['help']}\n" + "".join(
                    f"    {target}: {' '.join(why.split())}\n" for target, why in violation["nodes"]
                )
                (grave if violation["impact"] in {"serious", "critical"} else slight).append(text)
    with capsys.disabled():
        if slight:
            sys.stdout.write("\n" + "".join(slight))
    assert not grave, "\n" + "".join(grave)


@pytest.mark.skipif(not AXE, reason="AXE_CORE does not name axe-core's axe.min.js")
def test_axe_finds_planted_violations(visited):
    with visited("home") as visit:
        visit.page.evaluate(Path(AXE).read_text("utf-8"))
        visit.page.evaluate("""() => {
            const faint = document.createElement("p");
            faint.textContent = "hardly to be seen";
            faint.style.color = "rgb(200, 200, 200)";
            document.querySelector("main").append(document.createElement("input"), faint);
        }""")
        assert {violation["id"] for violation in visit.page.evaluate(RUN, RULES)} >= {"label", "color-contrast"}


@pytest.mark.parametrize("name", NAMES)
def test_pages_use_no_other_host_and_fit_their_window(name, visited):
    for width in WIDTHS:
        with visited(name, viewport={"width": width, "height": 740}) as visit:
            assert visit.response.headers["content-security-policy"] == PAGE_POLICY
            assert len(visit.requests) >= 2
            assert [url for url in visit.requests if not url.startswith(f"{visit.address}/")] == []
            over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert visit.page.evaluate(over) <= 0, f"{name} at {width} px"


@pytest.mark.parametrize("name", NAMES)
def test_every_control_is_reached_by_tab_and_visibly_focused(name, visited):
    with visited(name) as visit:
        page = visit.page
        count = page.evaluate(f"() => {{ window.reachable = ({REACHABLE})(); return window.reachable.length; }}")
        assert count >= 1
        page.evaluate("() => { window.reached = new Set(); document.activeElement.blur(); }")
        unfocused = set()
        for _ in range(count + 10):
            page.keyboard.press("Tab")
            element = page.evaluate("""() => {
                const now = document.activeElement;
                if (now === document.body) return "";
                window.reached.add(now);
                // a chip shows the focus of its checkbox; a shadow may exist without the focus
                const style = getComputedStyle(now.closest(".chip") ?? now);
                const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
                return seen ? "" : now.outerHTML.slice(0, 120);
            }""")
            unfocused.add(element)
        missed = "() => reachable.filter((part) => !reached.has(part)).map((part) => part.outerHTML.slice(0, 120))"
        assert page.evaluate(missed) == []
        assert unfocused - {""} == set()


def test_every_page_has_its_own_title(visited):
    titles = {}
    for name in NAMES:
        if "-" not in name or name == "second-look":
            with visited(name) as visit:
                titles[name] = visit.page.title()
    assert len(set(titles.values())) == len(titles), titles
