// One annotator's session: sends, skips and undoes labels for the items on display, and switches between the views.

import { plural } from "./text.js";

const byId = (id) => document.getElementById(id);
const IMAGES_FOR_UNDO = 50;  // submissions whose images stay in memory; older ones are fetched again

export class Session extends EventTarget {
  view;
  queue = null;
  #views;
  #picker;
  #outbox;
  #annotator = "";
  #history = [];  // { view, annotator, items, state }, the newest last

  constructor(views, picker, outbox) {
    super();
    this.#views = views;
    this.view = views[0];
    this.#picker = picker;
    this.#outbox = outbox;
    picker.addEventListener("change", () => this.showPreview());
  }

  // Start to label the items of `queue` as `annotator`.
  start(queue, annotator) {
    this.queue = queue;
    this.#annotator = annotator;
    this.#history = [];
    queue.addEventListener("change", () => {
      if (queue === this.queue) this.#refresh();
    });
    this.showView(this.view);
  }

  showView(view) {
    const focusInside = byId("image-area").contains(document.activeElement);
    this.view.close();
    this.view = view;
    for (const button of document.querySelectorAll("button[data-view]")) {
      button.setAttribute("aria-pressed", String(button.dataset.view === view.name));
    }
    this.queue.size = view.size;
    view.open(this.queue);
    // the focused element may have been removed
    if (focusInside && !byId("image-area").contains(document.activeElement)) byId("image-area").focus({ preventScroll: true });
    this.queue.refill();
    this.showPreview();
  }

  toggleView() {
    this.showView(this.#views.find((view) => view !== this.view));
  }

  send() {
    const items = this.view.selectedItems;
    const label = this.#picker.label;
    if (!this.view.hasItems) return;
    if (!label) this.#showError(this.#picker.missingMessage());
    else if (!items.length) this.#showError("Select images first: click them, or use the arrow keys and Space.");
    else this.#submit(items, label, this.#picker.text);
  }

  skip() {
    this.view.selectFocused?.();
    const items = this.view.selectedItems;
    if (items.length) this.#submit(items, { skip: true }, "skipped");
  }

  undo() {
    const last = this.#history.pop();
    if (!last) return;
    this.#outbox.add(last.annotator, last.items.map(({ id }) => ({ id, retract: true })));
    for (const item of last.items) item.undoneState = last.state;
    this.queue.putBack(last.items);
    if (this.view !== last.view) this.showView(last.view);
    this.view.restore(last.items, last.state);
    this.showPreview();
    byId("toast").textContent = "Undone.";
  }

  // Show the label that would be sent now.
  showPreview() {
    const text = this.view.previewText();
    byId("preview").classList.remove("missing");
    if (byId("preview").textContent !== text) byId("preview").textContent = text;
    byId("undo").disabled = !this.#history.length;
    this.dispatchEvent(new CustomEvent("change"));
  }

  #submit(items, label, text) {
    this.#outbox.add(this.#annotator, items.map(({ id }) => ({ id, ...label })));
    this.#history.push({ view: this.view, annotator: this.#annotator, items, state: this.#picker.state });
    for (const item of this.#history.at(-IMAGES_FOR_UNDO - 1)?.items ?? []) item.image = null;
    this.queue.markLabelled(items);
    this.view.advance();
    this.showPreview();
    const images = items.length > 1 ? `${plural(items.length, "image")}: ` : "";
    // A screen reader also reads the prediction for the next image. It is not visible here, where it would seem to
    // belong to the image that was sent.
    const next = document.createElement("span");
    next.className = "unseen";
    next.textContent = this.view.hasItems ? byId("prediction").textContent : "";
    byId("toast").replaceChildren(`Sent: ${images}${text}. `, next);
  }

  #refresh() {
    this.view.refresh();
    this.dispatchEvent(new CustomEvent("change"));
  }

  #showError(text) {
    byId("preview").textContent = text;
    byId("preview").classList.add("missing");
  }
}
