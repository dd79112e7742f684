"""No label is lost: offline, server killed or rejecting, page reloaded, tab or browser closed."""

from __future__ import annotations

import json
import re
import shutil
from urllib.parse import quote

import pytest
from serving import until
from support.label_page import TRUTH, Annotator, label_row, labelling, labels_of, quick_project


@pytest.fixture(scope="module")
def labels(browser, quick_folder, tmp_path_factory):
    folder, projects = tmp_path_factory.mktemp("offline"), {"quick": quick_project(quick_folder)}
    with labelling(quick_folder, folder, projects, NEXTLABEL_LEASE_SECONDS="3000") as server:
        yield server


def wait_for_images(ann, count):
    """Wait until so many images are fetched."""
    fetched = "performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/image')).length"
    ann.page.wait_for_function(f"count => {fetched} >= count", arg=count)
    ann.page.wait_for_timeout(300)


def test_labels_given_offline_are_stored_once(browser, labels):
    with Annotator(browser, labels, "cut") as ann:
        wait_for_images(ann, 20)
        expected = [label_row(item := ann.label(), TRUTH[int(item)]) for _ in range(3)]
        assert ann.saved_labels() == expected
        ann.context.set_offline(True)
        expected += [label_row(item := ann.label(), TRUTH[int(item)]) for _ in range(5)]
        ann.press("u", "Enter")
        expected += [{"id": item, "retract": True}, expected[-1]]
        ann.wait_text("#outbox-status", "7 labels are stored in this browser and will be sent when the server is back")
        assert labels_of(labels, "quick", "cut") == expected[:3]
        ann.context.set_offline(False)
        assert ann.saved_labels() == expected
        expected.append(label_row(item := ann.label(), TRUTH[int(item)]))
        assert ann.saved_labels() == expected


def test_labels_survive_a_reload_while_offline(browser, labels):
    with Annotator(browser, labels, "reload") as ann:
        wait_for_images(ann, 20)
        # no retry is on its way during the reload, when the browser may let a request pass the route
        ann.page.route("**/labels", lambda route: route.fulfill(status=503, body="{}", headers={"Retry-After": "5"}))
        expected = [label_row(item := ann.label(), TRUTH[int(item)]) for _ in range(4)]
        ann.page.reload()  # immediately after the last label
        ann.wait_text("#outbox-status", "4 labels are stored in this browser")
        item = ann.shown_item()
        assert item not in {row["id"] for row in expected}  # items with waiting labels are not shown again
        assert labels_of(labels, "quick", "reload") == []
        ann.page.unroute("**/labels")
        ann.page.click("#retry")
        assert ann.saved_labels() == expected


def test_labels_survive_closing_the_browser(browser, labels, tmp_path):
    kind = browser.browser_type
    options = {"args": ["--no-sandbox", "--disable-quic"], "executable_path": executable(), "headless": True}
    address = f"http://127.0.0.1:{labels.port}/projects/quick/label"
    first = kind.launch_persistent_context(str(tmp_path / "profile"), **options)
    page = first.pages[0]
    page.route("**/labels", lambda route: route.abort())
    page.goto(f"{address}?annotator=closed")
    page.wait_for_selector("#frame img")
    item = re.findall(r"items/(\d+)/", page.get_attribute("#frame img", "src"))[0]
    page.keyboard.press(TRUTH[int(item)])
    page.keyboard.press("Enter")
    page.wait_for_function(
        "() => document.querySelector('#outbox-status').innerText.startsWith('1 label is stored in this browser')"
    )
    first.close()
    second = kind.launch_persistent_context(str(tmp_path / "profile"), **options)
    second.pages[0].goto(address)
    until(lambda: labels_of(labels, "quick", "closed"))
    assert labels_of(labels, "quick", "closed") == [label_row(item, TRUTH[int(item)])]
    assert second.pages[0].inner_text("#annotator") == "You are closed."
    second.close()


def test_a_killed_server_stores_every_label_once(browser, labels):
    with Annotator(browser, labels, "killed") as ann:
        wait_for_images(ann, 20)
        expected = [label_row(item := ann.label(), TRUTH[int(item)]) for _ in range(4)]
        labels.kill_all()  # perhaps while it stores one of them
        expected += [label_row(item := ann.label(), TRUTH[int(item)]) for _ in range(4)]
        ann.wait_text("#outbox-status", "stored in this browser and will be sent when the server is back")
        for _ in range(12):
            ann.label("1")
        ann.wait_text("#empty-state", "Offline.*Your labels are stored in this browser")
        labels.start()
        ann.page.click("#retry")
        rows = ann.saved_labels()
        assert rows[:8] == expected
        assert len(rows) == 20 == len({row["id"] for row in rows})
        assert ann.shown_item() not in {row["id"] for row in rows}  # it continues without a reload


