// The keys of the labelling page: one table, from which the bindings, the key on each button and the list of keys follow.
// Every command has a button as well.

const byId = (id) => document.getElementById(id);
const ONE_KEY_SETTING = "nextlabel.one-key";  // in localStorage

// `command` is the data-command of the button. A row without `run` describes keys that a view or the search handles.
export const KEYS = [
  { key: "Enter", command: "send", title: "send the label", run: ({ session }) => session.send() },
  { key: "u", command: "undo", title: "undo; press again to go further back", run: ({ session }) => session.undo() },
  { key: "s", command: "skip", title: "skip: give no label", run: ({ session }) => session.skip() },
  { key: "z", command: "enlarge", title: "enlarge the image, or the images of the grid", run: ({ session }) => session.view.zoom() },
  {
    key: "/",
    command: "find-class",
    title: "find a class; there, Enter toggles the best match, or sends if the box is empty, and Esc leaves the box",
    run: ({ picker }) => picker.focus(),
  },
  { key: "g", command: "toggle-grid", title: "one image, or a grid of images", run: ({ session }) => session.toggleView() },
  { keys: ["←", "↑", "→", "↓"], title: "move in the grid; with Shift, select on the way" },
  { keys: ["Space"], title: "select or unselect an image of the grid" },
  { key: "?", command: "show-keys", title: "show this list", run: () => byId("keys-dialog").showModal() },
];

const COMMANDS = KEYS.filter(({ run }) => run);

// The characters that are never the key of a class.
export const COMMAND_KEYS = COMMANDS.map(({ key }) => key).filter((key) => key.length === 1);

// Return the names of a key event: the character it types, and the position of the key unless that character is a digit
// or a Latin letter. Those exist on every keyboard, so they mean what they type wherever they are.
export function keyNames({ key, code }) {
  const position = /^(?:Key|Digit|Numpad)([A-Z0-9])$/.exec(code);
  const typed = key.length === 1 ? key.toLowerCase() : key;
  return position && !/^[a-z0-9]$/.test(typed) ? [typed, position[1].toLowerCase()] : [typed];
}

// Return whether a key event is for the page, and not for an input field, a dialog or the browser.
export function isPageKey(event) {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return false;
  if (document.querySelector("dialog[open]")) return false;
  return !event.target.closest("input:not([type=checkbox]), textarea, select");
}

export function keyCap(key) {
  const cap = document.createElement("kbd");
  cap.textContent = key.length === 1 ? key.toUpperCase() : key;
  return cap;
}

// Connect keys and buttons to the session and to the picker of classes or values.
export function bindKeyboard(session, picker) {
  const oneKey = byId("one-key");
  oneKey.checked = loadOneKey();
  oneKey.addEventListener("change", () => saveOneKey(oneKey.checked));
  oneKey.parentElement.hidden = !picker.usesKeys;

  showKeys(picker);
  const commands = new Map(COMMANDS.map(({ key, run }) => [key, () => run({ session, picker })]));
  for (const { key, command } of COMMANDS) {
    for (const button of document.querySelectorAll(`button[data-command="${command}"]`)) onClick(button, commands.get(key));
  }
  for (const button of document.querySelectorAll("button[data-view]")) {
    onClick(button, () => {
      if (session.view.name !== button.dataset.view) session.toggleView();
    });
  }
  byId("classes").addEventListener("click", (event) => {
    if (event.detail > 0) requestAnimationFrame(() => session.view.focusImages?.());
  });
  picker.addEventListener("send", () => session.send());

  document.addEventListener("keydown", (event) => {
    if (byId("workspace").hidden || !isPageKey(event)) return;
    if (session.view.handleKey(event)) {
      event.preventDefault();
      return;
    }
    // a focused button handles Enter and Space itself; the button of a dialog that just closed has the focus for a frame
    const onButton = event.target.closest("button, a, summary")?.checkVisibility();
    if (onButton && (event.key === "Enter" || event.key === " ")) return;
    for (const name of keyNames(event)) {
      const run = commands.get(name) ?? classCommand(name, event.shiftKey);
      if (!run) continue;
      event.preventDefault();
      if (!event.repeat) run();
      return;
    }
  });

  function onClick(button, run) {
    button.addEventListener("click", (event) => {
      run();
      // after a click with the mouse or a finger, Enter has to send and not to press this button again
      if (event.detail === 0 || document.querySelector("dialog[open]") || session.view.name !== "single") return;
      if (picker.usesKeys) byId("image-area").focus({ preventScroll: true });
      else picker.focus();
    });
  }

  function classCommand(key, shift) {
    const index = picker.indexOfKey(key);
    if (index < 0) return null;
    if (!oneKey.checked || shift) return () => picker.toggle(index);
    return () => {
      picker.chooseAsLabel(index);
      if (!session.view.selectedItems.length) return;
      session.send();
      // the next key is a label of its own; the single view clears the picker itself, or restores an undone label
      if (session.view.name === "grid") picker.clear();
    };
  }
}

// Write the keys on the elements with a data-command, and into the dialog.
function showKeys(picker) {
  const list = byId("keys-dialog").querySelector("dl");
  if (picker.keyRange) list.append(keyRow(picker.keyRange, "toggle a class; choose several if unsure"));
  for (const { key, keys = [key], command, title } of KEYS) {
    if (command === "find-class" && !picker.searchable) continue;
    list.append(keyRow(keys.map(keyCap), title));
    if (!command) continue;
    for (const element of document.querySelectorAll(`[data-command="${command}"]`)) element.append(" ", keyCap(key));
  }
}

function keyRow(caps, title) {
  const row = document.createElement("div");
  const term = document.createElement("dt");
  const description = document.createElement("dd");
  term.append(...caps.flatMap((cap) => [cap, " "]));
  description.textContent = title;
  row.append(term, description);
  return row;
}

function loadOneKey() {
  try {
    return localStorage.getItem(ONE_KEY_SETTING) === "yes";
  } catch {
    return false;
  }
}

function saveOneKey(on) {
  try {
    localStorage.setItem(ONE_KEY_SETTING, on ? "yes" : "no");
  } catch {  // without storage the setting lasts until the page is left
  }
}
