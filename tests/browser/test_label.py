"""Labelling in a real browser, by the keyboard alone: one image at a time, a grid, two people, a training."""

from __future__ import annotations

import pytest
from support.label_page import TRUTH, Labeller, labelling, quick, said

TELEPHONE = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}


@pytest.fixture(scope="module")
def labels(browser, quick_folder, tmp_path_factory):
    projects = {
        "quick": quick(quick_folder),
        "goal": quick(quick_folder, "[train]", "every = 4", "[stop]", "accuracy = 0.3", "labels = 9000"),
    }
    with labelling(quick_folder, tmp_path_factory.mktemp("label"), projects, ("quick", "goal")) as server:
        yield server


def test_the_name_is_asked_once_and_kept(browser, labels):
    services = browser.new_context()
    page = services.new_page()
    page.goto(f"http://127.0.0.1:{labels.port}/projects/quick/label")
    page.wait_for_selector("#who:visible")
    assert page.locator("#work").is_hidden()
    page.keyboard.type("dataset")
    page.keyboard.press("Enter")
    assert "choose another name" in page.inner_text("#name-fault")
    page.fill("#name", "zoe")
    page.keyboard.press("Enter")
    page.wait_for_selector("#frame img")
    assert page.evaluate("document.activeElement.id") == "stage"  # the form is gone
    page.reload()
    page.wait_for_selector("#frame img")
    assert page.inner_text("#person") == "You are zoe."
    page.click("#rename")
    page.fill("#name", "yan")
    page.keyboard.press("Enter")
    assert page.inner_text("#person") == "You are yan."
    page.wait_for_selector("#frame img")
    services.close()


def test_each_tab_keeps_its_own_name(browser, labels):
    with Labeller(browser, labels, "ann") as ann:
        other = ann.services.new_page()
        other.goto(f"{ann.address}?annotator=bob")
        other.wait_for_selector("#work:visible")
        for page, name in ((ann.page, "ann"), (other, "bob")):
            page.goto(ann.address)  # as a link that lost the name leads there
            page.wait_for_selector("#work:visible")
            assert page.inner_text("#person") == f"You are {name}."
        ann.leave()


def test_twenty_digits_by_the_keyboard_alone(browser, labels):
    with Labeller(browser, labels, "keys") as ann:
        expected = []
        for number in range(20):
            item = ann.shown()
            assert ann.chosen() == []  # the guess is shown, and never chosen for anybody
            assert ann.wait_text("#guess", r"The model says \d, \d+ %")
            right = TRUTH[int(item)]
            if number == 4:
                other = str((int(right) + 1) % 10)
                ann.press(right, other)
                assert ann.text("#said") == " or ".join(sorted([right, other]))
                ann.press("Enter")
                expected.append(said(item, *sorted([right, other])))
            elif number == 9:
                ann.press("s")
                expected.append({"id": item, "skip": True})
            elif number == 12:
                wrong = [str((int(right) + step) % 10) for step in (1, 2)]
                ann.press(*wrong, "Enter")
                assert ann.shown() != item
                ann.press("u")
                assert ann.shown() == item
                assert ann.chosen() == sorted(wrong)  # ready to be mended
                ann.press(*wrong, right, "Enter")
                expected += [said(item, *sorted(wrong)), {"id": item, "retract": True}, said(item, right)]
            else:
                ann.answer()
                expected.append(said(item, right))
            assert ann.shown() != item
        assert ann.stored() == expected
        assert len({row["id"] for row in expected}) == 20

        ann.press("u", "u")  # several steps back
        assert [row["id"] for row in ann.stored()[-2:]] == [expected[-1]["id"], expected[-2]["id"]]
        assert ann.shown() == expected[-2]["id"]
        ann.press("Enter", "Enter")  # as they were: each comes back with what was chosen
        assert ann.stored()[-2:] == expected[-2:]


