"""The progress page in a browser: a training, a rollback by keyboard, a cancelled job."""

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
    """Wait until no job is active."""
    while any(job["finished"] is None for job in client("GET", "/jobs").json()["jobs"]):
        time.sleep(0.1)


def trained(server, times=2):
    """Train until there are at least so many checkpoints."""
    client = server.client()
    settle(client)
    while len(client("GET", "/checkpoints").json()["checkpoints"]) < times:
        client("POST", "/train")
        settle(client)
    return client


def points(page):
    return page.locator(TITLES).evaluate_all("titles => titles.map(title => title.textContent)")


def test_a_training_updates_the_curve_without_a_reload(window, server):
    trained(server, 1)
    page = window.visit(PAGE)
    before, rows = points(page), page.locator(ROWS).count()
    page.click("#train")
    page.wait_for_selector("#notice:not(:empty)")
    assert re.search(r"Training job \d+ is ", page.inner_text("#notice"))
    page.locator(ROWS).nth(rows).wait_for(timeout=120_000)
    assert "succeeded" in page.inner_text("#notice")
    after = points(page)
    assert len(after) == len(before) + 1
    (live,) = [title for title in after if "(live)" in title]
    assert live not in before
    assert page.inner_text(f"{ROWS}.live th").startswith(live.split(" ")[0])


@pytest.mark.parametrize("window", [WITHOUT_SCRIPT], indirect=True)
def test_train_button_without_javascript(window, server):
    client = trained(server, 1)
    page = window.visit(PAGE)
    rows = page.locator(ROWS).count()
    page.click("#train")
    page.wait_for_selector("#notice:not(:empty)")
    settle(client)
    page.reload()
    assert page.locator(ROWS).count() == rows + 1
    assert page.locator(f"{ROWS}.live").count() == 1


def test_rollback_by_keyboard(window, server):
    client = trained(server)
    newest = client("GET", "/checkpoints").json()["checkpoints"][-1]["checkpoint"]
    client("POST", f"/checkpoints/{newest}/promote")
    page = window.visit(PAGE)
    for _ in range(60):
        page.keyboard.press("Tab")
        text = page.evaluate("document.activeElement.innerText") or ""
        if text.startswith("Roll back to r1"):
            break
    page.keyboard.press("Enter")
    page.wait_for_selector("#notice:not(:empty)")
    assert page.inner_text("#notice") == "r1 is live and makes every prediction from now on."
    assert page.inner_text(f"{ROWS}.live th").startswith("r1")
    assert client("GET", "/info").json()["projects"][0]["checkpoint"] == "r1"
    assert any("(rolled back)" in title for title in points(page))
    client("POST", f"/checkpoints/{newest}/promote")


def test_a_running_job_is_updated_and_its_log_stays_open(window, server):
    client = server.client()
    settle(client)
    job = client("POST", "/projects/sleepy/train").json()["job"]
    page = window.visit("/projects/sleepy/progress")
    page.set_default_timeout(120_000)  # a busy machine starts the process of the job late
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
def test_pages_fit_their_window(window, server):
    trained(server)
    for address in (PAGE, f"{PAGE}/jobs", "/projects/quick/second-look", "/projects/quick/disagreements"):
        window.visit(address)
        assert not window.overflows()
    page = window.visit(PAGE)
    assert page.locator(".charts svg:visible").count() == 1
    # the text of the chart is neither enlarged nor too small to read
    height = page.locator(".charts svg:visible .axis text").first.evaluate("t => t.getBoundingClientRect().height")
    assert 10 < height < 30


def test_a_cell_of_the_confusion_matrix_links_to_its_items(window, server):
    trained(server)
    page = window.visit(PAGE)
    cell = page.locator(".heat td.hit a").first
    count = int(cell.inner_text().split()[0])
    cell.click()
    page.wait_for_selector("ul.items")
    assert page.locator("ul.items li").count() == count
    assert page.locator("ul.items img").first.evaluate("image => image.decode().then(() => image.naturalWidth)") == 8
