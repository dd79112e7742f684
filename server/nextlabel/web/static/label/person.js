// Whose answers these are: asked once, kept in this browser, changed at will. Each tab has its own person:
// two may label in one browser, and neither a reload nor a login gives one the other's name.

const here = (id) => document.getElementById(id);
const KEPT = "nextlabel.annotator";

export class Person extends EventTarget {
  name = "";
  #reserved;

  constructor(reserved) {
    super();
    this.#reserved = reserved;
    here("who").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#take(here("name").value);
    });
    here("rename").addEventListener("click", () => this.ask());
  }

  // Take the name of the address, else the one that is kept, else ask.
  begin() {
    const given = new URLSearchParams(location.search).get("annotator");
    const known = given ?? recall();
    if (known) this.#take(known);
    else this.ask();
  }

  ask() {
    here("work").hidden = true;
    here("foot").hidden = true;
    here("who").hidden = false;
    here("name").value = this.name;
    here("name").focus();
  }

  #take(given) {
    const name = given.trim();
    const fault = this.#fault(name);
    here("name-fault").textContent = fault;
    if (fault) {
      this.ask();
      here("name").value = given;
      here("name").setAttribute("aria-invalid", "true");
      return;
    }
    here("name").removeAttribute("aria-invalid");
    keep(name);
    const asked = here("who").contains(document.activeElement);
    here("who").hidden = true;
    here("work").hidden = false;
    here("foot").hidden = false;
    if (asked) here("stage").focus({ preventScroll: true });  // the form is gone, and the focus with it
    here("person").textContent = `You are ${name}.`;
    if (new URLSearchParams(location.search).has("annotator")) {
      history.replaceState(null, "", `?${new URLSearchParams({ annotator: name })}`);
    }
    const changed = name !== this.name;
    this.name = name;
    if (changed) this.dispatchEvent(new CustomEvent("change"));
  }

  #fault(name) {
    if (!name) return "A name has at least one character.";
    if (name === this.#reserved) return `“${name}” is the data set itself; choose another name.`;
    if (/[\x00-\x1f\x7f]/.test(name)) return "A name has no control characters.";
    return [...name].length > 200 ? "A name has at most 200 characters." : "";
  }
}

function recall() {
  try {
    return sessionStorage.getItem(KEPT) ?? localStorage.getItem(KEPT);
  } catch {  // the browser keeps nothing
    return null;
  }
}

function keep(name) {
  try {
    sessionStorage.setItem(KEPT, name);  // this tab's
    localStorage.setItem(KEPT, name);  // a new tab's
  } catch {  // asked again next time
  }
}
