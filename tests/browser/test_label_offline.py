"""An answer is never lost: the connection goes, the server dies or refuses, the page is reloaded, a tab closes."""

from __future__ import annotations

import json
import re
import shutil
from urllib.parse import quote

import pytest
from serving import until
from support.label_page import TRUTH, Labeller, labelling, quick, said, told


@pytest.fixture(scope="module")
def labels(browser, quick_folder, tmp_path_factory):
    folder, projects = tmp_path_factory.mktemp("offline"), {"quick": quick(quick_folder)}
    with labelling(quick_folder, folder, projects, NEXTLABEL_LEASE_SECONDS="3000") as server:
        yield server


def at_hand(ann, count):
    """Wait until so many images are fetched."""
    fetched = "performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/image')).length"
    ann.page.wait_for_function(f"count => {fetched} >= count", arg=count)
    ann.page.wait_for_timeout(300)


def test_work_goes_on_without_a_connection_and_nothing_is_stored_twice(browser, labels):
    with Labeller(browser, labels, "cut") as ann:
        at_hand(ann, 20)
        expected = [said(item := ann.answer(), TRUTH[int(item)]) for _ in range(3)]
        assert ann.stored() == expected
        ann.services.set_offline(True)
        expected += [said(item := ann.answer(), TRUTH[int(item)]) for _ in range(5)]
        ann.press("u", "Enter")
        expected += [{"id": item, "retract": True}, expected[-1]]
        ann.wait_text("#kept", "7 answers are kept here and will be sent when the server is back")
        assert told(labels, "quick", "cut") == expected[:3]
        ann.services.set_offline(False)
        assert ann.stored() == expected
        expected.append(said(item := ann.answer(), TRUTH[int(item)]))
        assert ann.stored() == expected


def test_answers_survive_a_reload_while_the_server_is_away(browser, labels):
    with Labeller(browser, labels, "reload") as ann:
        at_hand(ann, 20)
        ann.page.route("**/labels", lambda route: route.fulfill(status=503, body="{}", headers={"Retry-After": "1"}))
        expected = [said(item := ann.answer(), TRUTH[int(item)]) for _ in range(4)]
        ann.page.reload()  # at once: the last answer has only just been given
        ann.wait_text("#kept", "4 answers are kept here")
        shown = ann.shown()
        assert shown not in {row["id"] for row in expected}  # they wait, and are not asked again
        assert told(labels, "quick", "reload") == []
        ann.page.unroute("**/labels")
        ann.page.click("#retry")
        assert ann.stored() == expected


def test_answers_survive_the_browser(browser, labels, tmp_path):
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
    page.wait_for_function("() => document.querySelector('#kept').innerText.startsWith('1 answer is kept here')")
    first.close()
    second = kind.launch_persistent_context(str(tmp_path / "profile"), **options)
    second.pages[0].goto(address)
    until(lambda: told(labels, "quick", "closed"))
    assert told(labels, "quick", "closed") == [said(item, TRUTH[int(item)])]
    assert second.pages[0].inner_text("#person") == "You are closed."
    second.close()


def test_a_server_that_dies_and_comes_back_has_every_answer_once(browser, labels):
    with Labeller(browser, labels, "killed") as ann:
        at_hand(ann, 20)
        expected = [said(item := ann.answer(), TRUTH[int(item)]) for _ in range(4)]
        labels.kill_all()  # perhaps in the middle of one of them
        expected += [said(item := ann.answer(), TRUTH[int(item)]) for _ in range(4)]
        ann.wait_text("#kept", "kept here and will be sent when the server is back")
        for _ in range(12):
            ann.answer("1")
        ann.wait_text("#notice", "Waiting for the connection.*Your answers are kept here")
        labels.start()
        ann.page.click("#retry")
        rows = ann.stored()
        assert rows[:8] == expected
        assert len(rows) == 20 == len({row["id"] for row in rows})
        assert ann.shown() not in {row["id"] for row in rows}  # and on it goes by itself


@pytest.mark.parametrize("fault", ["lost answer", "busy"])
def test_an_answer_that_arrived_but_was_not_confirmed_is_stored_once(browser, labels, fault):
    with Labeller(browser, labels, fault.replace(" ", "-")) as ann:
        at_hand(ann, 20)
        failed = []

        def lose(route):
            if len(failed) >= 2:
                route.continue_()
                return
            failed.append(json.loads(route.request.post_data)["key"])
            if fault == "busy":
                route.fulfill(status=429, body="{}")
            else:
                route.fetch()  # the server stores it, and the browser never hears of it
                route.abort()

        ann.page.route("**/labels", lose)
        expected = [said(item := ann.answer(), TRUTH[int(item)]) for _ in range(3)]
        assert ann.stored() == expected
        assert len(set(failed)) == 1  # the same key again, before anything else


