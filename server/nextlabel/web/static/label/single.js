// The view of one large image.

import { itemElement } from "./image.js";
import { predictionText, reasonText } from "./text.js";

const byId = (id) => document.getElementById(id);
const DECODED_AHEAD = 2;

export class SingleView {
  name = "single";
  size = 20;
  #current = null;
  #frame = byId("frame");
  #picker;
  #small;
  #queue = null;

  constructor(picker, small) {
    this.#picker = picker;
    this.#small = small;
    this.#frame.addEventListener("click", (event) => this.zoom(event));
  }

  open(queue) {
    this.#queue = queue;
    this.#current = null;
    this.#frame.hidden = false;
    this.#picker.clear();
    this.refresh();
  }

  close() {
    this.#frame.hidden = true;
    this.#frame.replaceChildren();
    this.#current = null;
  }

  // The items that a label is sent for.
  get selectedItems() {
    return this.#current ? [this.#current] : [];
  }

  get hasItems() {
    return this.#current !== null;
  }

  // Show the next item, unless one is on display.
  refresh() {
    if (!this.#current) this.#show(this.#queue.ready()[0] ?? null);
  }

  // Show the next item, because a label was sent for this one.
  advance() {
    this.#show(this.#queue.ready()[0] ?? null);
  }

  // Show an undone item again.
  restore(items) {
    this.#show(this.#queue.ready().find((item) => item.id === items[0].id) ?? null);
  }

  handleKey() {
    return false;
  }

  previewText() {
    return this.#picker.text;
  }

  zoom(event) {
    if (!this.#frame.querySelector("img")) return;
    const zoomed = this.#frame.classList.toggle("zoomed");
    const box = this.#frame.getBoundingClientRect();
    const [x, y] = event ? [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height] : [0.5, 0.5];
    this.#frame.tabIndex = zoomed ? 0 : -1;
    if (zoomed) {
      this.#frame.focus({ preventScroll: true });  // so that the arrow keys scroll in it
      this.#frame.scrollTo(x * (this.#frame.scrollWidth - box.width), y * (this.#frame.scrollHeight - box.height));
    }
  }

  #show(item) {
    this.#current = item;
    this.#queue.pin(this.selectedItems);
    if (item?.undoneState === undefined) this.#picker.clear();
    else this.#picker.restore(item.undoneState);  // ready to be corrected
    this.#frame.classList.remove("zoomed");
    this.#frame.tabIndex = -1;
    this.#frame.replaceChildren(...(item ? [itemElement(item, this.#small)] : []));
    byId("prediction").textContent = item ? predictionText(item) : "";
    byId("reason").textContent = item ? reasonText(item) : "";
    const following = this.#queue.ready().filter((other) => other !== item).slice(0, DECODED_AHEAD);
    for (const next of following) next.image.decodeAgain();
  }
}
