// Keys and buttons, and what they do. Whatever a key does a button does too.

import { names, ours } from "./keys.js";

const here = (id) => document.getElementById(id);
const KEPT = "nextlabel.one-key";

export function listen(desk, picker) {
  const quick = here("quick");
  quick.checked = recall();
  quick.addEventListener("change", () => keep(quick.checked));
  quick.parentElement.hidden = !picker.keyed;

  const commands = {
    Enter: () => desk.send(),
    u: () => desk.undo(),
    s: () => desk.skip(),
    g: () => desk.other(),
    z: () => desk.view.zoom(),
    "?": () => here("keys").showModal(),
    "/": () => picker.focus(),
  };
  const buttons = {
    send: commands.Enter,
    undo: commands.u,
    skip: commands.s,
    help: commands["?"],
    larger: commands.z,
    one: () => turnTo("one"),
    many: () => turnTo("many"),
  };

  function turnTo(name) {
    if (desk.view.name !== name) desk.other();
  }

  for (const [id, act] of Object.entries(buttons)) {
    here(id).addEventListener("click", (event) => {
      act();
      // after the mouse or a finger, Enter is to send, and not to press this button again
      if (event.detail === 0 || document.querySelector("dialog[open]") || desk.view.name !== "one") return;
      if (picker.keyed) here("stage").focus({ preventScroll: true });
      else picker.focus();
    });
  }
  here("classes").addEventListener("click", (event) => {
    if (event.detail > 0) requestAnimationFrame(() => desk.view.settle?.());
  });
  picker.addEventListener("send", () => desk.send());

  document.addEventListener("keydown", (event) => {
    if (here("work").hidden || !ours(event)) return;
    if (desk.view.key(event)) {
      event.preventDefault();
      return;
    }
    // a button acts itself; the one of a dialog that has just closed keeps the focus for a frame
    const acting = event.target.closest("button, a, summary")?.checkVisibility();
    if (acting && (event.key === "Enter" || event.key === " ")) return;
    for (const name of names(event)) {
      const act = commands[name] ?? choice(name, event.shiftKey);
      if (!act) continue;
      event.preventDefault();
      if (!event.repeat) act();
      return;
    }
  });

  function choice(name, shift) {
    const place = picker.place([name]);
    if (place < 0) return null;
    if (!quick.checked || shift) return () => picker.turn(place);
    return () => {
      picker.answer(place);
      if (!desk.view.subject.length) return;
      desk.send();
      // the next key is an answer of its own; one image alone clears this itself, or shows what was undone
      if (desk.view.name === "many") picker.clear();
    };
  }
}

function recall() {
  try {
    return localStorage.getItem(KEPT) === "yes";
  } catch {
    return false;
  }
}

function keep(on) {
  try {
    localStorage.setItem(KEPT, on ? "yes" : "no");
  } catch {  // asked for again next time
  }
}
