// Replaces a section of the page by a newer version. Open details stay open, and the scroll positions and the focus stay.

export function replaceSection(id, page) {
  const old = document.getElementById(id);
  const section = page.getElementById(id);
  if (!old || !section) return;
  const open = [...old.querySelectorAll("details[open]")].map((details) => details.id);
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const selector = focused && selectorOf(focused);
  const scrolled = [...old.querySelectorAll("[tabindex='0']")].map((part) => [part.getAttribute("aria-label"), part.scrollLeft, part.scrollTop]);
  old.replaceWith(document.adoptNode(section));
  for (const details of open) if (details) document.getElementById(details)?.setAttribute("open", "");
  for (const [label, left, top] of scrolled) {
    section.querySelector(`[aria-label="${CSS.escape(label)}"]`)?.scrollTo(left, top);
  }
  if (selector) document.querySelector(selector)?.focus({ preventScroll: true });
}

// Return a selector that matches the same element in a newer version of the page.
function selectorOf(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  const parent = element.closest("[id]");
  const tag = element.tagName.toLowerCase();
  if (element.getAttribute("href")) return `${tag}[href="${CSS.escape(element.getAttribute("href"))}"]`;
  if (element.getAttribute("aria-label")) return `[aria-label="${CSS.escape(element.getAttribute("aria-label"))}"]`;
  return parent ? `#${CSS.escape(parent.id)} ${tag}` : tag;
}
