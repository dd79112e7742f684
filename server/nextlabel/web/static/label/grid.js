// The view of many images: one label for all that are selected, the others stay.

import { itemElement } from "./image.js";
import { percent, plural, predictionText, reasonText } from "./text.js";

const byId = (id) => document.getElementById(id);
const TILES = 24;

export class GridView {
  name = "grid";
  size = 2 * TILES;
  #list = byId("grid");
  #selectPredicted = byId("select-predicted");
  #enlarge = byId("enlarge");
  #picker;
  #small;
  #queue = null;
  #tiles = [];  // { item, option }
  #selected = new Set();  // ids
  #focusIndex = 0;
  #rangeStart = 0;  // of a click with Shift; the mouse moves the focus before the click
  #onSelect;

  constructor(picker, small, onSelect) {
    this.#picker = picker;
    this.#small = small;
    this.#onSelect = onSelect;
    this.#list.addEventListener("click", (event) => this.#onClick(event));
    this.#list.addEventListener("focusin", (event) => {
      const index = this.#tiles.findIndex(({ option }) => option === event.target);
      if (index >= 0) this.#focusIndex = index;
    });
    this.#selectPredicted.addEventListener("click", () => this.#selectAllPredicted());
    picker.addEventListener("change", () => this.#showSelectPredicted());
  }

  open(queue) {
    this.#queue = queue;
    this.#tiles = [];
    this.#selected.clear();
    this.#focusIndex = 0;
    this.#list.hidden = this.#enlarge.hidden = false;
    byId("prediction").textContent = "";
    byId("reason").textContent = "";
    this.refresh();
    this.focusImages();
  }

  close() {
    this.#list.hidden = this.#enlarge.hidden = true;
    this.#list.replaceChildren();
    this.#tiles = [];
    this.#selected.clear();
    this.#showSelectPredicted();
  }

  // The items that a label is sent for.
  get selectedItems() {
    return this.#tiles.map(({ item }) => item).filter((item) => this.#selected.has(item.id));
  }

  get hasItems() {
    return this.#tiles.length > 0;
  }

  // Fill the grid. Once the annotator has begun to select, no image moves.
  refresh() {
    const shown = new Set(this.#tiles.map(({ item }) => item.id));
    const added = this.#queue.ready().filter((item) => !shown.has(item.id)).slice(0, Math.max(0, TILES - shown.size));
    if (!added.length) return;
    const items = [...this.#tiles.map(({ item }) => item), ...added];
    const begun = this.#selected.size > 0 || this.#focusIndex > 0;
    const focused = this.#list.contains(document.activeElement);
    this.#layOut(begun ? items : sortedByPrediction(items));
    if (focused) this.focusImages();
  }

  // Replace the selected images, because a label was sent for them.
  advance() {
    const rest = this.#tiles.map(({ item }) => item).filter((item) => !this.#selected.has(item.id));
    const shown = new Set(rest.map((item) => item.id));
    this.#selected.clear();
    const added = this.#queue.ready().filter((item) => !shown.has(item.id)).slice(0, TILES - rest.length);
    this.#layOut(sortedByPrediction([...rest, ...added]));
    this.focusImages();
  }

  // Show undone items first, selected, with the classes or the value that were chosen for them.
  restore(items, state) {
    const ids = new Set(items.map((item) => item.id));
    const undone = this.#queue.ready().filter((item) => ids.has(item.id));
    const rest = this.#tiles.map(({ item }) => item).filter((item) => !ids.has(item.id));
    this.#selected = ids;
    this.#focusIndex = 0;
    this.#layOut([...undone, ...rest]);
    this.#picker.restore(state);
    this.focusImages();
  }

  focusImages() {
    this.#tiles.forEach((_, index) => this.#render(index));
    this.#tiles[this.#focusIndex]?.option.focus();
  }

  // Select the focused image if none is selected.
  selectFocused() {
    if (!this.#selected.size && this.#tiles[this.#focusIndex]) this.#select(this.#focusIndex, true);
  }

  // Move the focus or change the selection. Returns whether the key was for the grid.
  handleKey(event) {
    const onPage = event.target === document.body || event.target.id === "image-area";
    if (!onPage && !this.#list.contains(event.target)) return false;
    if (event.key === " ") {
      this.#select(this.#focusIndex);
      this.focusImages();
      return true;
    }
    const index = this.#indexAfter(event.key);
    if (index === null) return false;
    if (event.shiftKey) this.#selectRange(this.#focusIndex, index);
    this.#focusIndex = this.#rangeStart = index;
    this.focusImages();
    return true;
  }

  previewText() {
    const count = this.#selected.size;
    if (!count) return this.#picker.text ? `Select the images of ${this.#picker.text}` : "";
    const images = plural(count, "image");
    return this.#picker.text ? `${images}: ${this.#picker.text}` : images;
  }

  zoom() {
    this.#enlarge.setAttribute("aria-pressed", String(this.#list.classList.toggle("large")));
    this.focusImages();
  }

  // Return the index that a key moves the focus to; null for other keys.
  #indexAfter(key) {
    const last = this.#tiles.length - 1;
    const columns = this.#columns();
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    if (last < 0) return null;
    if (key === "Home") return 0;
    if (key === "End") return last;
    if (!(key in steps)) return null;
    const index = this.#focusIndex + steps[key];
    return index < 0 || index > last ? this.#focusIndex : index;
  }

  #columns() {
    const [first] = this.#tiles;
    return Math.max(1, this.#tiles.filter(({ option }) => option.offsetTop === first.option.offsetTop).length);
  }

  #layOut(items) {
    const known = new Map(this.#tiles.map((tile) => [tile.item.id, tile]));
    this.#tiles = items.map((item) => known.get(item.id) ?? { item, option: this.#option(item) });
    this.#list.replaceChildren(...this.#tiles.map(({ option }) => option));
    this.#focusIndex = Math.max(0, Math.min(this.#focusIndex, this.#tiles.length - 1));
    this.#rangeStart = this.#focusIndex;
    this.#queue.pin(items);
    this.#tiles.forEach((_, index) => this.#render(index));
    this.#showSelectPredicted();
  }

  #option(item) {
    const option = document.createElement("li");
    option.role = "option";
    const caption = document.createElement("span");
    caption.textContent = item.suggestion ? `${item.suggestion.label} (${percent(item.suggestion.probability)})` : "";
    option.append(itemElement(item, this.#small), caption);
    option.title = reasonText(item);
    option.setAttribute("aria-label", `Image to label ${item.id}. ${predictionText(item)}`);
    return option;
  }

  #render(index) {
    const { item, option } = this.#tiles[index];
    option.setAttribute("aria-selected", String(this.#selected.has(item.id)));
    option.tabIndex = index === this.#focusIndex ? 0 : -1;
  }

  // Select or unselect the image; without `on`, toggle it.
  #select(index, on) {
    const { id } = this.#tiles[index].item;
    if (on ?? !this.#selected.has(id)) this.#selected.add(id);
    else this.#selected.delete(id);
    this.#render(index);
    this.#onSelect();
  }

  #selectRange(from, to) {
    for (let index = Math.min(from, to); index <= Math.max(from, to); index += 1) this.#select(index, true);
  }

  #onClick(event) {
    const option = event.target.closest("[role=option]");
    const index = this.#tiles.findIndex((tile) => tile.option === option);
    if (index < 0) return;
    if (event.shiftKey) this.#selectRange(this.#rangeStart, index);
    else this.#select(index);
    this.#focusIndex = this.#rangeStart = index;
    this.focusImages();
  }

  // If exactly one class is chosen, offer to select the images predicted as it.
  #showSelectPredicted() {
    const [name, ...others] = this.#picker.selected;
    const count = this.#tiles.filter(({ item }) => isPredictedAs(item, name)).length;
    this.#selectPredicted.parentElement.hidden = others.length > 0 || !count;
    this.#selectPredicted.textContent = `Select the ${plural(count, "image")} predicted as ${name}`;
  }

  #selectAllPredicted() {
    const [name] = this.#picker.selected;
    this.#tiles.forEach(({ item }, index) => {
      if (isPredictedAs(item, name)) this.#select(index, true);
    });
    this.focusImages();
  }
}

function isPredictedAs(item, name) {
  return name !== undefined && item.suggestion?.label === name;
}

// Sort by predicted class, the most probable first.
function sortedByPrediction(items) {
  const name = (item) => item.suggestion?.label ?? "";
  const probability = (item) => item.suggestion?.probability ?? 0;
  return items.toSorted((a, b) =>
    name(a).localeCompare(name(b), "en", { numeric: true }) || probability(b) - probability(a));
}
