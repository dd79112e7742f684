"""Take a screenshot of every page, wide and narrow, light and dark: `make screenshots`.

Starts a server with the bundled digits, where two annotators label and sometimes disagree, with a training after each
round. On the same machine the screenshots are reproducible, except for dates and times.
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
from support.tour import SCHEMES, WIDTHS, Stop, label_and_train, stops

ROOT = Path(__file__).parents[2]
FLAGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
TALLEST = 2400
"""Height at which a screenshot is cut, in pixels; the documents show the top of a page."""
COLOURS = 64
SHOW_ALL = """() => Promise.all([...document.images].map((image) => {
    image.loading = "eager";
    return image.decode().catch(() => {});
}))"""
"""Loads the images that would otherwise wait until the user scrolls to them."""


def photograph() -> bytes:
    """Draw a ship on the sea and return it as JPEG, so that the repository needs no photograph."""
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


def selected_stops(only: list[str], item: str) -> list[Stop]:
    """Return the pages to take: those of `digits`, and the prediction for a photograph by `photos`."""
    of_digits = [stop for stop in stops("digits", item) if not stop.name.startswith("predict")]
    of_photos = [stop for stop in stops("photos", "none", photograph()) if stop.name in {"predict", "predict-answer"}]
    every = of_digits + of_photos
    unknown = set(only) - {stop.name for stop in every}
    if unknown:
        sys.exit(f"unknown page {', '.join(sorted(unknown))}; valid: {', '.join(stop.name for stop in every)}")
    return [stop for stop in every if not only or stop.name in only]


def compress(data: bytes) -> bytes:
    """Return the PNG with fewer colours and at most TALLEST rows."""
    image = Image.open(BytesIO(data)).convert("RGB")
    image = image.crop((0, 0, image.width, min(image.height, TALLEST)))
    out = BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def take(browser: Any, address: str, stop: Stop, out: Path) -> None:
    """Take one page at every width and in every colour scheme."""
    for width in WIDTHS:
        for scheme in SCHEMES:
            context = browser.new_context(
                viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce"
            )
            page = context.new_page()
            page.goto(address + stop.path)
            stop.prepare(page)
            page.evaluate(SHOW_ALL)
            page.wait_for_load_state("networkidle")
            # the labelling page has its buttons at the bottom of the window, so take only the window
            whole = not stop.name.startswith("label")
            file = out / f"{stop.name}-{width}-{scheme}.png"
            file.write_bytes(compress(page.screenshot(full_page=whole, caret="hide", animations="disabled")))
            context.close()
            sys.stderr.write(f"{file}\n")


def main() -> None:
    """Take the screenshots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", action="append", default=[], metavar="PAGE", help="take only this page; may be repeated"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots")
    parser.add_argument("--rounds", type=int, default=5, help="trainings before the screenshots are taken")
    args = parser.parse_args()
    selected_stops(args.only, "")
    from playwright.sync_api import sync_playwright

    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        sys.exit(f"no browser: none of {', '.join(BROWSERS)} is on the path")
    args.out.mkdir(parents=True, exist_ok=True)
    settings = {"NEXTLABEL_DEFAULT_PROJECT": "photos", "NEXTLABEL_WEB_WORKERS": "1"}
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder) / "home", **settings) as server,
        sync_playwright() as playwright,
    ):
        item = label_and_train(server.client(), "digits", args.rounds, 20)
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        for stop in selected_stops(args.only, item):
            take(browser, f"http://127.0.0.1:{server.port}", stop, args.out)
        browser.close()


if __name__ == "__main__":
    main()
