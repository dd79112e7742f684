// The pool page: uploads images that are dropped or chosen, and watches their scoring.
// Without this script the browser submits the form.
import { droppedFiles, isVisible } from "./dropped-files.js";
import { watchJobs } from "./jobs.js";
import "./thumbnails.js";
import { Uploader } from "./uploader.js";

const byId = (id) => document.getElementById(id);
const form = byId("upload");
const { largestBatch, largestFile, items, jobs } = form.dataset;
const limits = { address: items, largestBatch: Number(largestBatch), largestFile: Number(largestFile) };
const uploader = new Uploader(limits, render);
const number = (value) => value.toLocaleString("en");
let listedRejections = 0;

document.body.classList.add("scripted");

for (const input of [byId("image"), byId("folder")]) {
  input.addEventListener("change", () => {
    add([...input.files].filter(input.webkitdirectory ? isVisible : () => true));
    input.value = "";
  });
}
form.addEventListener("submit", (event) => event.preventDefault());
byId("retry").addEventListener("click", () => run(() => uploader.retryFailed()));

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
  byId("add").open = true;
  try {
    add(await droppedFiles(event.dataTransfer));
  } catch {
    byId("upload-status").textContent = "The dropped files could not be read.";
    byId("uploads").hidden = false;
  }
});
window.addEventListener("beforeunload", (event) => {
  if (uploader.running) event.preventDefault();
});

function add(files) {
  if (files.length) run(() => uploader.upload(files));
}

async function run(start) {
  const first = !uploader.running;
  byId("uploads").hidden = false;
  byId("uploads").ariaBusy = "true";
  await start();
  if (!first) return;
  byId("show").hidden = byId("label").hidden = !(uploader.added + uploader.duplicates);
  if (uploader.added) byId("empty")?.remove();
  if (uploader.added) await watchScoring();
  if (!uploader.running) byId("uploads").ariaBusy = "false";
}

async function watchScoring() {
  try {
    await watchJobs(jobs, (text, progress) => {
      if (uploader.running) return;
      const detail = text === null ? progress : `${Math.round(100 * progress)} %`;  // at the end, the error if any
      byId("upload-status").textContent = [summary(), text, detail].filter(Boolean).join(" · ");
      byId("upload-progress").value = text === null ? 1 : progress;
    });
  } catch {
    // the images are added; only the progress of their scoring is unknown
  }
}

function summary() {
  const parts = [`${number(uploader.added)} added`];
  if (uploader.duplicates) parts.push(`${number(uploader.duplicates)} already in the pool`);
  if (uploader.rejected.length) parts.push(`${number(uploader.rejected.length)} rejected`);
  if (uploader.failed.length) parts.push(`${number(uploader.failed.length)} not sent`);
  return parts.join(", ");
}

function render() {
  const done = uploader.sent + uploader.rejected.length;
  byId("upload-progress").value = uploader.total ? done / uploader.total : 1;
  const rejected = uploader.rejected.length ? `, ${number(uploader.rejected.length)} rejected` : "";
  const sent = `${number(uploader.sent)} of ${number(uploader.total)} sent${rejected}`;
  byId("upload-status").textContent = uploader.running ? sent : summary();
  for (const { file, reason } of uploader.rejected.slice(listedRejections)) byId("rejected").append(row(file, reason));
  listedRejections = uploader.rejected.length;
  byId("rejected").querySelectorAll(".failed").forEach((old) => old.remove());
  for (const { file, reason } of uploader.running ? [] : uploader.failed) {
    const failed = row(file, reason);
    failed.className = "failed";
    byId("rejected").append(failed);
  }
  byId("retry").hidden = uploader.running || !uploader.failed.length;
  byId("retry").textContent = uploader.failed.length === 1 ? "Retry 1 file" : `Retry ${number(uploader.failed.length)} files`;
}

function row(file, reason) {
  const item = document.createElement("li");
  const name = document.createElement("strong");
  name.textContent = file.webkitRelativePath || file.name;
  item.append(name, `: ${reason}`);
  return item;
}
