// Answers the server refused for good: shown with the reason until somebody dismisses them.

import { label } from "./said.js";

const here = (id) => document.getElementById(id);

export class Refused {
  #outbox;
  #list = here("refused").querySelector("ul");
  #rows = new Map();  // entry -> its row

  constructor(outbox) {
    this.#outbox = outbox;
    here("download").addEventListener("click", () => this.#download());
  }

  // A row that stays is left alone: whoever is on its buttons stays there.
  show() {
    const { refused } = this.#outbox;
    for (const [entry, row] of this.#rows) {
      if (refused.includes(entry)) continue;
      row.remove();
      this.#rows.delete(entry);
    }
    for (const entry of refused) {
      if (this.#rows.has(entry)) continue;
      this.#rows.set(entry, this.#row(entry));
      this.#list.append(this.#rows.get(entry));
    }
    here("refused").hidden = !refused.length;
  }

  #row(entry) {
    const made = document.createElement("li");
    const [first, ...others] = entry.labels;
    const what = document.createElement("p");
    what.textContent = `${first.id}${others.length ? ` and ${others.length} more` : ""}: ${label(first)}, by ${entry.annotator}`;
    const reason = document.createElement("p");
    reason.className = "fault";
    reason.textContent = entry.reason;
    made.append(
      what,
      reason,
      button("Try again", () => this.#leave(made, () => this.#outbox.retry(entry))),
      button("Dismiss", () => this.#leave(made, () => this.#outbox.dismiss(entry))),
    );
    return made;
  }

  // The row goes: the focus moves to the one that takes its place, else back to the work.
  async #leave(row, act) {
    const place = [...this.#list.children].indexOf(row);
    const which = [...row.querySelectorAll("button")].indexOf(document.activeElement);
    await act();
    if (which < 0 || document.activeElement !== document.body) return;
    const next = this.#list.children[place] ?? this.#list.lastElementChild;
    if (next) next.querySelectorAll("button")[which].focus();
    else here("stage").focus({ preventScroll: true });
  }

  #download() {
    const told = this.#outbox.refused.map(({ key, annotator, labels, time, reason }) => ({ key, annotator, labels, time: time / 1000, reason }));
    const address = URL.createObjectURL(new Blob([JSON.stringify(told, null, 2)], { type: "application/json" }));
    const link = document.createElement("a");
    link.href = address;
    link.download = "refused-answers.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  }
}

function button(text, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "plain";
  made.textContent = text;
  made.addEventListener("click", act);
  return made;
}
