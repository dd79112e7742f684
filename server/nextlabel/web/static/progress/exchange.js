// Puts a fresh part of a page in the place of the old one: what was open stays open, what was
// scrolled stays scrolled, and the focus stays where it was.

export function exchange(id, page) {
  const old = document.getElementById(id);
  const fresh = page.getElementById(id);
  if (!old || !fresh) return;
  const open = [...old.querySelectorAll("details[open]")].map((part) => part.id);
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const place = focused && path(focused);
  const scrolled = [...old.querySelectorAll("[tabindex='0']")].map((part) => [part.getAttribute("aria-label"), part.scrollLeft, part.scrollTop]);
  old.replaceWith(document.adoptNode(fresh));
  for (const part of open) if (part) document.getElementById(part)?.setAttribute("open", "");
  for (const [label, left, top] of scrolled) {
    fresh.querySelector(`[aria-label="${CSS.escape(label)}"]`)?.scrollTo(left, top);
  }
  if (place) document.querySelector(place)?.focus({ preventScroll: true });
}

// what finds an element again in a page made anew
function path(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  const named = element.closest("[id]");
  const tag = element.tagName.toLowerCase();
  if (element.getAttribute("href")) return `${tag}[href="${CSS.escape(element.getAttribute("href"))}"]`;
  if (element.getAttribute("aria-label")) return `[aria-label="${CSS.escape(element.getAttribute("aria-label"))}"]`;
  return named ? `#${CSS.escape(named.id)} ${tag}` : tag;
}
