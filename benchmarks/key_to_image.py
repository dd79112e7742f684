"""Measure the time from pressing Enter on the labelling page to the next image on the screen, in milliseconds.

python benchmarks/key_to_image.py [--check] [--labels 200]

Uses headless Chromium with small images (32 x 32) and photographs of one megapixel. For comparison, a naive page sends
the label, then requests the next item, then fetches its image.
"""

from __future__ import annotations

import shutil
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image, ImageFilter
from serving import Server, serving, until

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
SIZES: Mapping[str, tuple[int, int]] = {"small": (32, 32), "large": (1224, 816)}
PREFETCHED = 20
PAUSE = 150
"""Milliseconds between two labels: a very fast annotator."""
PROJECT = """
[dataset]
plugin = "folder"
path = "{folder}"
classes = ["no", "yes"]
[learner]
plugin = "cnn"
[labels]
holdout = 0
"""
# Measures from the key event to the second frame after the new image is decoded and in the page: the first of the two
# was drawn with it. If the browser reports when it painted the image, the later of both times counts.
WATCH = """
window.durations = [];
const painted = new Map();
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) painted.set(entry.url, entry.renderTime);
}).observe({ type: "element" });
new MutationObserver(() => document.querySelector("#frame img")?.setAttribute("elementtiming", "image"))
  .observe(document, { childList: true, subtree: true });
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  const before = document.querySelector("#frame img");
  const check = () => {
    const image = document.querySelector("#frame img");
    if (!image || image === before || !image.complete || !image.naturalWidth) return requestAnimationFrame(check);
    requestAnimationFrame(() => {
      const frame = performance.now();
      setTimeout(() => window.durations.push(Math.max(frame, painted.get(image.src) ?? 0) - event.timeStamp), 60);
    });
  };
  requestAnimationFrame(check);
}, true);
"""
NAIVE = """<!doctype html><title>naive</title><div id="frame"></div><script type="module">
const project = location.pathname.replace(/naive$/, "");
const frame = document.getElementById("frame");
let item;
async function next() {
  const query = await (await fetch(`${project}query?size=1&annotator=naive`)).json();
  [item] = query.items;
  const image = new Image();
  image.src = item.url;
  await image.decode();
  frame.replaceChildren(image);
}
document.addEventListener("keydown", async (event) => {
  if (event.key !== "Enter") return;
  const body = JSON.stringify({ annotator: "naive", labels: [{ id: item.id, candidates: ["yes"] }] });
  await fetch(`${project}labels`, { method: "POST", body, headers: { "Content-Type": "application/json" } });
  await next();
});
next();
</script>"""


def draw(folder: Path, size: tuple[int, int], count: int) -> None:
    """Write images with as much detail as photographs."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    grain = rng.normal(0, 9, (size[1], size[0], 3))
    for number in range(count):
        rough = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8)).resize(size, Image.Resampling.BICUBIC)
        image = np.asarray(rough, np.float64) + np.roll(grain, number, axis=1)
        smooth = Image.fromarray(image.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.6))
        smooth.save(folder / (f"{number}.png" if max(size) < 100 else f"{number}.jpg"), quality=88)


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield a browser, or None if none is installed."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - may be missing
    except ImportError:
        executable = None
    if executable is None:
        yield None
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


def measure(page: Any, labels: int, keys: tuple[str, ...]) -> np.ndarray[Any, Any]:
    """Send so many labels and return the duration of each in milliseconds, float64 (labels,)."""
    for number in range(labels):
        for key in keys:
            page.keyboard.press(key)
        page.wait_for_function("count => window.durations.length > count", arg=number, polling=20)
        page.wait_for_timeout(PAUSE)
    return np.array(page.evaluate("window.durations"))


def prefetching_page(browser: Any, server: Server, project: str, labels: int) -> np.ndarray[Any, Any]:
    """Measure the labelling page, which prefetches images."""
    page = browser.new_page()
    page.add_init_script(WATCH)
    page.goto(f"http://127.0.0.1:{server.port}/projects/{project}/label?annotator=prefetching")
    fetched = "performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/image')).length"
    page.wait_for_function(f"() => {fetched} >= {PREFETCHED}")
    page.wait_for_selector("#frame img")
    page.wait_for_timeout(500)
    durations = measure(page, labels, ("2", "Enter"))
    page.wait_for_function("() => document.querySelector('#outbox-status').textContent === 'All labels are saved.'")
    page.close()
    return durations


def naive_page(browser: Any, server: Server, project: str, labels: int) -> np.ndarray[Any, Any]:
    """Measure the page that sends one request after the other."""
    page = browser.new_page()
    page.add_init_script(WATCH)
    page.route("**/naive", lambda route: route.fulfill(body=NAIVE, content_type="text/html"))
    page.goto(f"http://127.0.0.1:{server.port}/projects/{project}/naive")
    page.wait_for_selector("#frame img")
    durations = measure(page, labels, ("Enter",))
    page.close()
    return durations


def main() -> None:
    """Measure both pages with both image sizes and print the results."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only send a few labels, to check that it works")
    parser.add_argument("--labels", type=int, default=200)
    args = parser.parse_args()
    labels = 5 if args.check else args.labels
    with chromium() as browser, TemporaryDirectory() as temporary:
        if browser is None:
            print(f"skipped: needs playwright and one of {', '.join(BROWSERS)}")
            return
        folder = Path(temporary)
        (folder / "projects").mkdir()
        for name, size in SIZES.items():
            draw(folder / name, size, 2 * labels + 2 * PREFETCHED)
            (folder / "projects" / f"{name}.toml").write_text(PROJECT.format(folder=folder / name))
        settings = {
            "NEXTLABEL_PROJECTS": str(folder / "projects"),
            "NEXTLABEL_DEFAULT_PROJECT": "small",
            "NEXTLABEL_BLOCKED_PLUGINS": "projects",
            "NEXTLABEL_TRAIN_THREADS": "1",
        }
        with serving(folder / "home", **settings) as server:
            client = server.client()
            for name, size in SIZES.items():
                until(lambda name=name: client("GET", f"/projects/{name}/query?size=1").status == 200)
                medians, tails = [], []
                for kind, run in (("prefetching", prefetching_page), ("naive", naive_page)):
                    durations = run(browser, server, name, labels)
                    p50, p95 = np.percentile(durations, [50, 95])
                    medians.append(p50)
                    tails.append(p95)
                    shape = f"{size[0]} x {size[1]}"
                    print(f"{shape:>10}, {kind:>13}: median {p50:6.1f}  p95 {p95:6.1f} ms  ({len(durations)} labels)")
                ratios = f"median {medians[1] / medians[0]:.1f} times, p95 {tails[1] / tails[0]:.1f} times"
                print(f"{'':>10}  naive compared with prefetching: {ratios}")


if __name__ == "__main__":
    main()
