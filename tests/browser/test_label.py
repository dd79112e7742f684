"""Labelling in a real browser by keyboard: one image at a time, a grid, two annotators, a training."""

from __future__ import annotations

import pytest
from support.label_page import TRUTH, Annotator, label_row, labelling, quick_project

TELEPHONE = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}


@pytest.fixture(scope="module")
def labels(browser, quick_folder, tmp_path_factory):
    projects = {
        "quick": quick_project(quick_folder),
        "goal": quick_project(quick_folder, "[train]", "every = 4", "[stop]", "accuracy = 0.3", "labels = 9000"),
    }
    with labelling(quick_folder, tmp_path_factory.mktemp("label"), projects, ("quick", "goal")) as server:
        yield server


def test_the_name_is_stored(browser, labels):
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{labels.port}/projects/quick/label")
    page.wait_for_selector("#annotator-form:visible")
    assert page.locator("#workspace").is_hidden()
    page.keyboard.type("dataset")
    page.keyboard.press("Enter")
    assert "choose another name" in page.inner_text("#name-error")
    page.fill("#name", "zoe")
    page.keyboard.press("Enter")
    page.wait_for_selector("#frame img")
    assert page.evaluate("document.activeElement.id") == "image-area"  # the form is hidden
    page.reload()
    page.wait_for_selector("#frame img")
    assert page.inner_text("#annotator") == "You are zoe."
    page.click("#change-name")
    page.fill("#name", "yan")
    page.keyboard.press("Enter")
    assert page.inner_text("#annotator") == "You are yan."
    page.wait_for_selector("#frame img")
    context.close()


def test_each_tab_has_its_own_name(browser, labels):
    with Annotator(browser, labels, "ann") as ann:
        other = ann.context.new_page()
        other.goto(f"{ann.address}?annotator=bob")
        other.wait_for_selector("#workspace:visible")
        for page, name in ((ann.page, "ann"), (other, "bob")):
            page.goto(ann.address)  # a link without the name
            page.wait_for_selector("#workspace:visible")
            assert page.inner_text("#annotator") == f"You are {name}."
        ann.leave()


def test_twenty_digits_by_keyboard(browser, labels):
    with Annotator(browser, labels, "keys") as ann:
        expected = []
        for number in range(20):
            item = ann.shown_item()
            assert ann.selected_classes() == []  # the prediction is shown, but not selected
            assert ann.wait_text("#prediction", r"Model: \d \(\d+ %\)")
            right = TRUTH[int(item)]
            if number == 4:
                other = str((int(right) + 1) % 10)
                ann.press(right, other)
                assert ann.text("#preview") == " or ".join(sorted([right, other]))
                ann.press("Enter")
                expected.append(label_row(item, *sorted([right, other])))
            elif number == 9:
                ann.press("s")
                expected.append({"id": item, "skip": True})
            elif number == 12:
                wrong = [str((int(right) + step) % 10) for step in (1, 2)]
                ann.press(*wrong, "Enter")
                assert ann.shown_item() != item
                ann.press("u")
                assert ann.shown_item() == item
                assert ann.selected_classes() == sorted(wrong)  # ready to be corrected
                ann.press(*wrong, right, "Enter")
                expected += [label_row(item, *sorted(wrong)), {"id": item, "retract": True}, label_row(item, right)]
            else:
                ann.label()
                expected.append(label_row(item, right))
            assert ann.shown_item() != item
        assert ann.saved_labels() == expected
        assert len({row["id"] for row in expected}) == 20

        ann.press("u", "u")  # several steps back
        assert [row["id"] for row in ann.saved_labels()[-2:]] == [expected[-1]["id"], expected[-2]["id"]]
        assert ann.shown_item() == expected[-2]["id"]
        ann.press("Enter", "Enter")  # unchanged: each is restored with its classes
        assert ann.saved_labels()[-2:] == expected[-2:]


