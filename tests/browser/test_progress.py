"""The progress page, as a person has it: a training seen through, a roll back without a mouse."""

from __future__ import annotations

import re
import time

import pytest

PAGE = "/projects/quick/progress"
WITHOUT_SCRIPT = {"java_script_enabled": False}
TELEPHONE = {"viewport": {"width": 360, "height": 740}}
DARK = {"color_scheme": "dark"}
TITLES = ".charts svg:visible .dot title"
ROWS = ".checkpoints tbody tr"


def settle(client):
    """Wait until nothing runs."""
    while any(job["finished"] is None for job in client("GET", "/jobs").json()["jobs"]):
        time.sleep(0.1)


def trained(server, times=2):
    """See to it that there are so many checkpoints at least."""
    client = server.client()
    settle(client)
    while len(client("GET", "/checkpoints").json()["checkpoints"]) < times:
        client("POST", "/train")
        settle(client)
    return client


def points(page):
    return page.locator(TITLES).evaluate_all("titles => titles.map(title => title.textContent)")


def test_a_training_adds_a_point_and_moves_the_live_mark_by_itself(window, server):
    trained(server, 1)
    page = window.visit(PAGE)
    before, rows = points(page), page.locator(ROWS).count()
    page.click("#train")
    page.wait_for_selector("#said:not(:empty)")
    assert re.search(r"Job \d+, a training, is ", page.inner_text("#said"))
    page.locator(ROWS).nth(rows).wait_for(timeout=120_000)
    assert "succeeded" in page.inner_text("#said")
    after = points(page)
    assert len(after) == len(before) + 1
    (live,) = [title for title in after if "(live)" in title]
    assert live not in before
    assert page.inner_text(f"{ROWS}.live th").startswith(live.split(" ")[0])


@pytest.mark.parametrize("window", [WITHOUT_SCRIPT], indirect=True)
def test_a_training_without_a_script(window, server):
    client = trained(server, 1)
    page = window.visit(PAGE)
    rows = page.locator(ROWS).count()
    page.click("#train")
    page.wait_for_selector("#said:not(:empty)")
    settle(client)
    page.reload()
    assert page.locator(ROWS).count() == rows + 1
    assert page.locator(f"{ROWS}.live").count() == 1


def test_rolling_back_by_keyboard(window, server):
    client = trained(server)
    newest = client("GET", "/checkpoints").json()["checkpoints"][-1]["checkpoint"]
    client("POST", f"/checkpoints/{newest}/promote")
    page = window.visit(PAGE)
    for _ in range(60):
        page.keyboard.press("Tab")
        said = page.evaluate("document.activeElement.innerText") or ""
        if said.startswith("Roll back to r1"):
            break
    page.keyboard.press("Enter")
    page.wait_for_selector("#said:not(:empty)")
    assert page.inner_text("#said") == "r1 is live: it answers every prediction from now on."
    assert page.inner_text(f"{ROWS}.live th").startswith("r1")
    assert client("GET", "/info").json()["projects"][0]["checkpoint"] == "r1"
    assert any("(rolled back)" in title for title in points(page))
    client("POST", f"/checkpoints/{newest}/promote")


def test_a_running_job_moves_by_itself_and_leaves_what_was_opened(window, server):
    client = server.client()
    settle(client)
    job = client("POST", "/projects/sleepy/train").json()["job"]
    page = window.visit("/projects/sleepy/progress")
    page.set_default_timeout(120_000)  # the job is a process of its own, and a busy machine starts it late
    page.wait_for_selector(f"#log-{job}")
    page.click(f"#log-{job} summary")
    page.focus(f"#cancel-{job}")
    lines = "button => button.getClientRects()[0].height / parseFloat(getComputedStyle(button).lineHeight)"
    assert page.locator(f"#cancel-{job}").evaluate(lines) < 2
    first = page.get_attribute(f"#job-{job} progress", "value")
    page.wait_for_selector(f"#job-{job} progress:not([value='{first}'])")
    assert page.locator(f"#log-{job}[open]").count() == 1
    assert page.evaluate("document.activeElement.id") == f"cancel-{job}"
    page.keyboard.press("Enter")
    page.wait_for_selector(f"#job-{job} .tag.cancelled")
    settle(client)


@pytest.mark.parametrize("window", [{}, TELEPHONE, {**TELEPHONE, **DARK}], indirect=True)
def test_it_fits_its_window(window, server):
    trained(server)
    for address in (PAGE, f"{PAGE}/jobs", "/projects/quick/second-look", "/projects/quick/disagreements"):
        window.visit(address)
        assert not window.overflows()
    page = window.visit(PAGE)
    assert page.locator(".charts svg:visible").count() == 1
    # not blown up, not shrunk: the letters of the chart are letters one can read
    height = page.locator(".charts svg:visible .axis text").first.evaluate("t => t.getBoundingClientRect().height")
    assert 10 < height < 30


def test_a_cell_of_the_confusion_opens_its_items(window, server):
    trained(server)
    page = window.visit(PAGE)
    cell = page.locator(".heat td.hit a").first
    count = int(cell.inner_text().split()[0])
    cell.click()
    page.wait_for_selector("ul.finds")
    assert page.locator("ul.finds li").count() == count
    assert page.locator("ul.finds img").first.evaluate("image => image.decode().then(() => image.naturalWidth)") == 8
