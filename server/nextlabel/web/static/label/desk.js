// What can be done with what is on display: send, skip, undo, and look at it in another way.

import * as said from "./said.js";

const here = (id) => document.getElementById(id);
const IMAGES_KEPT = 50;  // of answered items, for undoing; older ones are fetched again

export class Desk extends EventTarget {
  view;
  supply = null;
  #views;
  #picker;
  #outbox;
  #annotator = "";
  #past = [];  // { view, annotator, items, chosen }, the newest last

  constructor(views, picker, outbox) {
    super();
    this.#views = views;
    this.view = views[0];
    this.#picker = picker;
    this.#outbox = outbox;
    picker.addEventListener("change", () => this.tell());
  }

  // Begin with what `annotator` is to label.
  open(supply, annotator) {
    this.supply = supply;
    this.#annotator = annotator;
    this.#past = [];
    supply.addEventListener("change", () => {
      if (supply === this.supply) this.#refresh();
    });
    this.look(this.view);
  }

  // Look at the items in this view from now on.
  look(view) {
    const inside = here("stage").contains(document.activeElement);
    this.view.close();
    this.view = view;
    here("one").setAttribute("aria-pressed", String(view === this.#views[0]));
    here("many").setAttribute("aria-pressed", String(view === this.#views[1]));
    this.supply.size = view.size;
    view.open(this.supply);
    // what had the focus may be gone
    if (inside && !here("stage").contains(document.activeElement)) here("stage").focus({ preventScroll: true });
    this.supply.refill();
    this.tell();
  }

  other() {
    this.look(this.#views.find((view) => view !== this.view));
  }

  send() {
    const items = this.view.subject;
    const label = this.#picker.label;
    if (!this.view.showing) return;
    if (!label) this.#complain(this.#picker.lacking());
    else if (!items.length) this.#complain("Mark images first: a click, or the arrows and Space.");
    else this.#give(items, label, this.#picker.words);
  }

  skip() {
    this.view.markFocused?.();
    const items = this.view.subject;
    if (items.length) this.#give(items, { skip: true }, "skipped");
  }

  undo() {
    const last = this.#past.pop();
    if (!last) return;
    this.#outbox.add(last.annotator, last.items.map(({ id }) => ({ id, retract: true })));
    for (const item of last.items) item.former = last.chosen;
    this.supply.putBack(last.items);
    if (this.view !== last.view) this.look(last.view);
    this.view.restore(last.items, last.chosen);
    this.tell();
    here("told").textContent = "Taken back.";
  }

  // Say what would be sent now.
  tell() {
    const words = this.view.words();
    here("said").classList.remove("lacking");
    if (here("said").textContent !== words) here("said").textContent = words;
    here("undo").disabled = !this.#past.length;
    this.dispatchEvent(new CustomEvent("change"));
  }

  #give(items, what, words) {
    this.#outbox.add(this.#annotator, items.map(({ id }) => ({ id, ...what })));
    this.#past.push({ view: this.view, annotator: this.#annotator, items, chosen: this.#picker.saved });
    for (const item of this.#past.at(-IMAGES_KEPT - 1)?.items ?? []) item.image = null;
    this.supply.answered(items);
    this.view.done();
    this.tell();
    const which = items.length > 1 ? `${said.several(items.length, "image")}: ` : "";
    // whoever hears the page is told of the next image too; below the buttons it would seem to speak of the last one
    const next = document.createElement("span");
    next.className = "unseen";
    next.textContent = this.view.showing ? here("guess").textContent : "";
    here("told").replaceChildren(`Sent: ${which}${words}. `, next);
  }

  #refresh() {
    this.view.refresh();
    this.dispatchEvent(new CustomEvent("change"));
  }

  #complain(text) {
    here("said").textContent = text;
    here("said").classList.add("lacking");
  }
}
