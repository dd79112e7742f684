// The number to give, where a project's labels are values.

export class Value extends EventTarget {
  keyed = false;
  searchable = false;
  names = [];
  #field = document.getElementById("value");
  #fault = document.getElementById("value-fault");

  constructor() {
    super();
    document.getElementById("number").hidden = false;
    document.getElementById("class-keys").parentElement.hidden = true;
    this.#field.addEventListener("input", () => {
      this.#fault.textContent = "";
      this.dispatchEvent(new CustomEvent("change"));
    });
    this.#field.addEventListener("keydown", (event) => {
      if (event.isComposing || event.repeat) return;
      if (event.key === "Enter") this.dispatchEvent(new CustomEvent("send"));
      else if (event.key === "Escape") document.getElementById("stage").focus();
      else return;
      event.preventDefault();
    });
  }

  // A comma is as good as a point: half the world writes one.
  get #number() {
    const text = this.#field.value.trim().replace(",", ".").replace("−", "-");
    return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) && Number.isFinite(Number(text)) ? Number(text) : null;
  }

  get label() {
    return this.#number === null ? null : { value: this.#number };
  }

  get words() {
    return this.#number === null ? "" : String(this.#number);
  }

  get saved() {
    return this.#field.value;
  }

  restore(text) {
    this.#field.value = text;
    this.#fault.textContent = "";
    this.dispatchEvent(new CustomEvent("change"));
  }

  clear() {
    this.restore("");
  }

  lacking() {
    const said = this.#field.value.trim();
    this.#fault.textContent = said ? `“${said}” is no number.` : "";
    this.#field.focus();
    return said ? `“${said}” is no number.` : "Give a value first, or skip.";
  }

  place() {
    return -1;
  }

  focus() {
    this.#field.focus();
  }
}
