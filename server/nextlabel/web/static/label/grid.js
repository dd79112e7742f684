// Many images at a time: one answer for all that are marked, the others stay.

import * as said from "./said.js";
import { look } from "./single.js";

const here = (id) => document.getElementById(id);
const TILES = 24;

export class Grid {
  name = "many";
  size = 2 * TILES;
  #list = here("grid");
  #mark = here("mark");
  #larger = here("larger");
  #picker;
  #small;
  #supply = null;
  #tiles = [];  // { item, option }
  #marked = new Set();  // ids
  #at = 0;
  #changed;

  constructor(picker, small, changed) {
    this.#picker = picker;
    this.#small = small;
    this.#changed = changed;
    this.#list.addEventListener("click", (event) => this.#click(event));
    this.#list.addEventListener("focusin", (event) => {
      const at = this.#tiles.findIndex(({ option }) => option === event.target);
      if (at >= 0) this.#at = at;
    });
    this.#mark.addEventListener("click", () => this.#markAlike());
    picker.addEventListener("change", () => this.#offer());
  }

  open(supply) {
    this.#supply = supply;
    this.#tiles = [];
    this.#marked.clear();
    this.#at = 0;
    this.#list.hidden = this.#larger.hidden = false;
    here("guess").textContent = "";
    here("why").textContent = "";
    this.refresh();
    this.#focus();
  }

  close() {
    this.#list.hidden = this.#larger.hidden = true;
    this.#list.replaceChildren();
    this.#tiles = [];
    this.#marked.clear();
    this.#offer();
  }

  get subject() {
    return this.#tiles.map(({ item }) => item).filter((item) => this.#marked.has(item.id));
  }

  get showing() {
    return this.#tiles.length > 0;
  }

  // Fill up to the grid's size. Nothing moves under the hands of who has begun to mark.
  refresh() {
    const shown = new Set(this.#tiles.map(({ item }) => item.id));
    const more = this.#supply.ready().filter((item) => !shown.has(item.id)).slice(0, Math.max(0, TILES - shown.size));
    if (!more.length) return;
    const all = [...this.#tiles.map(({ item }) => item), ...more];
    const begun = this.#marked.size > 0 || this.#at > 0;
    const focused = this.#list.contains(document.activeElement);
    this.#lay(begun ? all : alike(all));
    if (focused) this.#focus();
  }

  // The marked ones are answered: the rest moves up, alike beside alike.
  done() {
    const rest = this.#tiles.map(({ item }) => item).filter((item) => !this.#marked.has(item.id));
    const shown = new Set(rest.map((item) => item.id));
    this.#marked.clear();
    const more = this.#supply.ready().filter((item) => !shown.has(item.id)).slice(0, TILES - rest.length);
    this.#lay(alike([...rest, ...more]));
    this.#focus();
  }

  restore(items, chosen) {
    const ids = new Set(items.map((item) => item.id));
    const back = this.#supply.ready().filter((item) => ids.has(item.id));
    const rest = this.#tiles.map(({ item }) => item).filter((item) => !ids.has(item.id));
    this.#marked = ids;
    this.#at = 0;
    this.#lay([...back, ...rest]);
    this.#picker.restore(chosen);
    this.#focus();
  }

  // Back to the images, after the mouse was somewhere else.
  settle() {
    this.#focus();
  }

  // Skipping with nothing marked means the one with the focus.
  markFocused() {
    if (!this.#marked.size && this.#tiles[this.#at]) this.#set(this.#at, true);
  }

  key(event) {
    if (!this.#list.contains(event.target) && event.target !== document.body && event.target.id !== "stage") return false;
    if (event.key === " ") {
      this.#set(this.#at);
      this.#focus();
      return true;
    }
    const to = this.#target(event.key);
    if (to === null) return false;
    if (event.shiftKey) {
      for (let at = Math.min(this.#at, to); at <= Math.max(this.#at, to); at += 1) this.#set(at, true);
    }
    this.#at = to;
    this.#focus();
    return true;
  }

  words() {
    const count = this.#marked.size;
    if (!count) return this.#picker.words ? `Mark the images that are ${this.#picker.words}` : "";
    const what = said.several(count, "image");
    return this.#picker.words ? `${what}: ${this.#picker.words}` : what;
  }

  zoom() {
    this.#larger.setAttribute("aria-pressed", String(this.#list.classList.toggle("large")));
    this.#focus();
  }

  #target(key) {
    const last = this.#tiles.length - 1;
    const columns = this.#columns();
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    if (last < 0) return null;
    if (key === "Home") return 0;
    if (key === "End") return last;
    if (!(key in steps)) return null;
    const to = this.#at + steps[key];
    return to < 0 || to > last ? this.#at : to;
  }

  #columns() {
    const [first] = this.#tiles;
    return Math.max(1, this.#tiles.filter(({ option }) => option.offsetTop === first.option.offsetTop).length);
  }

  #lay(items) {
    const known = new Map(this.#tiles.map((tile) => [tile.item.id, tile]));
    this.#tiles = items.map((item) => known.get(item.id) ?? { item, option: this.#option(item) });
    this.#list.replaceChildren(...this.#tiles.map(({ option }) => option));
    this.#at = Math.max(0, Math.min(this.#at, this.#tiles.length - 1));
    this.#supply.pin(items);
    this.#tiles.forEach((_, at) => this.#paint(at));
    this.#offer();
  }

  #option(item) {
    const option = document.createElement("li");
    option.role = "option";
    const caption = document.createElement("span");
    caption.textContent = item.suggestion ? `${item.suggestion.label} · ${said.percent(item.suggestion.probability)}` : "";
    option.append(look(item, this.#small), caption);
    option.title = said.why(item);
    option.setAttribute("aria-label", `Image to label ${item.id}. ${said.guess(item)}`);
    return option;
  }

  #paint(at) {
    const { item, option } = this.#tiles[at];
    option.setAttribute("aria-selected", String(this.#marked.has(item.id)));
    option.tabIndex = at === this.#at ? 0 : -1;
  }

  #set(at, on) {
    const { id } = this.#tiles[at].item;
    if (on ?? !this.#marked.has(id)) this.#marked.add(id);
    else this.#marked.delete(id);
    this.#paint(at);
    this.#changed();
  }

  #click(event) {
    const option = event.target.closest("[role=option]");
    const at = this.#tiles.findIndex((tile) => tile.option === option);
    if (at < 0) return;
    const from = this.#at;
    if (event.shiftKey) for (let other = Math.min(from, at); other <= Math.max(from, at); other += 1) this.#set(other, true);
    else this.#set(at);
    this.#at = at;
    this.#focus();
  }

  #focus() {
    this.#tiles.forEach((_, at) => this.#paint(at));
    this.#tiles[this.#at]?.option.focus();
  }

  // Offer to mark what the model takes for the one class that is chosen.
  #offer() {
    const [name, ...others] = this.#picker.names;
    const fitting = this.#tiles.filter(({ item }) => fits(item, name)).length;
    here("alike").hidden = others.length > 0 || !fitting;
    this.#mark.textContent = `Mark the ${said.several(fitting, "image")} the model takes for ${name}`;
  }

  #markAlike() {
    const [name] = this.#picker.names;
    this.#tiles.forEach(({ item }, at) => {
      if (fits(item, name)) this.#set(at, true);
    });
    this.#focus();
  }
}

// Whether the model takes an item for this class; without a model, or a class, nothing fits.
function fits(item, name) {
  return name !== undefined && item.suggestion?.label === name;
}

// Images the model takes for the same class stand together, the surest first.
function alike(items) {
  const name = (item) => item.suggestion?.label ?? "";
  const share = (item) => item.suggestion?.probability ?? 0;
  return items.toSorted((a, b) => name(a).localeCompare(name(b), "en", { numeric: true }) || share(b) - share(a));
}