def test_a_grid_by_the_keyboard_alone(browser, labels):
    with Labeller(browser, labels, "grid") as ann:
        answered = [ann.answer() for _ in range(3)]
        ann.press("g")
        tiles = ann.tiles()
        assert not set(answered) & set(tiles)
        ann.press("7", "Space", "ArrowRight", "ArrowRight", "Space", "Shift+ArrowRight", "Enter")
        marked = [tiles[0], tiles[2], tiles[3]]
        ann.wait_text("#told", "Sent: 3 images: 7")
        assert ann.stored()[-3:] == [said(item, "7") for item in marked]
        assert not set(marked) & set(ann.tiles())
        assert set(tiles) - set(marked) <= set(ann.tiles())  # the others stay
        ann.press("u")
        assert ann.stored()[-3:] == [{"id": item, "retract": True} for item in marked]
        assert ann.tiles()[:3] == marked
        assert ann.page.locator("#grid [aria-selected=true]").count() == 3
        ann.press("7", "3", "Enter")  # not 7 after all: the choice came back too
        assert ann.stored()[-3:] == [said(item, "3") for item in marked]
        ann.press("G")
        assert ann.shown() not in marked
        assert ann.page.evaluate("document.activeElement.id") == "stage"  # the tile is gone


def test_training_is_asked_for_and_the_new_model_is_told(browser, labels):
    with Labeller(browser, labels, "train") as ann:
        for _ in range(8):
            ann.answer()
        ann.stored()
        before = labels.client()("GET", "/status").json()
        assert before["unseen"] == before["labels"] >= 8
        ann.wait_text("#standing", f"{before['unseen']} answers the model has not seen")
        ann.page.click("#train")
        ann.wait_text("#news", r"model is live: r\d+, accuracy \d+\.\d %|The new model r\d+ waits")
        after = labels.client()("GET", "/status").json()
        if after["checkpoint"] != before["checkpoint"]:
            ann.wait_text("#why", f"checkpoint {before['checkpoint']}|checkpoint {after['checkpoint']}")
            ann.answer()
            ann.wait_text("#why", f"checkpoint {after['checkpoint']}")


def test_every_key_has_a_button(browser, labels):
    with Labeller(browser, labels, "mouse", **TELEPHONE) as ann:
        page = ann.page
        first = ann.shown()
        page.click("#classes label:has-text('4')")
        page.click("#classes label:has-text('9')")
        assert ann.text("#said") == "4 or 9"
        page.click("#send")
        second = ann.shown()
        page.click("#skip")
        assert ann.shown() not in (first, second)
        page.click("#undo")
        assert ann.shown() == second
        ann.press("4", "Enter")  # Enter sends, though a button was pressed last
        assert ann.stored() == [
            said(first, "4", "9"), {"id": second, "skip": True}, {"id": second, "retract": True}, said(second, "4"),
        ]  # fmt: skip
        page.click("#many")
        tiles = ann.tiles()
        assert len(tiles) == 24
        page.click("#classes label:has-text('2')")
        for tile in (1, 4):
            page.locator("#grid [role=option]").nth(tile).click()
        page.click("#send")
        assert ann.stored()[-2:] == [said(tiles[1], "2"), said(tiles[4], "2")]
        width = "document.querySelector('#grid [role=option]').offsetWidth"
        before = page.evaluate(width)
        page.click("#larger")
        assert page.evaluate(width) > 2 * before
        assert page.get_attribute("#larger", "aria-pressed") == "true"
        page.click("#larger")
        page.click("#one")
        ann.shown()
        assert page.locator("#larger").is_hidden()
        page.click("#help")
        assert page.locator("#keys").is_visible()
        page.keyboard.press("Escape")
        small = page.evaluate("""() => [...document.querySelectorAll("button, .chip, .switch")]
            .filter((part) => part.offsetParent).map((part) => part.getBoundingClientRect())
            .filter((box) => box.height < 36 || box.width < 36).length""")
        assert small == 0
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_one_key_answers_where_that_is_wished(browser, labels):
    with Labeller(browser, labels, "quick") as ann:
        first = ann.shown()
        ann.page.check("#quick")
        ann.press("5")
        second = ann.shown()
        assert second != first
        ann.press("Shift+1", "Shift+7")
        assert ann.chosen() == ["1", "7"]
        assert ann.shown() == second
        ann.press("Enter")
        assert ann.shown() != second
        assert ann.stored() == [said(first, "5"), said(second, "1", "7")]
        ann.page.reload()
        third = ann.shown()
        assert ann.page.is_checked("#quick")
        ann.press("0")
        fourth = ann.shown()
        assert fourth != third
        ann.press("3", "u")
        assert ann.shown() == fourth
        assert ann.chosen() == ["3"]
        ann.press("5")  # an answer of its own, in the place of what was undone
        ann.shown()
        assert ann.stored()[3:] == [said(fourth, "3"), {"id": fourth, "retract": True}, said(fourth, "5")]
        ann.press("u", "Shift+7", "9")  # what Shift added to it stays
        assert ann.stored()[-1] == said(fourth, "5", "7", "9")


