// The pool's page: images dropped or chosen are sent to it, and their scoring is watched.
// Without this file the form sends itself.
import { dropped, visible } from "./gather.js";
import { watch } from "./jobs.js";
import { Sending } from "./sending.js";
import "./thumbnails.js";

const here = (id) => document.getElementById(id);
const form = here("adding");
const { most, limit, items, jobs } = form.dataset;
const sending = new Sending({ address: items, most: Number(most), limit: Number(limit) }, tell);
const count = (value) => value.toLocaleString("en");
let shownRefusals = 0;

document.body.classList.add("lively");

for (const input of [here("image"), here("folder")]) {
  input.addEventListener("change", () => {
    add([...input.files].filter(input.webkitdirectory ? visible : () => true));
    input.value = "";
  });
}
form.addEventListener("submit", (event) => event.preventDefault());
here("again").addEventListener("click", () => send(() => sending.again()));

for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    document.body.classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("over");
});
document.addEventListener("drop", async (event) => {
  document.body.classList.remove("over");
  if (![...event.dataTransfer.types].includes("Files")) return;
  event.preventDefault();
  here("add").open = true;
  try {
    add(await dropped(event.dataTransfer));
  } catch {
    here("told").textContent = "What was dropped could not be read.";
    here("sending").hidden = false;
  }
});
window.addEventListener("beforeunload", (event) => {
  if (sending.running) event.preventDefault();
});

function add(files) {
  if (files.length) send(() => sending.send(files));
}

async function send(start) {
  const alone = !sending.running;
  here("sending").hidden = false;
  here("sending").ariaBusy = "true";
  await start();
  if (!alone) return;
  here("show").hidden = here("label").hidden = !(sending.added + sending.known);
  if (sending.added) here("empty")?.remove();
  if (sending.added) await scored();
  if (!sending.running) here("sending").ariaBusy = "false";
}

async function scored() {
  try {
    await watch(jobs, (words, share) => {
      if (sending.running) return;
      const how = words === null ? share : `${Math.round(100 * share)} %`;  // at the end, what went wrong
      here("told").textContent = [summary(), words, how].filter(Boolean).join(" · ");
      here("sent").value = words === null ? 1 : share;
    });
  } catch {
    // the images are in; only how their scoring goes is not known
  }
}

function summary() {
  const parts = [`${count(sending.added)} added`];
  if (sending.known) parts.push(`${count(sending.known)} already there`);
  if (sending.refused.length) parts.push(`${count(sending.refused.length)} refused`);
  if (sending.failed.length) parts.push(`${count(sending.failed.length)} not sent`);
  return parts.join(", ");
}

function tell() {
  const done = sending.sent + sending.refused.length;
  here("sent").value = sending.total ? done / sending.total : 1;
  const refused = sending.refused.length ? `, ${count(sending.refused.length)} refused` : "";
  here("told").textContent = sending.running ? `${count(sending.sent)} of ${count(sending.total)} sent${refused}` : summary();
  for (const { file, reason } of sending.refused.slice(shownRefusals)) here("refused").append(line(file, reason));
  shownRefusals = sending.refused.length;
  here("refused").querySelectorAll(".failed").forEach((old) => old.remove());
  for (const { file, reason } of sending.running ? [] : sending.failed) {
    const made = line(file, reason);
    made.className = "failed";
    here("refused").append(made);
  }
  here("again").hidden = sending.running || !sending.failed.length;
  here("again").textContent = `Try the ${count(sending.failed.length)} again`;
}

function line(file, reason) {
  const made = document.createElement("li");
  const name = document.createElement("strong");
  name.textContent = file.webkitRelativePath || file.name;
  made.append(name, `: ${reason}`);
  return made;
}
