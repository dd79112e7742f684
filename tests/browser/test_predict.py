"""The prediction page, as a person has it: with its script, without, on a telephone, by keyboard."""

from __future__ import annotations

import pytest
from odd_pictures import saved, smooth

WITHOUT_SCRIPT = {"java_script_enabled": False}
TELEPHONE = {"viewport": {"width": 360, "height": 740}}
DARK = {"color_scheme": "dark"}


def sent(name: str, data: bytes, kind: str = "image/jpeg") -> dict[str, object]:
    return {"name": name, "mimeType": kind, "buffer": data}


PICTURE = saved(smooth(300, 100), "JPEG")
REFUSED = [
    ("large.jpg", saved(smooth(64, 64), "JPEG") + bytes(2_000_000), "1,000,000 bytes"),
    ("renamed.jpg", saved(smooth(64, 64), "GIF"), "GIF"),
    ("cut-off.jpg", PICTURE[: len(PICTURE) // 2], "cut off"),
    ("text.jpg", b"a shopping list\n", "text"),
]


@pytest.mark.parametrize("window", [{}, WITHOUT_SCRIPT, {**TELEPHONE, **DARK}], indirect=True)
def test_a_picture_is_answered(window):
    page = window.visit("/projects/quick/")
    page.set_input_files("#image", sent("wide.jpg", PICTURE))
    if page.get_by_role("heading", level=2).count() == 0 and page.locator("body.lively").count() == 0:
        page.click("text=Predict")
    page.wait_for_selector("#said h2")
    assert page.inner_text("#said h2") in set("0123456789")
    assert page.locator("#answer .bars tr").count() >= 10
    assert "33 % of the picture" in page.inner_text("figcaption strong")
    assert page.locator("svg .frame").count() == 1
    assert page.get_attribute("img.pixels", "width") == "8"
    assert not window.overflows()
    if page.locator("body.lively").count():
        assert page.inner_text("#status").startswith(page.inner_text("#said h2"))
        # both pictures were drawn: the policy lets them through
        assert page.evaluate("document.querySelector('img.pixels').naturalWidth") == 8


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
    page.set_input_files("#image", sent("good.jpg", PICTURE))
    if page.locator("body.lively").count() == 0:
        page.click("text=Predict")
    page.wait_for_selector("#said h2")
    assert page.inner_text("#fault") == ""


def test_a_picture_can_be_dropped_and_pasted(window):
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
    for _ in range(8):
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
