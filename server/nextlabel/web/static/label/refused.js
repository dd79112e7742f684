// Answers the server refused for good: shown with the reason until somebody dismisses them.

import { label } from "./said.js";

const box = document.getElementById("refused");

export function showRefused(outbox) {
  box.hidden = !outbox.refused.length;
  box.querySelector("ul").replaceChildren(...outbox.refused.map((entry) => row(outbox, entry)));
}

export function offerDownload(outbox) {
  document.getElementById("download").addEventListener("click", () => {
    const told = outbox.refused.map(({ key, annotator, labels, time, reason }) => ({ key, annotator, labels, time: time / 1000, reason }));
    const address = URL.createObjectURL(new Blob([JSON.stringify(told, null, 2)], { type: "application/json" }));
    const link = document.createElement("a");
    link.href = address;
    link.download = "refused-answers.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  });
}

function row(outbox, entry) {
  const made = document.createElement("li");
  const [first, ...others] = entry.labels;
  const what = document.createElement("p");
  what.textContent = `${first.id}${others.length ? ` and ${others.length} more` : ""}: ${label(first)}, by ${entry.annotator}`;
  const reason = document.createElement("p");
  reason.className = "fault";
  reason.textContent = entry.reason;
  made.append(what, reason, button("Try again", () => outbox.retry(entry)), button("Dismiss", () => outbox.dismiss(entry)));
  return made;
}

function button(text, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "plain";
  made.textContent = text;
  made.addEventListener("click", act);
  return made;
}
