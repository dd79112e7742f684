// The classes to choose from, as chips with their keys; several may be on.

import { assign } from "./keys.js";
import { either } from "./said.js";

const MANY = 20;  // classes from which on a search helps

export class Classes extends EventTarget {
  keyed = true;
  #names;
  #keys;
  #boxes = [];
  #left = false;  // what is on was left by an answer of one key, or by an undo
  #find = document.getElementById("find");
  #found = document.getElementById("found");

  constructor(names) {
    super();
    this.#names = names;
    this.#keys = assign(names);
    const field = document.getElementById("classes");
    field.hidden = false;
    field.append(...names.map((name, place) => this.#chip(name, this.#keys[place])));
    field.addEventListener("change", () => {
      this.#left = false;
      this.#changed();
    });
    this.searchable = names.length > MANY || this.#keys.includes(undefined);
    document.getElementById("search").hidden = !this.searchable;
    document.getElementById("search-key").hidden = !this.searchable;
    document.getElementById("class-keys").append(...this.#summary());
    this.#find.addEventListener("input", () => this.#filter());
    this.#find.addEventListener("keydown", (event) => this.#inSearch(event));
  }

  get names() {
    return this.#names.filter((_, place) => this.#boxes[place].checked);
  }

  // What is chosen, as the server takes it; null where nothing is.
  get label() {
    const candidates = this.names;
    return candidates.length ? { candidates } : null;
  }

  get words() {
    return either(this.names);
  }

  get saved() {
    return this.names;
  }

  restore(names) {
    this.#names.forEach((name, place) => { this.#boxes[place].checked = names.includes(name); });
    this.#left = true;
    this.#changed();
  }

  clear() {
    this.restore([]);
  }

  lacking() {
    return "Choose a class first, or skip.";
  }

  // Return the place of the class that a key event names, or -1.
  place(keys) {
    return keys.map((key) => this.#keys.indexOf(key)).find((place) => place >= 0) ?? -1;
  }

  turn(place) {
    this.#boxes[place].checked = !this.#boxes[place].checked;
    this.#left = false;
    this.#changed();
  }

  // One key as a whole answer: beside what was turned on for it, and in the place of what an earlier answer left.
  answer(place) {
    if (this.#left) for (const box of this.#boxes) box.checked = false;
    this.#boxes[place].checked = true;
    this.#left = true;
    this.#changed();
  }

  focus() {
    if (this.searchable) this.#find.focus();
  }

  #chip(name, key) {
    const chip = document.createElement("label");
    chip.className = "chip";
    const box = document.createElement("input");
    box.type = "checkbox";
    box.value = name;
    const text = document.createElement("span");
    text.textContent = name;
    const same = name.toLowerCase() === key;
    chip.classList.toggle("bare", same);
    chip.append(box, ...(key && !same ? [cap(key)] : []), text);
    if (key) box.setAttribute("aria-keyshortcuts", key);
    this.#boxes.push(box);
    return chip;
  }

  #summary() {
    const used = this.#keys.filter(Boolean);
    return [cap(used[0]), " … ", cap(used.at(-1))];
  }

  #filter() {
    const best = this.#best();
    const said = this.#find.value.trim().toLowerCase();
    this.#boxes.forEach((box, place) => {
      const fits = this.#names[place].toLowerCase().includes(said);
      box.parentElement.hidden = !fits;
      box.parentElement.classList.toggle("best", place === best);
    });
    this.#found.textContent = said === "" ? "" : best < 0 ? "No class has such a name." : `Enter: ${this.#names[best]}`;
  }

  // The class that begins with what is typed, else one with a word that does, else one that holds it.
  #best() {
    const said = this.#find.value.trim().toLowerCase();
    if (said === "") return -1;
    const rank = (name) => {
      if (name === said) return 0;
      if (name.startsWith(said)) return 1;
      if (name.split(/[^\p{L}\p{N}]+/u).some((word) => word.startsWith(said))) return 2;
      return name.includes(said) ? 3 : 4;
    };
    const ranks = this.#names.map((name) => rank(name.toLowerCase()));
    const least = Math.min(...ranks);
    return least === 4 ? -1 : ranks.indexOf(least);
  }

  #inSearch(event) {
    if (event.isComposing || event.repeat) return;
    if (event.key === "Escape") {
      this.#empty();
      document.getElementById("stage").focus();
      event.preventDefault();
    } else if (event.key === "Enter") {
      const best = this.#best();
      if (this.#find.value.trim() === "") this.dispatchEvent(new CustomEvent("send"));
      else if (best >= 0) {
        this.turn(best);
        this.#empty();
      }
      event.preventDefault();
    }
  }

  #empty() {
    this.#find.value = "";
    this.#filter();
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("change"));
  }
}

export function cap(key) {
  const made = document.createElement("kbd");
  made.textContent = key.toUpperCase();
  return made;
}