@pytest.mark.parametrize("failure", ["lost response", "busy"])
def test_an_unconfirmed_label_is_stored_once(browser, labels, failure):
    with Annotator(browser, labels, failure.replace(" ", "-")) as ann:
        wait_for_images(ann, 20)
        failed = []

        def fail(route):
            if len(failed) >= 2:
                route.continue_()
                return
            failed.append(json.loads(route.request.post_data)["key"])
            if failure == "busy":
                route.fulfill(status=429, body="{}")
            else:
                route.fetch()  # the server stores the label, but its response is lost
                route.abort()

        ann.page.route("**/labels", fail)
        expected = [label_row(item := ann.label(), TRUTH[int(item)]) for _ in range(3)]
        assert ann.saved_labels() == expected
        assert len(set(failed)) == 1  # the same label is sent again first


def test_the_page_of_a_proxy_does_not_count_as_success(browser, labels):
    with Annotator(browser, labels, "portal") as ann:
        wait_for_images(ann, 20)
        page = "<!doctype html><title>Log in to the network</title>"
        ann.page.route("**/labels", lambda route: route.fulfill(status=200, content_type="text/html", body=page))
        expected = [label_row(item := ann.label(), TRUTH[int(item)]) for _ in range(2)]
        ann.wait_text("#outbox-status", "2 labels are stored in this browser and will be sent when the server is back")
        ann.page.unroute("**/labels")
        assert ann.saved_labels() == expected  # after an automatic retry


def test_two_tabs_send_each_label_once(browser, labels):
    sent = []
    with Annotator(browser, labels, "tabs") as ann:
        wait_for_images(ann, 20)
        ann.context.set_offline(True)
        expected = [label_row(item := ann.label(), TRUTH[int(item)]) for _ in range(6)]
        ann.wait_text("#outbox-status", "6 labels are stored in this browser")
        ann.context.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
        ann.context.set_offline(False)
        other = ann.context.new_page()
        other.goto(ann.address)
        assert ann.saved_labels() == expected
        other.wait_for_function("() => document.querySelector('#outbox-status').innerText === 'All labels are saved.'")
        assert len(sent) <= 7  # one may have been sent when the second tab opened


def test_a_rejected_label_is_shown_and_does_not_stop_the_rest(browser, labels):
    with Annotator(browser, labels, "refused") as ann:
        pending = [True]

        def reject_once(route):
            if pending:
                pending.pop()
                body = json.dumps({"detail": "that makes no sense", "faults": ["labels[0]: no such class"]})
                route.fulfill(status=422, body=body, content_type="application/problem+json")
            else:
                route.continue_()

        ann.page.route("**/labels", reject_once)
        first = ann.label()
        second = ann.label()
        ann.wait_text("#outbox-status", "1 label was rejected: see above")
        assert labels_of(labels, "quick", "refused") == [label_row(second, TRUTH[int(second)])]
        assert "no such class" in ann.text("#rejected")
        assert f"{first}: {TRUTH[int(first)]}" in ann.text("#rejected")
        ann.page.reload()
        ann.wait_text("#rejected", "no such class")
        with ann.page.expect_download() as saved:
            ann.page.click("#download")
        (entry,) = json.loads(saved.value.path().read_text())
        assert entry["labels"] == [label_row(first, TRUTH[int(first)])]
        ann.page.click("#rejected button:has-text('Try again')")
        ann.page.wait_for_selector("#rejected", state="hidden")
        assert ann.saved_labels()[-1] == label_row(first, TRUTH[int(first)])


def test_rejected_labels_by_keyboard(browser, labels):
    with Annotator(browser, labels, "rows") as ann:
        wait_for_images(ann, 20)
        ann.page.route("**/labels", lambda route: route.fulfill(status=422, body='{"detail": "no"}'))
        for count in range(3):
            ann.label()
            ann.wait_text("#outbox-status", f"^{count + 1} labels? (was|were) rejected: see above")
        ann.page.unroute("**/labels")
        rows = ann.page.locator("#rejected li")
        assert rows.count() == 3
        rows.nth(1).locator("button").last.focus()
        focused = "[document.activeElement.innerText, document.activeElement.closest('li')?.innerText]"
        for left in (2, 1):
            ann.press("Enter")
            ann.page.wait_for_function("left => document.querySelectorAll('#rejected li').length === left", arg=left)
            assert ann.page.evaluate(focused) == ["Dismiss", rows.last.inner_text()]
        ann.page.evaluate("window.dispatchEvent(new Event('online'))")  # updates the list
        assert ann.page.evaluate(focused) == ["Dismiss", rows.last.inner_text()]
        ann.press("Enter")
        ann.page.wait_for_selector("#rejected", state="hidden")
        assert ann.page.evaluate("document.activeElement.id") == "image-area"
        assert ann.saved_labels() == []


def test_labels_survive_a_new_login(browser, labels):
    with Annotator(browser, labels, "locked") as ann:
        wait_for_images(ann, 20)
        ann.page.route("**/labels", lambda route: route.fulfill(status=401, body="{}"))
        item = ann.label()
        ann.wait_text("#outbox-status", "1 label is stored in this browser until you log in again")
        back = "/login?next=" + quote("/projects/quick/label?annotator=locked", safe="")
        assert ann.page.get_attribute("#outbox-status a", "href") == back
        ann.page.unroute("**/labels")
        ann.page.reload()  # as after the login
        assert ann.saved_labels() == [label_row(item, TRUTH[int(item)])]