def test_a_page_in_the_place_of_the_server_takes_no_answer(browser, labels):
    with Labeller(browser, labels, "portal") as ann:
        at_hand(ann, 20)
        page = "<!doctype html><title>Log in to the network</title>"
        ann.page.route("**/labels", lambda route: route.fulfill(status=200, content_type="text/html", body=page))
        expected = [said(item := ann.answer(), TRUTH[int(item)]) for _ in range(2)]
        ann.wait_text("#kept", "2 answers are kept here and will be sent when the server is back")
        ann.page.unroute("**/labels")
        assert ann.stored() == expected  # it tries again by itself


def test_two_tabs_send_each_answer_once(browser, labels):
    sent = []
    with Labeller(browser, labels, "tabs") as ann:
        at_hand(ann, 20)
        ann.services.set_offline(True)
        expected = [said(item := ann.answer(), TRUTH[int(item)]) for _ in range(6)]
        ann.wait_text("#kept", "6 answers are kept here")
        ann.services.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
        ann.services.set_offline(False)
        other = ann.services.new_page()
        other.goto(ann.address)
        assert ann.stored() == expected
        other.wait_for_function("() => document.querySelector('#kept').innerText === 'All answers are stored.'")
        assert len(sent) <= 7  # one may have been under way when the second tab came


def test_what_is_refused_is_shown_kept_and_does_not_stop_the_rest(browser, labels):
    with Labeller(browser, labels, "refused") as ann:
        refuse = [True]

        def answer(route):
            if refuse:
                refuse.pop()
                body = json.dumps({"detail": "that makes no sense", "faults": ["labels[0]: no such class"]})
                route.fulfill(status=422, body=body, content_type="application/problem+json")
            else:
                route.continue_()

        ann.page.route("**/labels", answer)
        first = ann.answer()
        second = ann.answer()
        ann.wait_text("#kept", "1 answer was refused: see above")
        assert told(labels, "quick", "refused") == [said(second, TRUTH[int(second)])]
        assert "no such class" in ann.text("#refused")
        assert f"{first}: {TRUTH[int(first)]}" in ann.text("#refused")
        ann.page.reload()
        ann.wait_text("#refused", "no such class")
        with ann.page.expect_download() as saved:
            ann.page.click("#download")
        (told_of,) = json.loads(saved.value.path().read_text())
        assert told_of["labels"] == [said(first, TRUTH[int(first)])]
        ann.page.click("#refused button:has-text('Try again')")
        ann.page.wait_for_selector("#refused", state="hidden")
        assert ann.stored()[-1] == said(first, TRUTH[int(first)])


def test_what_is_refused_is_gone_through_by_the_keyboard(browser, labels):
    with Labeller(browser, labels, "rows") as ann:
        at_hand(ann, 20)
        ann.page.route("**/labels", lambda route: route.fulfill(status=422, body='{"detail": "no"}'))
        for count in range(3):
            ann.answer()
            ann.wait_text("#kept", f"^{count + 1} answers? (was|were) refused: see above")
        ann.page.unroute("**/labels")
        rows = ann.page.locator("#refused li")
        assert rows.count() == 3
        rows.nth(1).locator("button").last.focus()
        focused = "[document.activeElement.innerText, document.activeElement.closest('li')?.innerText]"
        for left in (2, 1):
            ann.press("Enter")
            ann.page.wait_for_function("left => document.querySelectorAll('#refused li').length === left", arg=left)
            assert ann.page.evaluate(focused) == ["Dismiss", rows.last.inner_text()]
        ann.page.evaluate("window.dispatchEvent(new Event('online'))")  # it looks whether anything waits
        assert ann.page.evaluate(focused) == ["Dismiss", rows.last.inner_text()]
        ann.press("Enter")
        ann.page.wait_for_selector("#refused", state="hidden")
        assert ann.page.evaluate("document.activeElement.id") == "stage"
        assert ann.stored() == []


def test_who_has_to_log_in_again_is_told_and_loses_nothing(browser, labels):
    with Labeller(browser, labels, "locked") as ann:
        at_hand(ann, 20)
        ann.page.route("**/labels", lambda route: route.fulfill(status=401, body="{}"))
        item = ann.answer()
        ann.wait_text("#kept", "1 answer is kept here until you log in again")
        back = "/login?next=" + quote("/projects/quick/label?annotator=locked", safe="")
        assert ann.page.get_attribute("#kept a", "href") == back
        ann.page.unroute("**/labels")
        ann.page.reload()  # as the login page leads back
        assert ann.stored() == [said(item, TRUTH[int(item)])]