def test_grid_by_keyboard(browser, labels):
    with Annotator(browser, labels, "grid") as ann:
        labelled = [ann.label() for _ in range(3)]
        ann.press("g")
        tiles = ann.tiles()
        assert not set(labelled) & set(tiles)
        ann.press("7", "Space", "ArrowRight", "ArrowRight", "Space", "Shift+ArrowRight", "Enter")
        selected = [tiles[0], tiles[2], tiles[3]]
        ann.wait_text("#toast", "Sent: 3 images: 7")
        assert ann.saved_labels()[-3:] == [label_row(item, "7") for item in selected]
        assert not set(selected) & set(ann.tiles())
        assert set(tiles) - set(selected) <= set(ann.tiles())  # the others stay
        ann.press("u")
        assert ann.saved_labels()[-3:] == [{"id": item, "retract": True} for item in selected]
        assert ann.tiles()[:3] == selected
        assert ann.page.locator("#grid [aria-selected=true]").count() == 3
        ann.press("7", "3", "Enter")  # 3 instead of 7: the classes were restored too
        assert ann.saved_labels()[-3:] == [label_row(item, "3") for item in selected]
        ann.page.locator("#grid [role=option]").nth(4).click()
        before = ann.page.locator("#grid [aria-selected=true]").count()
        ann.page.locator("#grid [role=option]").nth(8).click(modifiers=["Shift"])
        assert ann.page.locator("#grid [aria-selected=true]").count() == before + 4  # all images in between
        ann.press("G")
        assert ann.shown_item() not in selected
        assert ann.page.evaluate("document.activeElement.id") == "image-area"  # the tile was removed


def test_train_button_and_the_notice_of_the_new_model(browser, labels):
    with Annotator(browser, labels, "train") as ann:
        for _ in range(8):
            ann.label()
        ann.saved_labels()
        before = labels.client()("GET", "/status").json()
        assert before["unseen"] == before["labels"] >= 8
        ann.wait_text("#status", f"{before['unseen']} new labels since {before['checkpoint']} was trained")
        ann.page.click("#train")
        ann.wait_text("#notice", r"model is live: r\d+, accuracy \d+\.\d %|The new model r\d+ was not promoted")
        after = labels.client()("GET", "/status").json()
        if after["checkpoint"] != before["checkpoint"]:
            ann.wait_text("#reason", f"checkpoint {before['checkpoint']}|checkpoint {after['checkpoint']}")
            for _ in range(20):  # a query that was on its way may bring more items of the earlier checkpoint
                ann.label()
                if f"checkpoint {after['checkpoint']}" in ann.wait_text("#reason", "checkpoint r"):
                    return
            pytest.fail("no item of the new checkpoint is shown")


