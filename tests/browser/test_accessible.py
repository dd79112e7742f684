"""Every page by axe-core, by the keyboard, on a telephone and in the dark; and nothing comes from anywhere else.

axe-core is read from the file AXE_CORE names: axe.min.js of the npm package, which `.ci/run` fetches.
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
from support.tour import SCHEMES, WIDTHS, Stop, past, stops

from nextlabel.web.headers import PAGE_POLICY

AXE = os.environ.get("AXE_CORE", "")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """async (tags) => {
    const found = await axe.run(document, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] });
    return found.violations.map(({ id, impact, help, nodes }) => ({
        id, impact, help, nodes: nodes.map((node) => [node.target.join(" "), node.failureSummary]),
    }));
}"""
REACHABLE = """() => {
    const wanted = "a[href], button, input, select, textarea, summary, [tabindex]";
    const top = document.querySelector("dialog[open]") ?? document;
    return [...top.querySelectorAll(wanted)].filter((each) =>
        each.tabIndex >= 0 && !each.disabled && each.checkVisibility({ visibilityProperty: true })
        && !(each.type === "radio" && !each.checked));
}"""
NAMES = [stop.name for stop in stops("", "")]


@pytest.fixture(scope="module")
def site(browser: Any, quick_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, dict]]:
    """A server whose project has a past, and its pages by name."""
    path = os.pathsep.join([str(quick_folder), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
    settings = {
        "NEXTLABEL_PROJECTS": str(quick_folder / "projects"),
        "NEXTLABEL_DEFAULT_PROJECT": "quick",
        "NEXTLABEL_BLOCKED_PLUGINS": "projects",
        "NEXTLABEL_WEB_WORKERS": "1",
        "PYTHONPATH": path,
    }
    with serving(tmp_path_factory.mktemp("accessible") / "home", **settings) as running:
        item = past(running.client(), "quick", rounds=3)
        yield running, {stop.name: stop for stop in stops("quick", item)}


class Visit:
    """A page that was come to; what it asked for and complained of is kept."""

    def __init__(self, page: Any, address: str, stop: Stop) -> None:
        self.page, self.address = page, address
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._listen)
        self.answer = page.goto(address + stop.path)
        stop.prepare(page)

    def _listen(self, message: Any) -> None:
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)


@pytest.fixture
def visited(browser: Any, site: tuple[Server, dict]) -> Any:
    """Come to a page of this name; nothing may break its policy there."""
    server, pages = site

    @contextmanager
    def come(name: str, **options: Any) -> Iterator[Visit]:
        services = browser.new_context(reduced_motion="reduce", **options)
        visit = Visit(services.new_page(), f"http://127.0.0.1:{server.port}", pages[name])
        yield visit
        services.close()
        assert visit.complaints == []

    return come


def looks(page: Any) -> Iterator[str]:
    """Show the page at each width, light and dark."""
    for width in WIDTHS:
        for scheme in SCHEMES:
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            yield f"{width} px, {scheme}"


@pytest.mark.skipif(not AXE, reason="AXE_CORE does not name axe-core's axe.min.js")
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing_that_shuts_people_out(name, visited, capsys):
    source = Path(AXE).read_text("utf-8")
    grave, slight = [], []
    with visited(name) as visit:
        visit.page.evaluate(source)
        for look in looks(visit.page):
            for fault in visit.page.evaluate(RUN, RULES):
                told = f"{name}, {look}: {fault['impact']} {fault['id']}: {fault['help']}\n" + "".join(
                    f"    {target}: {' '.join(why.split())}\n" for target, why in fault["nodes"]
                )
                (grave if fault["impact"] in {"serious", "critical"} else slight).append(told)
    with capsys.disabled():
        if slight:
            sys.stdout.write("\n" + "".join(slight))
    assert not grave, "\n" + "".join(grave)


@pytest.mark.skipif(not AXE, reason="AXE_CORE does not name axe-core's axe.min.js")
def test_axe_finds_what_does(visited):
    with visited("home") as visit:
        visit.page.evaluate(Path(AXE).read_text("utf-8"))
        visit.page.evaluate("""() => {
            const faint = document.createElement("p");
            faint.textContent = "hardly to be seen";
            faint.style.color = "rgb(200, 200, 200)";
            document.querySelector("main").append(document.createElement("input"), faint);
        }""")
        assert {fault["id"] for fault in visit.page.evaluate(RUN, RULES)} >= {"label", "color-contrast"}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_comes_from_anywhere_else_and_nothing_runs_off_the_side(name, visited):
    for width in WIDTHS:
        with visited(name, viewport={"width": width, "height": 740}) as visit:
            assert visit.answer.headers["content-security-policy"] == PAGE_POLICY
            assert len(visit.asked) >= 2
            assert [url for url in visit.asked if not url.startswith(f"{visit.address}/")] == []
            over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert visit.page.evaluate(over) <= 0, f"{name} at {width} px"


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_reached_by_tab_and_shows_it(name, visited):
    with visited(name) as visit:
        page = visit.page
        wanted = page.evaluate(f"() => {{ window.wanted = ({REACHABLE})(); return window.wanted.length; }}")
        assert wanted >= 1
        page.evaluate("() => { window.reached = new Set(); document.activeElement.blur(); }")
        unmarked = set()
        for _ in range(wanted + 10):
            page.keyboard.press("Tab")
            mark = page.evaluate("""() => {
                const now = document.activeElement;
                if (now === document.body) return "";
                window.reached.add(now);
                // a chip shows it for the box inside; a shadow may be there without the focus too
                const style = getComputedStyle(now.closest(".chip") ?? now);
                const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
                return seen ? "" : now.outerHTML.slice(0, 120);
            }""")
            unmarked.add(mark)
        missed = "() => wanted.filter((each) => !reached.has(each)).map((each) => each.outerHTML.slice(0, 120))"
        assert page.evaluate(missed) == []
        assert unmarked - {""} == set()


def test_every_page_has_a_name_of_its_own(visited):
    titles = {}
    for name in NAMES:
        if "-" not in name or name == "second-look":
            with visited(name) as visit:
                titles[name] = visit.page.title()
    assert len(set(titles.values())) == len(titles), titles
