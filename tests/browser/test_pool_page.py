"""The pool page in a browser: drop images, upload a folder, filter, open an item and correct its label."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.odd_images import saved

WITHOUT_SCRIPT = {"java_script_enabled": False}
TELEPHONE = {"viewport": {"width": 360, "height": 740}}
DARK = {"color_scheme": "dark"}
DROP = """async files => {
    const data = new DataTransfer();
    for (const [name, bytes] of files) {
        const content = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
        data.items.add(new File([content], name, { type: "image/png" }));
    }
    document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: data }));
}"""
FOLDER = """async files => {
    const content = (bytes) => Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
    const leaf = ([name, bytes]) => ({
        isFile: true,
        name,
        file: (done, failed) => (bytes ? done(new File([content(bytes)], name)) : failed(new Error("missing"))),
    });
    const folder = (name, entries) => ({
        isFile: false,
        name,
        createReader: () => {
            const left = [entries.slice(0, 2), entries.slice(2), []];
            return { readEntries: (done) => done(left.shift()) };
        },
    });
    const [first, ...rest] = files;
    const tree = folder("all", [leaf(first), folder("more", rest.map(leaf))]);
    const event = new DragEvent("drop", { bubbles: true, cancelable: true });
    const items = [{ webkitGetAsEntry: () => tree }];
    Object.defineProperty(event, "dataTransfer", { value: { types: ["Files"], files: [], items } });
    document.body.dispatchEvent(event);
}"""


def noise(seed: int) -> bytes:
    """Return a new image for each seed."""
    return saved(Image.fromarray(np.random.default_rng(seed).integers(0, 256, (20, 30, 3), np.uint8)))


def encoded(*files: tuple[str, bytes]) -> list[list[str]]:
    return [[name, base64.b64encode(data).decode()] for name, data in files]


def upload_status(page):
    """Return the status of the upload, once all images are sent and scored."""
    page.wait_for_selector("#uploads[aria-busy=false]", timeout=120_000)
    return page.inner_text("#upload-status")


def test_drop_images(window, server):
    page = window.visit("/projects/quick/pool")
    client = server.client()
    before = client("GET", "/projects/quick/items?limit=1000").json()["items"]
    files = encoded(
        ("a.png", noise(1)), ("b.png", noise(2)), ("copy of a.png", noise(1)), ("notes.png", b"a shopping list")
    )
    page.evaluate(DROP, files)
    assert upload_status(page) == "2 added, 1 already in the pool, 1 rejected"
    assert page.get_attribute("#label", "href") == "/projects/quick/label"
    assert page.is_visible("#label")
    assert page.locator("#rejected li").all_inner_texts() == [
        "notes.png: this is text; an image must be JPEG, PNG or WebP"
    ]
    after = client("GET", "/projects/quick/items?limit=1000").json()["items"]
    assert len(after) == len(before) + 2
    page.click("#show")
    page.wait_for_selector(".thumbnails")
    assert page.locator(".thumbnails .id").first.inner_text() == after[-1]["id"]
    page.wait_for_load_state("networkidle")
    assert page.locator(".thumbnails img").first.evaluate("image => image.naturalWidth") == 30
    assert (
        page.locator(".thumbnails img").first.evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"
    )


def test_drop_nested_folders(window):
    page = window.visit("/projects/quick/pool")
    files = encoded(*[(f"{seed}.png", noise(seed)) for seed in range(10, 14)], (".DS_Store", b"x"))
    page.evaluate(FOLDER, files)
    assert upload_status(page) == "4 added"


def test_choose_a_folder(window, tmp_path: Path):
    for seed in range(20, 23):
        (tmp_path / f"{seed}.png").write_bytes(noise(seed))
    page = window.visit("/projects/quick/pool")
    page.click("#add summary")
    page.set_input_files("#folder", tmp_path)
    assert upload_status(page) == "3 added"


def test_an_unreadable_file_does_not_prevent_the_others(window):
    page = window.visit("/projects/quick/pool")
    files = encoded(*[(f"{seed}.png", noise(seed)) for seed in range(50, 53)])
    page.evaluate(FOLDER, [files[0], ["missing.png", ""], *files[1:]])
    assert upload_status(page) == "3 added, 1 rejected"
    assert page.locator("#rejected li").all_inner_texts() == ["missing.png: the file cannot be read"]


def test_a_file_that_disappears_does_not_prevent_the_others(window, tmp_path: Path):
    for seed in range(60, 64):
        (tmp_path / f"{seed}.png").write_bytes(noise(seed))
    page, held = window.visit("/projects/quick/pool"), []
    page.route("**/projects/quick/items", lambda route: route.continue_() if held else held.append(route))
    page.click("#add summary")
    page.set_input_files("#image", tmp_path / "60.png")
    page.set_input_files("#image", [tmp_path / f"{seed}.png" for seed in (61, 62, 63)])  # queued after the first
    (tmp_path / "62.png").unlink()
    (tmp_path / "62.png").mkdir()  # the browser would take a missing file for an empty one
    held[0].continue_()
    assert upload_status(page) == "3 added, 1 rejected"
    assert page.locator("#rejected li").all_inner_texts() == ["62.png: the file cannot be read"]


def test_retry_files_that_were_not_sent(window):
    page = window.visit("/projects/quick/pool")
    page.route("**/projects/quick/items", lambda route: route.abort())
    page.evaluate(DROP, encoded(("a.png", noise(30)), ("b.png", noise(31))))
    assert upload_status(page) == "0 added, 2 not sent"
    assert page.inner_text("#retry") == "Retry 2 files"
    assert page.locator("#rejected li").count() == 2
    page.unroute("**/projects/quick/items")
    page.click("#retry")
    assert upload_status(page) == "2 added"
    assert page.locator("#rejected li").count() == 0


@pytest.mark.parametrize("window", [WITHOUT_SCRIPT], indirect=True)
def test_upload_without_javascript(window):
    page = window.visit("/projects/quick/pool")
    page.click("#add summary")
    files = [{"name": f"{seed}.png", "mimeType": "image/png", "buffer": noise(seed)} for seed in (40, 41)]
    files.append({"name": "notes.png", "mimeType": "image/png", "buffer": b"a shopping list"})
    page.set_input_files("#image", files)
    page.click("#upload button")
    page.wait_for_selector(".upload-result")
    assert "2 added, 1 rejected." in page.inner_text(".upload-result")
    assert "notes.png: this is text" in page.inner_text(".upload-result")


@pytest.mark.parametrize("window", [{}, {**TELEPHONE, **DARK}, WITHOUT_SCRIPT], indirect=True)
def test_filter_and_correct_a_label_by_keyboard(window, server):
    client = server.client()
    open_items = client("GET", "/items?state=open&limit=1000").json()["items"]
    item = next(item for item in open_items if item["candidates"] is None and not item["holdout"])
    labels = [{"id": item["id"], "candidates": ["1", "7"]}]
    assert client("POST", "/labels", {"annotator": "zoe", "labels": labels}).status == 201
    page = window.visit("/projects/quick/pool")
    assert not window.overflows()
    page.focus("#class")
    page.keyboard.type("7")
    page.focus("#annotator")
    page.keyboard.type("zoe")
    page.focus("#q")
    page.keyboard.type(item["id"])
    page.keyboard.press("Enter")
    page.wait_for_url("**class=7**")
    (link,) = page.locator(".thumbnails a").all()
    assert "1 or 7" in link.inner_text()
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#resolved-label")
    assert not window.overflows()
    page.focus("#who")
    page.keyboard.type("zoe")
    page.focus("input[name=candidate][value='7']")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_url("**who=zoe**")
    assert page.inner_text("#resolved-label") == "7"
    assert page.input_value("#who") == "zoe"
    page.click("nav.neighbours >> text=Pool")
    assert page.input_value("#annotator") == "zoe"
    client("POST", "/labels", {"annotator": "zoe", "labels": [{"id": item["id"], "retract": True}]})


@pytest.mark.parametrize("window", [{}, {**TELEPHONE, **DARK}], indirect=True)
@pytest.mark.parametrize(
    "address", ["/", "/projects/quick/", "/projects/quick/pool", "/projects/quick/pool/0", "/docs"]
)
def test_pages_fit_their_window_and_show_the_navigation(window, address):
    page = window.visit(address)
    assert not window.overflows()
    if "quick" in address:
        links = page.locator("header .of-project a")
        assert links.all_inner_texts() == ["Try it", "Label", "Progress", "Pool"]
        assert links.last.evaluate("a => a.getBoundingClientRect().right <= innerWidth")
