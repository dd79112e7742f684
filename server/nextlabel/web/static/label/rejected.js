// Labels that the server rejected, each with its reason, until the annotator retries or dismisses it.

import { labelText } from "./text.js";

const byId = (id) => document.getElementById(id);

export class RejectedLabels {
  #outbox;
  #list = byId("rejected").querySelector("ul");
  #rows = new Map();  // entry -> its row

  constructor(outbox) {
    this.#outbox = outbox;
    byId("download").addEventListener("click", () => this.#download());
  }

  // Update the list. Rows that stay are not touched, so that the focus stays on their buttons.
  render() {
    const { rejected } = this.#outbox;
    for (const [entry, row] of this.#rows) {
      if (rejected.includes(entry)) continue;
      row.remove();
      this.#rows.delete(entry);
    }
    for (const entry of rejected) {
      if (this.#rows.has(entry)) continue;
      this.#rows.set(entry, this.#row(entry));
      this.#list.append(this.#rows.get(entry));
    }
    byId("rejected").hidden = !rejected.length;
  }

  #row(entry) {
    const row = document.createElement("li");
    const [first, ...others] = entry.labels;
    const content = document.createElement("p");
    content.textContent = `${first.id}${others.length ? ` and ${others.length} more` : ""}: ${labelText(first)}, by ${entry.annotator}`;
    const reason = document.createElement("p");
    reason.className = "error";
    reason.textContent = entry.reason;
    row.append(
      content,
      reason,
      button("Try again", () => this.#leave(row, () => this.#outbox.retry(entry))),
      button("Dismiss", () => this.#leave(row, () => this.#outbox.dismiss(entry))),
    );
    return row;
  }

  // When the row is removed, the focus moves to the same button of the next row, or back to the image.
  async #leave(row, act) {
    const rowIndex = [...this.#list.children].indexOf(row);
    const buttonIndex = [...row.querySelectorAll("button")].indexOf(document.activeElement);
    await act();
    if (buttonIndex < 0 || document.activeElement !== document.body) return;
    const next = this.#list.children[rowIndex] ?? this.#list.lastElementChild;
    if (next) next.querySelectorAll("button")[buttonIndex].focus();
    else byId("image-area").focus({ preventScroll: true });
  }

  #download() {
    const entries = this.#outbox.rejected.map(({ key, annotator, labels, time, reason }) =>
      ({ key, annotator, labels, time: time / 1000, reason }));
    const address = URL.createObjectURL(new Blob([JSON.stringify(entries, null, 2)], { type: "application/json" }));
    const link = document.createElement("a");
    link.href = address;
    link.download = "rejected-labels.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  }
}

function button(text, act) {
  const element = document.createElement("button");
  element.type = "button";
  element.className = "secondary";
  element.textContent = text;
  element.addEventListener("click", act);
  return element;
}