def test_one_key_answers_in_the_grid_each_time_anew(browser, labels):
    with Labeller(browser, labels, "quick-grid") as ann:
        ann.shown()
        ann.page.check("#quick")
        ann.press("g")
        first = ann.tiles()[:2]
        ann.press("Space", "ArrowRight", "Space", "Home", "3")
        assert ann.stored() == [said(item, "3") for item in first]
        assert ann.chosen() == []
        second = ann.tiles()[0]
        ann.press("Space", "5")
        assert ann.stored()[2:] == [said(second, "5")]
        ann.press("u")
        assert ann.chosen() == ["5"]  # undone: ready to be mended
        ann.press("4")
        assert ann.stored()[-1] == said(second, "4")
        third = ann.tiles()[0]
        ann.press("1", "2", "Space", "2")  # with nothing marked a key is chosen, and not sent
        assert ann.stored()[-1] == said(third, "2")
        ann.leave()


def test_nothing_is_sent_where_nothing_is_chosen(browser, labels):
    with Labeller(browser, labels, "hasty") as ann:
        item = ann.shown()
        ann.press("Enter")
        assert "Choose a class first" in ann.text("#said")
        ann.press("1", "1", "Enter", "u", "Alt+2")
        assert ann.shown() == item
        assert ann.stored() == []
        ann.press("?")
        ann.press("1", "s")  # the list of keys is open: they mean nothing
        assert ann.page.locator("#keys").is_visible()
        ann.press("Escape")
        ann.page.wait_for_selector("#keys", state="hidden")
        assert ann.shown() == item
        assert ann.chosen() == []
        ann.press("1", "Enter")
        assert ann.shown() != item
        assert ann.stored() == [said(item, "1")]


def test_the_page_says_what_to_do_and_keeps_its_buttons_where_they_are(browser, labels):
    with Labeller(browser, labels, "steady") as ann:
        ann.shown()
        assert ann.page.get_by_text("What could it be? Several may be on.").is_visible()
        assert ann.page.locator("#classes legend").bounding_box()["width"] > 100  # not for a screen reader alone
        place = ann.page.locator("#send").bounding_box()
        ann.press("Enter")
        assert ann.wait_text("#said", "Choose a class first")
        assert ann.page.locator("#send").bounding_box() == place
        ann.answer()
        assert ann.page.locator("#send").bounding_box() == place
        # the guess of the next image is not shown as if it were of the one that was sent
        assert ann.page.locator("#told .unseen").inner_text().startswith("The model says")


def test_everything_is_reached_by_tab_and_told(browser, labels):
    with Labeller(browser, labels, "tab") as ann:
        ann.shown()
        reached = []
        for _ in range(40):
            ann.press("Tab")
            reached.append(ann.page.evaluate("document.activeElement.id || document.activeElement.value || ''"))
        assert {"one", "many", "quick", "help", "send", "skip", "rename", *"0123456789"} <= set(reached)
        ann.page.locator("#classes input").nth(3).focus()
        ann.press("Space")
        assert ann.chosen() == ["3"]
        assert ann.page.get_attribute("#one", "aria-pressed") == "true"
        assert ann.page.get_attribute("#frame img", "alt") == "image to label"
        assert ann.page.evaluate("document.querySelector('#frame img').classList.contains('pixels')")
        ann.press("Enter")
        ann.wait_text("#told", r"Sent: 3\.\s+The model says")


