// The annotator's name: asked for once, stored in this browser, and changed at any time. Each tab has its own, so that
// two annotators can share a browser; neither a reload nor a login gives a tab the other's name.

const byId = (id) => document.getElementById(id);
const STORAGE_KEY = "nextlabel.annotator";
const LONGEST = 200;  // characters

export class Annotator extends EventTarget {
  name = "";
  #reserved;

  constructor(reserved) {
    super();
    this.#reserved = reserved;
    byId("annotator-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#use(byId("name").value);
    });
    byId("change-name").addEventListener("click", () => this.showForm());
  }

  // Use the name in the address, else the stored one, else ask for one.
  start() {
    const name = new URLSearchParams(location.search).get("annotator") ?? load();
    if (name) this.#use(name);
    else this.showForm();
  }

  showForm() {
    byId("workspace").hidden = true;
    byId("status-bar").hidden = true;
    byId("annotator-form").hidden = false;
    byId("name").value = this.name;
    byId("name").focus();
  }

  #use(typed) {
    const name = typed.trim();
    const error = nameError(name, this.#reserved);
    byId("name-error").textContent = error;
    if (error) {
      this.showForm();
      byId("name").value = typed;
      byId("name").setAttribute("aria-invalid", "true");
      return;
    }
    byId("name").removeAttribute("aria-invalid");
    save(name);
    const fromForm = byId("annotator-form").contains(document.activeElement);
    byId("annotator-form").hidden = true;
    byId("workspace").hidden = false;
    byId("status-bar").hidden = false;
    if (fromForm) byId("image-area").focus({ preventScroll: true });  // hiding the form removed the focus
    byId("annotator").textContent = `You are ${name}.`;
    if (new URLSearchParams(location.search).has("annotator")) {
      history.replaceState(null, "", `?${new URLSearchParams({ annotator: name })}`);
    }
    const changed = name !== this.name;
    this.name = name;
    if (changed) this.dispatchEvent(new CustomEvent("change"));
  }
}

// Return why a name is not valid; an empty string if it is.
export function nameError(name, reserved) {
  if (!name) return "Enter at least one character.";
  if (name === reserved) return `“${name}” is reserved for the labels of the data set; choose another name.`;
  if (/[\x00-\x1f\x7f]/.test(name)) return "A name cannot contain control characters.";
  return [...name].length > LONGEST ? `A name has at most ${LONGEST} characters.` : "";
}

function load() {
  try {
    return sessionStorage.getItem(STORAGE_KEY) ?? localStorage.getItem(STORAGE_KEY);
  } catch {  // the browser stores nothing
    return null;
  }
}

function save(name) {
  try {
    sessionStorage.setItem(STORAGE_KEY, name);  // for this tab
    localStorage.setItem(STORAGE_KEY, name);  // for new tabs
  } catch {  // ask again next time
  }
}