def test_buttons_for_every_command(browser, labels):
    with Annotator(browser, labels, "mouse", **TELEPHONE) as ann:
        page = ann.page
        first = ann.shown_item()
        page.click("#classes label:has-text('4')")
        page.click("#classes label:has-text('9')")
        assert ann.text("#preview") == "4 or 9"
        page.click("#send")
        second = ann.shown_item()
        page.click("#skip")
        assert ann.shown_item() not in (first, second)
        page.click("#undo")
        assert ann.shown_item() == second
        ann.press("4", "Enter")  # Enter sends, though a button was pressed last
        assert ann.saved_labels() == [
            label_row(first, "4", "9"),
            {"id": second, "skip": True},
            {"id": second, "retract": True},
            label_row(second, "4"),
        ]
        page.click("[data-view=grid]")
        tiles = ann.tiles()
        assert len(tiles) == 24
        page.click("#classes label:has-text('2')")
        for tile in (1, 4):
            page.locator("#grid [role=option]").nth(tile).click()
        page.click("#send")
        assert ann.saved_labels()[-2:] == [label_row(tiles[1], "2"), label_row(tiles[4], "2")]
        width = "document.querySelector('#grid [role=option]').offsetWidth"
        before = page.evaluate(width)
        page.click("#enlarge")
        assert page.evaluate(width) > 2 * before
        assert page.get_attribute("#enlarge", "aria-pressed") == "true"
        page.click("#enlarge")
        page.click("[data-view=single]")
        ann.shown_item()
        assert page.locator("#enlarge").is_hidden()
        page.click("#show-keys")
        assert page.locator("#keys-dialog").is_visible()
        page.keyboard.press("Escape")
        small = page.evaluate("""() => [...document.querySelectorAll("button, .chip, .switch")]
            .filter((part) => part.offsetParent).map((part) => part.getBoundingClientRect())
            .filter((box) => box.height < 36 || box.width < 36).length""")
        assert small == 0
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_one_key_labelling(browser, labels):
    with Annotator(browser, labels, "quick") as ann:
        first = ann.shown_item()
        ann.page.check("#one-key")
        ann.press("5")
        second = ann.shown_item()
        assert second != first
        ann.press("Shift+1", "Shift+7")
        assert ann.selected_classes() == ["1", "7"]
        assert ann.shown_item() == second
        ann.press("Enter")
        assert ann.shown_item() != second
        assert ann.saved_labels() == [label_row(first, "5"), label_row(second, "1", "7")]
        ann.page.reload()
        third = ann.shown_item()
        assert ann.page.is_checked("#one-key")
        ann.press("0")
        fourth = ann.shown_item()
        assert fourth != third
        ann.press("3", "u")
        assert ann.shown_item() == fourth
        assert ann.selected_classes() == ["3"]
        ann.press("5")  # a label of its own, in place of the undone one
        ann.shown_item()
        assert ann.saved_labels()[3:] == [
            label_row(fourth, "3"),
            {"id": fourth, "retract": True},
            label_row(fourth, "5"),
        ]
        ann.press("u", "Shift+7", "9")  # classes toggled with Shift stay
        assert ann.saved_labels()[-1] == label_row(fourth, "5", "7", "9")


def test_one_key_labelling_in_the_grid(browser, labels):
    with Annotator(browser, labels, "quick-grid") as ann:
        ann.shown_item()
        ann.page.check("#one-key")
        ann.press("g")
        first = ann.tiles()[:2]
        ann.press("Space", "ArrowRight", "Space", "Home", "3")
        assert ann.saved_labels() == [label_row(item, "3") for item in first]
        assert ann.selected_classes() == []
        second = ann.tiles()[0]
        ann.press("Space", "5")
        assert ann.saved_labels()[2:] == [label_row(second, "5")]
        ann.press("u")
        assert ann.selected_classes() == ["5"]  # ready to be corrected
        ann.press("4")
        assert ann.saved_labels()[-1] == label_row(second, "4")
        third = ann.tiles()[0]
        ann.press("1", "2", "Space", "2")  # without selected images a key only selects the class
        assert ann.saved_labels()[-1] == label_row(third, "2")
        ann.leave()


def test_nothing_is_sent_without_a_class(browser, labels):
    with Annotator(browser, labels, "hasty") as ann:
        item = ann.shown_item()
        ann.press("Enter")
        assert "Choose a class first" in ann.text("#preview")
        ann.press("1", "1", "Enter", "u", "Alt+2")
        assert ann.shown_item() == item
        assert ann.saved_labels() == []
        ann.press("?")
        ann.press("1", "s")  # ignored while the list of keys is open
        assert ann.page.locator("#keys-dialog").is_visible()
        ann.press("Escape")
        ann.page.wait_for_selector("#keys-dialog", state="hidden")
        assert ann.shown_item() == item
        assert ann.selected_classes() == []
        ann.press("1", "Enter")
        assert ann.shown_item() != item
        assert ann.saved_labels() == [label_row(item, "1")]


def test_instructions_do_not_move_the_buttons(browser, labels):
    with Annotator(browser, labels, "steady") as ann:
        ann.shown_item()
        assert ann.page.get_by_text("Choose several if unsure.").is_visible()
        assert ann.page.locator("#classes legend").bounding_box()["width"] > 100  # visible, not only for screen readers
        position = ann.page.locator("#send").bounding_box()
        ann.press("Enter")
        assert ann.wait_text("#preview", "Choose a class first")
        assert ann.page.locator("#send").bounding_box() == position
        ann.label()
        assert ann.page.locator("#send").bounding_box() == position
        # the prediction for the next image is only for screen readers
        assert ann.page.locator("#toast .unseen").inner_text().startswith("Model: ")


