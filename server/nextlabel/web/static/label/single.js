// One large image at a time.

import * as said from "./said.js";

const here = (id) => document.getElementById(id);
const AHEAD = 2;  // images kept decoded

export class Single {
  name = "one";
  size = 20;
  #current = null;
  #frame = here("frame");
  #picker;
  #small;
  #supply = null;

  constructor(picker, small) {
    this.#picker = picker;
    this.#small = small;
    this.#frame.addEventListener("click", (event) => this.zoom(event));
  }

  open(supply) {
    this.#supply = supply;
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

  // What an answer is given to.
  get subject() {
    return this.#current ? [this.#current] : [];
  }

  get showing() {
    return this.#current !== null;
  }

  // Show the first item there is, unless one is on display.
  refresh() {
    if (!this.#current) this.#show(this.#supply.ready()[0] ?? null);
  }

  // The one on display is answered.
  done() {
    this.#show(this.#supply.ready()[0] ?? null);
  }

  // Undone: show it again with what was chosen.
  restore(items) {
    this.#show(this.#supply.ready().find((item) => item.id === items[0].id) ?? null);
  }

  key() {
    return false;
  }

  words() {
    return this.#picker.words;
  }

  zoom(event) {
    if (!this.#frame.querySelector("img")) return;
    const zoomed = this.#frame.classList.toggle("zoomed");
    const box = this.#frame.getBoundingClientRect();
    const [x, y] = event ? [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height] : [0.5, 0.5];
    this.#frame.tabIndex = zoomed ? 0 : -1;
    if (zoomed) {
      this.#frame.focus({ preventScroll: true });  // the arrows move about in it
      this.#frame.scrollTo(x * (this.#frame.scrollWidth - box.width), y * (this.#frame.scrollHeight - box.height));
    }
  }

  #show(item) {
    this.#current = item;
    this.#supply.pin(this.subject);
    if (item?.former === undefined) this.#picker.clear();
    else this.#picker.restore(item.former);  // it was undone: ready to be mended
    this.#frame.classList.remove("zoomed");
    this.#frame.tabIndex = -1;
    this.#frame.replaceChildren(...(item ? [look(item, this.#small)] : []));
    here("guess").textContent = item ? said.guess(item) : "";
    here("why").textContent = item ? said.why(item) : "";
    for (const next of this.#supply.ready().filter((other) => other !== item).slice(0, AHEAD)) next.image.warm();
  }
}

// An item as it is shown: its image, or why there is none.
export function look(item, small) {
  const { element: image, broken } = item.image;
  if (image) {
    image.classList.toggle("pixels", Math.max(image.naturalWidth, image.naturalHeight) <= small);
    return image;
  }
  const text = document.createElement("p");
  text.className = "nothing";
  const name = document.createElement("strong");
  name.textContent = item.id;
  text.append(broken ? "The image of this item cannot be shown: " : "An item without an image: ", name);
  return text;
}
