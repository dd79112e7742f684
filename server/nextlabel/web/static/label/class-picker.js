// The classes as chips with their keys. Several can be selected.

import { assignKeys } from "./class-keys.js";
import { keyCap } from "./keyboard.js";
import { joinOr } from "./text.js";

const SEARCHABLE = 20;  // with more classes than this, there is a search box

const byId = (id) => document.getElementById(id);

export class ClassPicker extends EventTarget {
  usesKeys = true;
  #names;
  #keys;
  #boxes = [];
  #leftover = false;  // whether the selection was left by a one-key label or an undo
  #search = byId("class-search");
  #match = byId("class-search-match");

  constructor(names) {
    super();
    this.#names = names;
    this.#keys = assignKeys(names);
    const field = byId("classes");
    field.hidden = false;
    field.append(...names.map((name, index) => this.#chip(name, this.#keys[index])));
    field.addEventListener("change", () => {
      this.#leftover = false;
      this.#changed();
    });
    this.searchable = names.length > SEARCHABLE || this.#keys.includes(undefined);
    this.#search.parentElement.hidden = !this.searchable;
    this.#search.addEventListener("input", () => this.#filter());
    this.#search.addEventListener("keydown", (event) => this.#onSearchKey(event));
  }

  get selected() {
    return this.#names.filter((_, index) => this.#boxes[index].checked);
  }

  // The label as the server takes it; null if nothing is selected.
  get label() {
    const candidates = this.selected;
    return candidates.length ? { candidates } : null;
  }

  get text() {
    return joinOr(this.selected);
  }

  // What `restore` needs to select the same classes again.
  get state() {
    return this.selected;
  }

  // The first and the last key, for the list of keys.
  get keyRange() {
    const keys = this.#keys.filter(Boolean);
    return [keyCap(keys[0]), "…", keyCap(keys.at(-1))];
  }

  restore(names) {
    this.#names.forEach((name, index) => { this.#boxes[index].checked = names.includes(name); });
    this.#leftover = true;
    this.#changed();
  }

  clear() {
    this.restore([]);
  }

  missingMessage() {
    return "Choose a class first, or skip.";
  }

  // Return the index of the class with this key, or -1.
  indexOfKey(key) {
    return this.#keys.indexOf(key);
  }

  toggle(index) {
    this.#boxes[index].checked = !this.#boxes[index].checked;
    this.#leftover = false;
    this.#changed();
  }

  // Complete a label with one key: add the class to those toggled for this label, and replace those an earlier label left.
  chooseAsLabel(index) {
    if (this.#leftover) for (const box of this.#boxes) box.checked = false;
    this.#boxes[index].checked = true;
    this.#leftover = true;
    this.#changed();
  }

  focus() {
    if (this.searchable) this.#search.focus();
  }

  #chip(name, key) {
    const chip = document.createElement("label");
    chip.className = "chip";
    const box = document.createElement("input");
    box.type = "checkbox";
    box.value = name;
    const text = document.createElement("span");
    text.textContent = name;
    const isKey = name.toLowerCase() === key;
    chip.classList.toggle("bare", isKey);
    chip.append(box, ...(key && !isKey ? [keyCap(key)] : []), text);
    if (key) box.setAttribute("aria-keyshortcuts", key);
    this.#boxes.push(box);
    return chip;
  }

  #filter() {
    const typed = this.#typed();
    const best = bestMatch(this.#names, typed);
    this.#boxes.forEach((box, index) => {
      box.parentElement.hidden = !this.#names[index].toLowerCase().includes(typed);
      box.parentElement.classList.toggle("best", index === best);
    });
    this.#match.textContent = typed === "" ? "" : best < 0 ? "No class matches." : `Enter: ${this.#names[best]}`;
  }

  #onSearchKey(event) {
    if (event.isComposing || event.repeat) return;
    if (event.key === "Escape") {
      this.#emptySearch();
      byId("image-area").focus();
      event.preventDefault();
    } else if (event.key === "Enter") {
      const best = bestMatch(this.#names, this.#typed());
      if (this.#typed() === "") this.dispatchEvent(new CustomEvent("send"));
      else if (best >= 0) {
        this.toggle(best);
        this.#emptySearch();
      }
      event.preventDefault();
    }
  }

  #typed() {
    return this.#search.value.trim().toLowerCase();
  }

  #emptySearch() {
    this.#search.value = "";
    this.#filter();
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("change"));
  }
}

// Return the index of the class that is, else begins with, else has a word that begins with, else contains the
// lower-case text; -1 if there is none.
export function bestMatch(names, typed) {
  if (typed === "") return -1;
  const rank = (name) => {
    if (name === typed) return 0;
    if (name.startsWith(typed)) return 1;
    if (name.split(/[^\p{L}\p{N}]+/u).some((word) => word.startsWith(typed))) return 2;
    return name.includes(typed) ? 3 : 4;
  };
  const ranks = names.map((name) => rank(name.toLowerCase()));
  const best = Math.min(...ranks);
  return best === 4 ? -1 : ranks.indexOf(best);
}