def test_every_control_is_reached_by_tab(browser, labels):
    with Annotator(browser, labels, "tab") as ann:
        ann.shown_item()
        name = "(({ dataset, id, value }) => dataset.view || id || value || '')(document.activeElement)"
        reached = []
        for _ in range(40):
            ann.press("Tab")
            reached.append(ann.page.evaluate(name))
        assert {"single", "grid", "one-key", "show-keys", "send", "skip", "change-name", *"0123456789"} <= set(reached)
        ann.page.locator("#classes input").nth(3).focus()
        ann.press("Space")
        assert ann.selected_classes() == ["3"]
        assert ann.page.get_attribute("[data-view=single]", "aria-pressed") == "true"
        assert ann.page.get_attribute("#frame img", "alt") == "image to label"
        assert ann.page.evaluate("document.querySelector('#frame img').classList.contains('pixels')")
        ann.press("Enter")
        ann.wait_text("#toast", r"Sent: 3\.\s+Model: ")


def test_two_annotators_never_see_the_same_image(browser, labels):
    seen = {"left": [], "right": []}
    with Annotator(browser, labels, "left") as left, Annotator(browser, labels, "right") as right:
        for _ in range(14):
            for annotator in (left, right):
                seen[annotator.name].append(annotator.label())
        for annotator in (left, right):
            annotator.press("g")
            seen[annotator.name] += annotator.tiles()
    assert len(set(seen["left"])) == len(seen["left"]) > 30
    assert not set(seen["left"]) & set(seen["right"])


def test_leases_end_when_the_page_is_left(browser, labels):
    with Annotator(browser, labels, "leaver") as ann:
        ann.shown_item()
        leased = {item["id"] for item in labels.client()("GET", "/query?size=20&annotator=leaver").json()["items"]}
        ann.label()
        ann.saved_labels()
        ann.leave()
    other = labels.client()("GET", "/query?size=150&annotator=comer").json()
    assert len(leased & {item["id"] for item in other["items"]}) >= 10
    labels.client()("DELETE", f"/queries/{other['query']}")


def test_the_next_training_and_the_goal_are_shown(browser, labels):
    with Annotator(browser, labels, "goal", "goal") as ann:
        ann.shown_item()
        ann.wait_text("#status", "4 labels until the next training")
        assert "The goal is reached: accuracy 30.0 %." in ann.wait_text("#goal", "The goal is reached")
        assert ann.page.locator("#train").is_hidden()
        for _ in range(4):
            ann.label()
        ann.wait_text("#notice", r"model is live: r2|The new model r2 was not promoted")


def test_the_grid_fills_if_opened_before_the_first_images(browser, labels):
    ann, held = Annotator(browser, labels, "early"), []
    ann.page.route("**/query?*", lambda route: route.continue_() if held else held.append(route))
    with ann:
        while not held:
            ann.page.wait_for_timeout(20)
        ann.press("g")
        held[0].continue_()
        assert len(ann.tiles()) == 24


def test_select_the_images_predicted_as_a_class(browser, labels):
    with Annotator(browser, labels, "alike") as ann:
        ann.press("g")
        ann.tiles()
        assert ann.page.locator("#grid [aria-selected=true]").count() == 0
        assert ann.page.locator("#select-predicted").is_hidden()
        predictions = ann.page.eval_on_selector_all("#grid li span", "spans => spans.map((span) => span.innerText[0])")
        assert predictions == sorted(predictions)
        ann.press(predictions[0])
        ann.page.click("#select-predicted")
        assert ann.page.locator("#grid [aria-selected=true]").count() == predictions.count(predictions[0])


def test_enlarge_an_image(browser, labels):
    with Annotator(browser, labels, "near") as ann:
        ann.shown_item()
        size = "document.querySelector('#frame img').getBoundingClientRect().width"
        before = ann.page.evaluate(size)
        ann.press("z")
        assert ann.page.evaluate(size) > 2 * before
        ann.page.click("#frame")
        assert ann.page.evaluate(size) == before
