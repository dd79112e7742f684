// The field for a value, in projects whose labels are numbers.

const byId = (id) => document.getElementById(id);

export class NumberInput extends EventTarget {
  usesKeys = false;
  searchable = false;
  selected = [];
  keyRange = null;
  #field = byId("value");
  #error = byId("value-error");

  constructor() {
    super();
    this.#field.parentElement.hidden = false;
    this.#field.addEventListener("input", () => {
      this.#error.textContent = "";
      this.dispatchEvent(new CustomEvent("change"));
    });
    this.#field.addEventListener("keydown", (event) => {
      if (event.isComposing || event.repeat) return;
      if (event.key === "Enter") this.dispatchEvent(new CustomEvent("send"));
      else if (event.key === "Escape") byId("image-area").focus();
      else return;
      event.preventDefault();
    });
  }

  // The label as the server takes it; null if the field holds no number.
  get label() {
    const value = parseNumber(this.#field.value);
    return value === null ? null : { value };
  }

  get text() {
    const value = parseNumber(this.#field.value);
    return value === null ? "" : String(value);
  }

  // What `restore` needs to write the same text again.
  get state() {
    return this.#field.value;
  }

  restore(text) {
    this.#field.value = text;
    this.#error.textContent = "";
    this.dispatchEvent(new CustomEvent("change"));
  }

  clear() {
    this.restore("");
  }

  missingMessage() {
    const typed = this.#field.value.trim();
    this.#error.textContent = typed ? `“${typed}” is not a number.` : "";
    this.#field.focus();
    return typed ? `“${typed}” is not a number.` : "Enter a value first, or skip.";
  }

  indexOfKey() {
    return -1;
  }

  focus() {
    this.#field.focus();
  }
}

// Return the number, or null. The decimal separator may be a comma.
export function parseNumber(typed) {
  const text = typed.trim().replace(",", ".").replace("−", "-");
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) && Number.isFinite(Number(text)) ? Number(text) : null;
}