def test_submission_keys_without_random_uuid(browser, labels):
    bare = "delete Crypto.prototype.randomUUID; delete Navigator.prototype.locks;"
    with Annotator(browser, labels, "bare") as ann:
        ann.page.add_init_script(bare)
        ann.page.reload()
        items = [ann.label() for _ in range(3)]
        assert ann.saved_labels() == [label_row(item, TRUTH[int(item)]) for item in items]
        rows = labels.client()("GET", "/labels").json()["labels"]
        keys = {row["key"] for row in rows if row["annotator"] == "bare"}
        assert len(keys) == 3
        assert all(re.fullmatch(r"[0-9a-f]{32}", key) for key in keys)


def test_a_browser_without_storage(browser, labels):
    with Annotator(browser, labels, "forgetful") as ann:
        ann.page.add_init_script("Object.defineProperty(window, 'indexedDB', { value: undefined });")
        ann.page.reload()
        wait_for_images(ann, 20)
        ann.page.route("**/labels", lambda route: route.abort())
        item = ann.label()
        ann.wait_text("#outbox-status", "leave the page open until 1 label is sent")
        ann.page.unroute("**/labels")
        assert ann.saved_labels() == [label_row(item, TRUTH[int(item)])]


BREAK = "IDBDatabase.prototype.transaction = () => { throw new DOMException('closed', 'InvalidStateError'); }; 0"


def test_labels_that_cannot_be_stored_are_sent(browser, labels):
    with Annotator(browser, labels, "full") as ann:
        wait_for_images(ann, 20)
        ann.page.evaluate(BREAK)
        ann.page.route("**/labels", lambda route: route.abort())
        expected = [label_row(item := ann.label(), TRUTH[int(item)]) for _ in range(3)]
        ann.wait_text("#outbox-status", "leave the page open until 3 labels are sent")
        ann.page.unroute("**/labels")
        ann.page.evaluate("window.dispatchEvent(new Event('online'))")
        until(lambda: labels_of(labels, "quick", "full") == expected)
        ann.page.route("**/labels", lambda route: route.fulfill(status=422, body='{"detail": "out of the question"}'))
        item = ann.label()
        ann.wait_text("#rejected", "of the question")
        ann.page.unroute("**/labels")
        ann.page.click("#rejected button:has-text('Try again')")
        ann.page.wait_for_selector("#rejected", state="hidden")
        until(lambda: labels_of(labels, "quick", "full") == [*expected, label_row(item, TRUTH[int(item)])])


def test_a_stored_undo_follows_an_unstored_label(browser, labels):
    with Annotator(browser, labels, "briefly full") as ann:
        wait_for_images(ann, 20)
        ann.page.route("**/labels", lambda route: route.abort())
        ann.page.evaluate(f"window.whole = IDBDatabase.prototype.transaction; {BREAK}")
        item = ann.label()
        ann.wait_text("#outbox-status", "leave the page open until 1 label is sent")
        ann.page.evaluate("IDBDatabase.prototype.transaction = window.whole; 0")
        ann.press("u")
        ann.wait_text("#outbox-status", "2 labels")
        ann.page.unroute("**/labels")
        ann.page.evaluate("window.dispatchEvent(new Event('online'))")
        assert ann.saved_labels() == [label_row(item, TRUTH[int(item)]), {"id": item, "retract": True}]


def test_labels_rejected_in_another_tab_are_shown(browser, labels):
    with Annotator(browser, labels, "one of two") as ann:
        wait_for_images(ann, 20)
        other = ann.context.new_page()
        other.route("**/labels", lambda route: route.fulfill(status=422, body='{"detail": "no such class"}'))
        ann.page.route("**/labels", lambda route: route.abort())
        item = ann.label()
        ann.wait_text("#outbox-status", "1 label is stored in this browser")
        other.goto(f"http://127.0.0.1:{labels.port}/projects/quick/label")  # it sends the stored labels of both tabs
        other.wait_for_selector("#rejected li")
        ann.page.evaluate("window.dispatchEvent(new Event('online'))")
        ann.wait_text("#outbox-status", "1 label was rejected: see above")
        assert item in ann.text("#rejected li")


def test_rejected_labels_cover_no_button(browser, labels):
    with Annotator(browser, labels, "low", viewport={"width": 1366, "height": 641}) as ann:
        wait_for_images(ann, 20)
        ann.page.route("**/labels", lambda route: route.fulfill(status=422, body='{"detail": "no"}'))
        for _ in range(2):
            ann.label()
        ann.wait_text("#outbox-status", "2 labels were rejected")
        for button in ("#send", "#skip", "#undo"):
            ann.page.locator(button).scroll_into_view_if_needed()
            on_top = """selector => {
                const button = document.querySelector(selector), box = button.getBoundingClientRect();
                return button.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2));
            }"""
            assert ann.page.evaluate(on_top, button)


def executable():
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
