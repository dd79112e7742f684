"""The prediction page, as a person has it: with its script, without, on a telephone, by keyboard."""

from __future__ import annotations

import numpy as np
import pytest
from support.odd_images import saved, smooth, stored

from nextlabel.engine.images.decoding import prepare

WITHOUT_SCRIPT = {"java_script_enabled": False}
TELEPHONE = {"viewport": {"width": 360, "height": 740}}
DARK = {"color_scheme": "dark"}


def sent(name: str, data: bytes, kind: str = "image/jpeg") -> dict[str, object]:
    return {"name": name, "mimeType": kind, "buffer": data}


IMAGE = saved(smooth(300, 100), "JPEG")
REFUSED = [
    ("large.jpg", saved(smooth(64, 64), "JPEG") + bytes(2_000_000), "1,000,000 bytes"),
    ("renamed.jpg", saved(smooth(64, 64), "GIF"), "GIF"),
    ("cut-off.jpg", IMAGE[: len(IMAGE) // 2], "cut off"),
    ("text.jpg", b"a shopping list\n", "text"),
]


@pytest.mark.parametrize("window", [{}, WITHOUT_SCRIPT, {**TELEPHONE, **DARK}], indirect=True)
def test_an_image_is_answered(window):
    page = window.visit("/projects/quick/")
    page.set_input_files("#image", sent("wide.jpg", IMAGE))
    if page.get_by_role("heading", level=2).count() == 0 and page.locator("body.lively").count() == 0:
        page.click("text=Predict")
    page.wait_for_selector("#said h2")
    assert page.inner_text("#said h2") in set("0123456789")
    assert page.locator("#answer .bars tr").count() >= 10
    assert "33 % of the image" in page.inner_text("figcaption strong")
    assert page.locator("svg .frame").count() == 1
    assert page.get_attribute("canvas[data-seen]", "width") == "8"
    assert not window.overflows()
    if page.locator("body.lively").count():
        assert page.inner_text("#status").startswith(page.inner_text("#said h2"))
    else:
        assert "let scripts run" in page.inner_text("canvas[data-seen]")


def pixels(page, selector):
    """What is painted on a canvas, (height, width, 3)."""
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
def test_the_canvases_are_painted(window, orientation):
    page = window.visit("/projects/quick/")
    data = stored(smooth(300, 100), orientation, "JPEG", quality=95)
    page.set_input_files("#image", sent("wide.jpg", data))
    image = pixels(page, "canvas[data-sent]")
    assert image.shape == (100, 300, 3)
    assert np.abs(image.astype(int) - np.asarray(smooth(300, 100))).mean() < 5
    assert page.locator("svg .frame").count() == 1
    # grey, as the model was given it, to the level
    np.testing.assert_array_equal(pixels(page, "canvas[data-seen]"), np.repeat(prepare(data, (8, 8), 1), 3, axis=2))


def test_what_cannot_be_sent_is_named_and_keeps_no_other_from_its_answer(window):
    page = window.visit("/projects/quick/")
    page.set_input_files("#image", [sent("nothing.jpg", b""), sent("wide.jpg", IMAGE)])
    page.locator(".several tbody tr").wait_for()
    page.wait_for_function("document.getElementById('fault').textContent")
    assert page.inner_text("#fault") == "The file nothing.jpg is empty."
    assert page.locator(".several tbody th").all_inner_texts() == ["wide.jpg"]


def test_a_file_that_is_gone_keeps_no_other_from_its_answer(window, tmp_path):
    paths = [tmp_path / f"{number}.jpg" for number in range(12)]
    for path in paths:
        path.write_bytes(IMAGE)
    page, held = window.visit("/projects/quick/"), []
    page.route("**/projects/quick/?list=1", lambda route: route.continue_() if held else held.append(route))
    page.set_input_files("#image", paths)
    while not held:  # the first eight, which wait
        page.wait_for_timeout(10)
    paths[9].unlink()
    paths[9].mkdir()  # the browser takes one that is gone for an empty one
    held[0].continue_()
    page.wait_for_selector("#fault:not(:empty)")
    assert page.inner_text("#fault") == "The file 9.jpg cannot be read; it may have been moved or changed."
    names = [path.name for path in paths if path.is_file()]
    assert page.locator(".several tbody th").all_inner_texts() == names
    assert page.inner_text("#status") == "11 of 12 images answered"


def test_a_server_that_falls_silent_takes_back_no_answer(window):
    page, calls = window.visit("/projects/quick/"), []

    def answer_once(route):
        calls.append(route)
        route.abort() if len(calls) > 1 else route.continue_()

    page.route("**/projects/quick/?list=1", answer_once)
    page.set_input_files("#image", [sent(f"{number}.jpg", IMAGE) for number in range(10)])
    page.wait_for_selector("#fault:not(:empty)")
    assert "did not answer" in page.inner_text("#fault")
    assert page.locator(".several tbody tr").count() == 8


@pytest.mark.parametrize("count", [1, 2])
def test_a_page_that_is_not_ours_is_told(window, count):
    page = window.visit("/projects/quick/")
    page.evaluate("window.same = true")
    answer = {"status": 413, "body": "<h1>413 Request Entity Too Large</h1>", "content_type": "text/html"}
    page.route("**/projects/quick/*", lambda route: route.fulfill(**answer))
    page.set_input_files("#image", [sent(f"{number}.jpg", IMAGE) for number in range(count)])
    page.wait_for_selector("#fault:not(:empty)")
    assert "(with the status 413) was not this server" in page.inner_text("#fault")
    assert page.evaluate("window.same")  # it was not loaded again


def test_a_request_has_as_many_bytes_as_a_server_takes(window):
    page = window.visit("/projects/quick/")
    split = """async sizes => {
        const { portion } = await import("/static/files.js");
        const files = sizes.map((size) => ({ size })), parts = [];
        while (files.length) parts.push(portion(files, 3).map((file) => file.size));
        return parts;
    }"""
    sizes = [10_000_000, 10_000_000, 1, 2, 3, 40_000_000, 4]
    assert page.evaluate(split, sizes) == [[10_000_000], [10_000_000, 1, 2], [3], [40_000_000], [4]]


@pytest.mark.parametrize("window", [{}, TELEPHONE], indirect=True)
def test_a_tall_image_is_not_squashed(window):
    page = window.visit("/projects/quick/")
    page.set_input_files("#image", sent("tall.jpg", saved(smooth(270, 1200), "JPEG")))
    page.wait_for_selector("canvas[data-sent][data-drawn]")
    assert page.evaluate("getComputedStyle(document.querySelector('canvas[data-sent]')).objectFit") == "contain"
    # the frame is square on the screen too, in the middle of the image
    frame, canvas = (page.locator(name).bounding_box() for name in ("svg .frame", "canvas[data-sent]"))
    assert frame["width"] == pytest.approx(frame["height"], rel=0.05)
    assert frame["height"] == pytest.approx(canvas["height"] * 270 / 1200, rel=0.05)
    for start, length in (("x", "width"), ("y", "height")):
        middles = [box[start] + box[length] / 2 for box in (frame, canvas)]
        assert middles[0] == pytest.approx(middles[1], abs=2)


@pytest.mark.parametrize("window", [{}, {**TELEPHONE, **DARK}, WITHOUT_SCRIPT], indirect=True)
def test_several_are_a_list(window, server):
    page = window.visit("/projects/quick/")
    files = [sent(f"{number}.jpg", saved(smooth(40 + number, 50), "JPEG")) for number in range(10)]
    files[4] = sent("text.jpg", b"a shopping list\n")
    page.set_input_files("#image", files)
    if page.locator("body.lively").count() == 0:
        page.click("text=Predict")
    page.locator(".several tbody tr").nth(9).wait_for()
    assert page.locator(".several tbody th").all_inner_texts() == [file["name"] for file in files]
    assert page.locator(".several .fault").count() == 1
    assert "text" in page.inner_text(".several tr:has-text('text.jpg') .fault")
    assert not window.overflows()
    if page.locator("body.lively").count():
        page.locator("canvas[data-row][data-drawn]").nth(8).wait_for()
        assert page.inner_text("#status") == "10 of 10 images answered"
        page.set_input_files("#image", sent("wide.jpg", IMAGE))
        page.wait_for_selector("#said h2")
        assert page.locator(".several").count() == 0


def test_one_too_large_among_several_is_named(window):
    page = window.visit("/projects/quick/")
    page.set_input_files("#image", [sent("large.jpg", bytes(2_000_000)), sent("good.jpg", IMAGE)])
    page.wait_for_selector("#fault:not(:empty)")
    assert "large.jpg" in page.inner_text("#fault")
    assert page.locator(".several tbody th").all_inner_texts() == ["good.jpg"]


@pytest.mark.parametrize("window", [{}, WITHOUT_SCRIPT], indirect=True, ids=["script", "no script"])
@pytest.mark.parametrize(("name", "data", "reason"), REFUSED, ids=[name for name, _, _ in REFUSED])
def test_what_is_refused_is_told_on_the_page(window, name, data, reason):
    page = window.visit("/projects/quick/")
    page.set_input_files("#image", sent(name, data))
    if page.locator("body.lively").count() == 0:
        page.click("text=Predict")
    page.wait_for_selector("#fault:not(:empty)")
    assert reason in page.inner_text("#fault")
    assert page.locator("#answer h2").count() == 0
    page.set_input_files("#image", sent("good.jpg", IMAGE))
    if page.locator("body.lively").count() == 0:
        page.click("text=Predict")
    page.wait_for_selector("#said h2")
    assert page.inner_text("#fault") == ""


def test_an_image_can_be_dropped_and_pasted(window):
    page = window.visit("/projects/quick/")
    give = """([kind, bytes]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], "x.png", { type: "image/png" }));
        const named = kind === "drop" ? { dataTransfer: data } : { clipboardData: data };
        const event = kind === "drop" ? DragEvent : ClipboardEvent;
        document.body.dispatchEvent(new event(kind, { bubbles: true, cancelable: true, ...named }));
    }"""
    for kind in ("drop", "paste"):
        page.evaluate("document.getElementById('answer').replaceChildren()")
        page.evaluate(give, [kind, list(saved(smooth(16, 16)))])
        page.wait_for_selector("#said h2")
        assert page.locator("svg .frame").count() == 0


def test_by_keyboard_alone(window):
    page = window.visit("/projects/quick/")
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
    assert reached.index("image") < reached.index("Predict")
    assert reached[0] == "Skip to the content"


@pytest.mark.parametrize("window", [{}, TELEPHONE], indirect=True)
def test_the_page_of_an_item(window, server):
    client = server.client()
    (item,) = client("GET", "/query?size=1&annotator=ann").json()["items"]
    for who, said in (("ann", ["1"]), ("bob", ["7"])):
        labels = [{"id": item["id"], "candidates": said}]
        assert client("POST", "/labels", {"annotator": who, "labels": labels}).status == 201
    page = window.visit(f"/projects/quick/pool/{item['id']}")
    assert page.inner_text("#set") == "1 or 7"
    assert "disagree" in page.inner_text(".item")
    assert page.evaluate("document.querySelector('img.sent').naturalWidth") == 8
    assert not window.overflows()
