"""The prediction page in a browser: with and without JavaScript, narrow and dark, by keyboard."""

from __future__ import annotations

import numpy as np
import pytest
from support.odd_images import saved, smooth, stored

from nextlabel.engine.images.decoding import prepare

WITHOUT_SCRIPT = {"java_script_enabled": False}
TELEPHONE = {"viewport": {"width": 360, "height": 740}}
DARK = {"color_scheme": "dark"}


def upload(name: str, data: bytes, kind: str = "image/jpeg") -> dict[str, object]:
    return {"name": name, "mimeType": kind, "buffer": data}


IMAGE = saved(smooth(300, 100), "JPEG")
REJECTED = [
    ("large.jpg", saved(smooth(64, 64), "JPEG") + bytes(2_000_000), "1,000,000 bytes"),
    ("renamed.jpg", saved(smooth(64, 64), "GIF"), "GIF"),
    ("cut-off.jpg", IMAGE[: len(IMAGE) // 2], "cut off"),
    ("text.jpg", b"a shopping list\n", "text"),
]


@pytest.mark.parametrize("window", [{}, WITHOUT_SCRIPT, {**TELEPHONE, **DARK}], indirect=True)
def test_predict_an_image(window):
    page = window.visit("/projects/quick/")
    page.set_input_files("#image", upload("wide.jpg", IMAGE))
    if page.get_by_role("heading", level=2).count() == 0 and page.locator("body.scripted").count() == 0:
        page.click("text=Predict")
    page.wait_for_selector("#prediction h2")
    assert page.inner_text("#prediction h2") in set("0123456789")
    assert page.locator("#result .bars tr").count() >= 10
    assert "33 % of the image" in page.inner_text("figcaption strong")
    assert page.locator("svg .frame").count() == 1
    assert page.get_attribute("canvas[data-input]", "width") == "8"
    assert not window.overflows()
    if page.locator("body.scripted").count():
        assert page.inner_text("#status").startswith(page.inner_text("#prediction h2"))
    else:
        assert "needs JavaScript" in page.inner_text("canvas[data-input]")


def pixels(page, selector):
    """Return the pixels of a canvas, uint8 (height, width, 3)."""
    page.wait_for_selector(f"{selector}[data-drawn]")
    width, height, data = page.evaluate(
        """selector => {
            const canvas = document.querySelector(selector);
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return [canvas.width, canvas.height, Array.from(data)];
        }""",
        selector,
    )
    return np.array(data, np.uint8).reshape(height, width, 4)[..., :3]


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_canvases_show_the_image_and_the_model_input(window, orientation):
    page = window.visit("/projects/quick/")
    data = stored(smooth(300, 100), orientation, "JPEG", quality=95)
    page.set_input_files("#image", upload("wide.jpg", data))
    image = pixels(page, "canvas[data-sent]")
    assert image.shape == (100, 300, 3)
    assert np.abs(image.astype(int) - np.asarray(smooth(300, 100))).mean() < 5
    assert page.locator("svg .frame").count() == 1
    # grey, and exactly the model's input
    np.testing.assert_array_equal(pixels(page, "canvas[data-input]"), np.repeat(prepare(data, (8, 8), 1), 3, axis=2))


def test_an_empty_file_does_not_prevent_the_others(window):
    page = window.visit("/projects/quick/")
    page.set_input_files("#image", [upload("nothing.jpg", b""), upload("wide.jpg", IMAGE)])
    page.locator(".predictions tbody tr").wait_for()
    page.wait_for_function("document.getElementById('error').textContent")
    assert page.inner_text("#error") == "The file nothing.jpg is empty."
    assert page.locator(".predictions tbody th").all_inner_texts() == ["wide.jpg"]


def test_a_missing_file_does_not_prevent_the_others(window, tmp_path):
    paths = [tmp_path / f"{number}.jpg" for number in range(12)]
    for path in paths:
        path.write_bytes(IMAGE)
    page, held = window.visit("/projects/quick/"), []
    page.route("**/projects/quick/?list=1", lambda route: route.continue_() if held else held.append(route))
    page.set_input_files("#image", paths)
    while not held:  # the first batch of eight
        page.wait_for_timeout(10)
    paths[9].unlink()
    paths[9].mkdir()  # the browser would take a missing file for an empty one
    held[0].continue_()
    page.wait_for_selector("#error:not(:empty)")
    assert page.inner_text("#error") == "The file 9.jpg cannot be read; it may have been moved or changed."
    names = [path.name for path in paths if path.is_file()]
    assert page.locator(".predictions tbody th").all_inner_texts() == names
    assert page.inner_text("#status") == "11 of 12 images predicted"


def test_earlier_results_stay_if_the_server_stops(window):
    page, calls = window.visit("/projects/quick/"), []

    def respond_once(route):
        calls.append(route)
        route.abort() if len(calls) > 1 else route.continue_()

    page.route("**/projects/quick/?list=1", respond_once)
    page.set_input_files("#image", [upload(f"{number}.jpg", IMAGE) for number in range(10)])
    page.wait_for_selector("#error:not(:empty)")
    assert "did not answer" in page.inner_text("#error")
    assert page.locator(".predictions tbody tr").count() == 8


@pytest.mark.parametrize("count", [1, 2])
def test_a_page_of_another_server_is_an_error(window, count):
    page = window.visit("/projects/quick/")
    page.evaluate("window.same = true")
    response = {"status": 413, "body": "<h1>413 Request Entity Too Large</h1>", "content_type": "text/html"}
    page.route("**/projects/quick/*", lambda route: route.fulfill(**response))
    page.set_input_files("#image", [upload(f"{number}.jpg", IMAGE) for number in range(count)])
    page.wait_for_selector("#error:not(:empty)")
    assert "(status 413) did not come from this server" in page.inner_text("#error")
    assert page.evaluate("window.same")  # the page was not reloaded


@pytest.mark.parametrize("window", [{}, TELEPHONE], indirect=True)
def test_a_tall_image_has_its_proportions(window):
    page = window.visit("/projects/quick/")
    page.set_input_files("#image", upload("tall.jpg", saved(smooth(270, 1200), "JPEG")))
    page.wait_for_selector("canvas[data-sent][data-drawn]")
    assert page.evaluate("getComputedStyle(document.querySelector('canvas[data-sent]')).objectFit") == "contain"
    # the frame is square and in the middle of the image
    frame, canvas = (page.locator(name).bounding_box() for name in ("svg .frame", "canvas[data-sent]"))
    assert frame["width"] == pytest.approx(frame["height"], rel=0.05)
    assert frame["height"] == pytest.approx(canvas["height"] * 270 / 1200, rel=0.05)
    for start, length in (("x", "width"), ("y", "height")):
        middles = [box[start] + box[length] / 2 for box in (frame, canvas)]
        assert middles[0] == pytest.approx(middles[1], abs=2)


@pytest.mark.parametrize("window", [{}, {**TELEPHONE, **DARK}, WITHOUT_SCRIPT], indirect=True)
def test_several_images_are_a_list(window, server):
    page = window.visit("/projects/quick/")
    files = [upload(f"{number}.jpg", saved(smooth(40 + number, 50), "JPEG")) for number in range(10)]
    files[4] = upload("text.jpg", b"a shopping list\n")
    page.set_input_files("#image", files)
    if page.locator("body.scripted").count() == 0:
        page.click("text=Predict")
    page.locator(".predictions tbody tr").nth(9).wait_for()
    assert page.locator(".predictions tbody th").all_inner_texts() == [file["name"] for file in files]
    assert page.locator(".predictions .error").count() == 1
    assert "text" in page.inner_text(".predictions tr:has-text('text.jpg') .error")
    assert not window.overflows()
    if page.locator("body.scripted").count():
        page.locator("canvas[data-row][data-drawn]").nth(8).wait_for()
        assert page.inner_text("#status") == "10 of 10 images predicted"
        page.set_input_files("#image", upload("wide.jpg", IMAGE))
        page.wait_for_selector("#prediction h2")
        assert page.locator(".predictions").count() == 0


def test_a_too_large_file_does_not_prevent_the_others(window):
    page = window.visit("/projects/quick/")
    page.set_input_files("#image", [upload("large.jpg", bytes(2_000_000)), upload("good.jpg", IMAGE)])
    page.wait_for_selector("#error:not(:empty)")
    assert "large.jpg" in page.inner_text("#error")
    assert page.locator(".predictions tbody th").all_inner_texts() == ["good.jpg"]


@pytest.mark.parametrize("window", [{}, WITHOUT_SCRIPT], indirect=True, ids=["script", "no script"])
@pytest.mark.parametrize(("name", "data", "reason"), REJECTED, ids=[name for name, _, _ in REJECTED])
def test_errors_are_shown_on_the_page(window, name, data, reason):
    page = window.visit("/projects/quick/")
    page.set_input_files("#image", upload(name, data))
    if page.locator("body.scripted").count() == 0:
        page.click("text=Predict")
    page.wait_for_selector("#error:not(:empty)")
    assert reason in page.inner_text("#error")
    assert page.locator("#result h2").count() == 0
    page.set_input_files("#image", upload("good.jpg", IMAGE))
    if page.locator("body.scripted").count() == 0:
        page.click("text=Predict")
    page.wait_for_selector("#prediction h2")
    assert page.inner_text("#error") == ""


def test_drop_and_paste_an_image(window):
    page = window.visit("/projects/quick/")
    send = """([kind, bytes]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], "x.png", { type: "image/png" }));
        const init = kind === "drop" ? { dataTransfer: data } : { clipboardData: data };
        const event = kind === "drop" ? DragEvent : ClipboardEvent;
        document.body.dispatchEvent(new event(kind, { bubbles: true, cancelable: true, ...init }));
    }"""
    for kind in ("drop", "paste"):
        page.evaluate("document.getElementById('result').replaceChildren()")
        page.evaluate(send, [kind, list(saved(smooth(16, 16)))])
        page.wait_for_selector("#prediction h2")
        assert page.locator("svg .frame").count() == 0


def test_tab_order(window):
    page = window.visit("/projects/quick/")
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
    assert reached.index("image") < reached.index("Predict")
    assert reached[0] == "Skip to the content"


@pytest.mark.parametrize("window", [{}, TELEPHONE], indirect=True)
def test_item_page(window, server):
    client = server.client()
    (item,) = client("GET", "/query?size=1&annotator=ann").json()["items"]
    for annotator, classes in (("ann", ["1"]), ("bob", ["7"])):
        labels = [{"id": item["id"], "candidates": classes}]
        assert client("POST", "/labels", {"annotator": annotator, "labels": labels}).status == 201
    page = window.visit(f"/projects/quick/pool/{item['id']}")
    assert page.inner_text("#resolved-label") == "1 or 7"
    assert "disagree" in page.inner_text(".item")
    assert page.evaluate("document.querySelector('img.sent').naturalWidth") == 8
    assert not window.overflows()
