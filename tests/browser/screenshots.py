"""Takes an image of every page, wide and narrow, light and dark: `make screenshots`.

A server of its own is given the digits in the box and a past: two people who label and sometimes disagree, and a
training after each round. The same machine makes the same images again, but for what the clock says.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFilter
from serving import serving
from support.tour import SCHEMES, WIDTHS, Stop, past, stops

ROOT = Path(__file__).parents[2]
FLAGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
TALLEST = 2400
"""Pixels an image is cut off at; the documents show the top of a page."""
COLOURS = 64
SHOW_ALL = """() => Promise.all([...document.images].map((image) => {
    image.loading = "eager";
    return image.decode().catch(() => {});
}))"""
"""Loads what else would wait until somebody scrolls to it."""


def photograph() -> bytes:
    """A ship on the sea, as a JPG; drawn, so that no photograph has to be shipped."""
    image = Image.new("RGB", (640, 440), (150, 190, 230))
    draw = ImageDraw.Draw(image)
    for row in range(270):
        draw.line([(0, row), (640, row)], fill=(110 + row // 4, 160 + row // 6, 225))
    for row in range(270, 440):
        draw.line([(0, row), (640, row)], fill=(30, 70 + (row - 270) // 8, 120 - (row - 270) // 5))
    draw.polygon([(130, 250), (520, 250), (480, 315), (175, 315)], fill=(60, 40, 45))
    draw.rectangle((230, 205, 420, 250), fill=(235, 235, 230))
    draw.rectangle((270, 170, 380, 205), fill=(245, 245, 240))
    draw.rectangle((300, 120, 330, 170), fill=(170, 50, 45))
    draw.line([(450, 250), (450, 130)], fill=(70, 60, 60), width=5)
    out = BytesIO()
    image.filter(ImageFilter.GaussianBlur(1.5)).save(out, "JPEG", quality=90)
    return out.getvalue()


def wanted(only: list[str], item: str) -> list[Stop]:
    """Return the pages to take: those of digits, and what is said of a photograph."""
    of_digits = [stop for stop in stops("digits", item) if not stop.name.startswith("predict")]
    of_photos = [stop for stop in stops("photos", "none", photograph()) if stop.name in {"predict", "predict-answer"}]
    every = of_digits + of_photos
    unknown = set(only) - {stop.name for stop in every}
    if unknown:
        sys.exit(f"there is no page {', '.join(sorted(unknown))}; there are {', '.join(stop.name for stop in every)}")
    return [stop for stop in every if not only or stop.name in only]


def small(data: bytes) -> bytes:
    """Return a PNG with fewer colours and no more than TALLEST rows."""
    image = Image.open(BytesIO(data)).convert("RGB")
    image = image.crop((0, 0, image.width, min(image.height, TALLEST)))
    out = BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def take(browser: Any, address: str, stop: Stop, out: Path) -> None:
    """Take one page at every width and in every scheme."""
    for width in WIDTHS:
        for scheme in SCHEMES:
            services = browser.new_context(
                viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce"
            )
            page = services.new_page()
            page.goto(address + stop.path)
            stop.prepare(page)
            page.evaluate(SHOW_ALL)
            page.wait_for_load_state("networkidle")
            # the labelling page keeps its buttons at the foot of the window, so only the window is taken
            whole = not stop.name.startswith("label")
            file = out / f"{stop.name}-{width}-{scheme}.png"
            file.write_bytes(small(page.screenshot(full_page=whole, caret="hide", animations="disabled")))
            services.close()
            sys.stderr.write(f"{file}\n")


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", action="append", default=[], metavar="PAGE", help="take only this page; can be repeated"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots")
    parser.add_argument("--rounds", type=int, default=5, help="trainings before the images are taken")
    given = parser.parse_args()
    wanted(given.only, "")
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        sys.exit(f"there is no browser: none of {', '.join(BROWSERS)} is on the path")
    given.out.mkdir(parents=True, exist_ok=True)
    settings = {"NEXTLABEL_DEFAULT_PROJECT": "photos", "NEXTLABEL_WEB_WORKERS": "1"}
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder) / "home", **settings) as server,
        sync_playwright() as playwright,
    ):
        item = past(server.client(), "digits", given.rounds, 20)
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        for stop in wanted(given.only, item):
            take(browser, f"http://127.0.0.1:{server.port}", stop, given.out)
        browser.close()


if __name__ == "__main__":
    main()