def test_keys_of_submissions_are_fresh_where_the_browser_offers_little(browser, labels):
    bare = "delete Crypto.prototype.randomUUID; delete Navigator.prototype.locks;"
    with Labeller(browser, labels, "bare") as ann:
        ann.page.add_init_script(bare)
        ann.page.reload()
        items = [ann.answer() for _ in range(3)]
        assert ann.stored() == [said(item, TRUTH[int(item)]) for item in items]
        rows = labels.client()("GET", "/labels").json()["labels"]
        keys = {row["key"] for row in rows if row["annotator"] == "bare"}
        assert len(keys) == 3
        assert all(re.fullmatch(r"[0-9a-f]{32}", key) for key in keys)


def test_a_browser_that_keeps_nothing_says_so(browser, labels):
    with Labeller(browser, labels, "forgetful") as ann:
        ann.page.add_init_script("Object.defineProperty(window, 'indexedDB', { value: undefined });")
        ann.page.reload()
        at_hand(ann, 20)
        ann.page.route("**/labels", lambda route: route.abort())
        item = ann.answer()
        ann.wait_text("#kept", "leave the page open until 1 answer is sent")
        ann.page.unroute("**/labels")
        assert ann.stored() == [said(item, TRUTH[int(item)])]


BREAK = "IDBDatabase.prototype.transaction = () => { throw new DOMException('closed', 'InvalidStateError'); }; 0"


def test_what_the_browser_did_not_keep_is_sent_all_the_same(browser, labels):
    with Labeller(browser, labels, "full") as ann:
        at_hand(ann, 20)
        ann.page.evaluate(BREAK)
        ann.page.route("**/labels", lambda route: route.abort())
        expected = [said(item := ann.answer(), TRUTH[int(item)]) for _ in range(3)]
        ann.wait_text("#kept", "leave the page open until 3 answers are sent")
        ann.page.unroute("**/labels")
        ann.page.evaluate("window.dispatchEvent(new Event('online'))")
        until(lambda: told(labels, "quick", "full") == expected)
        ann.page.route("**/labels", lambda route: route.fulfill(status=422, body='{"detail": "out of the question"}'))
        item = ann.answer()
        ann.wait_text("#refused", "of the question")
        ann.page.unroute("**/labels")
        ann.page.click("#refused button:has-text('Try again')")
        ann.page.wait_for_selector("#refused", state="hidden")
        until(lambda: told(labels, "quick", "full") == [*expected, said(item, TRUTH[int(item)])])


def test_an_undo_that_the_browser_kept_goes_behind_what_it_did_not(browser, labels):
    with Labeller(browser, labels, "briefly full") as ann:
        at_hand(ann, 20)
        ann.page.route("**/labels", lambda route: route.abort())
        ann.page.evaluate(f"window.whole = IDBDatabase.prototype.transaction; {BREAK}")
        item = ann.answer()
        ann.wait_text("#kept", "leave the page open until 1 answer is sent")
        ann.page.evaluate("IDBDatabase.prototype.transaction = window.whole; 0")
        ann.press("u")
        ann.wait_text("#kept", "2 answers")
        ann.page.unroute("**/labels")
        ann.page.evaluate("window.dispatchEvent(new Event('online'))")
        assert ann.stored() == [said(item, TRUTH[int(item)]), {"id": item, "retract": True}]


def test_what_another_tab_was_refused_is_told_in_this_one(browser, labels):
    with Labeller(browser, labels, "one of two") as ann:
        at_hand(ann, 20)
        other = ann.services.new_page()
        other.route("**/labels", lambda route: route.fulfill(status=422, body='{"detail": "no such class"}'))
        ann.page.route("**/labels", lambda route: route.abort())
        item = ann.answer()
        ann.wait_text("#kept", "1 answer is kept here")
        other.goto(f"http://127.0.0.1:{labels.port}/projects/quick/label")  # it sends what it finds on their shelf
        other.wait_for_selector("#refused li")
        ann.page.evaluate("window.dispatchEvent(new Event('online'))")
        ann.wait_text("#kept", "1 answer was refused: see above")
        assert item in ann.text("#refused li")


def test_what_is_refused_covers_no_button(browser, labels):
    with Labeller(browser, labels, "low", viewport={"width": 1366, "height": 641}) as ann:
        at_hand(ann, 20)
        ann.page.route("**/labels", lambda route: route.fulfill(status=422, body='{"detail": "no"}'))
        for _ in range(2):
            ann.answer()
        ann.wait_text("#kept", "2 answers were refused")
        for button in ("#send", "#skip", "#undo"):
            ann.page.locator(button).scroll_into_view_if_needed()
            on_top = """selector => {
                const button = document.querySelector(selector), box = button.getBoundingClientRect();
                return button.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2));
            }"""
            assert ann.page.evaluate(on_top, button)


def executable():
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