def test_two_people_never_see_the_same_image(browser, labels):
    seen = {"left": [], "right": []}
    with Labeller(browser, labels, "left") as left, Labeller(browser, labels, "right") as right:
        for _ in range(14):
            for who in (left, right):
                seen[who.name].append(who.answer())
        for who in (left, right):
            who.press("g")
            seen[who.name] += who.tiles()
    assert len(set(seen["left"])) == len(seen["left"]) > 30
    assert not set(seen["left"]) & set(seen["right"])


def test_what_was_not_answered_is_handed_back_on_leaving(browser, labels):
    with Labeller(browser, labels, "leaver") as ann:
        ann.shown()
        held = {item["id"] for item in labels.client()("GET", "/query?size=20&annotator=leaver").json()["items"]}
        ann.answer()
        ann.stored()
        ann.leave()
    other = labels.client()("GET", "/query?size=150&annotator=comer").json()
    assert len(held & {item["id"] for item in other["items"]}) >= 10
    labels.client()("DELETE", f"/queries/{other['query']}")


def test_the_next_training_and_the_goal_are_told(browser, labels):
    with Labeller(browser, labels, "goal", "goal") as ann:
        ann.shown()
        ann.wait_text("#standing", "4 answers until the next training")
        assert "The goal is reached: accuracy 30.0 %." in ann.wait_text("#goal", "The goal is reached")
        assert ann.page.locator("#train").is_hidden()
        for _ in range(4):
            ann.answer()
        ann.wait_text("#news", r"model is live: r2|The new model r2 waits")


def test_the_grid_is_full_even_if_opened_before_the_first_images_are_there(browser, labels):
    ann, held = Labeller(browser, labels, "early"), []
    ann.page.route("**/query?*", lambda route: route.continue_() if held else held.append(route))
    with ann:
        while not held:
            ann.page.wait_for_timeout(20)
        ann.press("g")
        held[0].continue_()
        assert len(ann.tiles()) == 24


def test_letting_the_model_s_guess_mark_is_an_act(browser, labels):
    with Labeller(browser, labels, "alike") as ann:
        ann.press("g")
        ann.tiles()
        assert ann.page.locator("#grid [aria-selected=true]").count() == 0
        assert ann.page.locator("#mark").is_hidden()
        guesses = ann.page.eval_on_selector_all("#grid li span", "spans => spans.map((span) => span.innerText[0])")
        assert guesses == sorted(guesses)  # alike ones stand together
        ann.press(guesses[0])
        ann.page.click("#mark")
        assert ann.page.locator("#grid [aria-selected=true]").count() == guesses.count(guesses[0])


def test_an_image_is_enlarged(browser, labels):
    with Labeller(browser, labels, "near") as ann:
        ann.shown()
        size = "document.querySelector('#frame img').getBoundingClientRect().width"
        before = ann.page.evaluate(size)
        ann.press("z")
        assert ann.page.evaluate(size) > 2 * before
        ann.page.click("#frame")
        assert ann.page.evaluate(size) == before


def test_a_key_means_what_it_types_and_else_where_it_lies(browser, labels):
    events = [("o", "KeyS"), ("3", "Digit3"), ("#", "Digit3"), ("&", "Digit1"), ("ы", "KeyS"), ("Q", "KeyA")]
    read = """async events => {
        const { names } = await import("/static/label/keys.js");
        return events.map(([key, code]) => names({ key, code }));
    }"""
    with Labeller(browser, labels, "layouts") as ann:
        found = ann.page.evaluate(read, [list(event) for event in events])
    assert found == [["o"], ["3"], ["#", "3"], ["&", "1"], ["ы", "s"], ["q"]]
