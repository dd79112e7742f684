// Sends images as soon as they are chosen, dropped or pasted, and shows the result that the server rendered.
// Without this script the browser submits the form and gets the same result.
import { isReadable, readableFiles, takeBatch } from "../files.js";
import { drawModelInput, drawSent, drawThumbnail } from "./draw.js";

const byId = (id) => document.getElementById(id);
const form = byId("predict");
const input = byId("image");
const button = form.querySelector("button");
const NO_ANSWER = "The server did not answer. Is it running?";
const BATCH = Math.min(8, Number(form.dataset.largestBatch));
let latest = 0;  // the number of the latest submission; results of earlier ones are dropped

document.body.classList.add("scripted");

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (input.files.length) submit(input.files);
});
input.addEventListener("change", () => {
  if (input.files.length) submit(input.files);
});
document.addEventListener("paste", (event) => receive(event, event.clipboardData));
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) form.classList.remove("over");
});
document.addEventListener("drop", (event) => receive(event, event.dataTransfer));

function receive(event, data) {
  form.classList.remove("over");
  if (!data || !data.files.length) return;
  event.preventDefault();
  submit(data.files);
}

async function submit(list) {
  const number = ++latest;
  const files = [...list];
  const single = files.length === 1;
  button.disabled = true;
  if (!single) clearResult("");  // then the rows that follow stay, even if a later request fails
  try {
    await (single ? predictOne(files[0], number) : predictSeveral(files, number));
  } catch {
    if (number === latest) (single ? clearResult : showError)(NO_ANSWER);
  } finally {
    if (number === latest) button.disabled = false;
  }
}

async function predictOne(file, number) {
  const error = fileError(file);
  if (error) return clearResult(error);
  const page = await post([file]).catch(async (failure) => {
    if (await isReadable(file)) throw failure;
  });
  if (!page) return number === latest && clearResult(unreadable(file));
  if (number !== latest || !isResult(page, clearResult)) return;
  byId("result").replaceChildren(...page.getElementById("result").childNodes);
  byId("error").textContent = page.getElementById("error").textContent;
  const announced = [byId("prediction"), byId("result").querySelector("figcaption strong")];
  byId("status").textContent = announced.filter(Boolean).map((part) => part.innerText).join(". ");
  const canvas = byId("result").querySelector("canvas[data-sent]");
  if (canvas) await Promise.all([drawSent(file, canvas), drawModelInput(byId("result").querySelector("canvas[data-input]"))]);
}

// Predict a few at a time, so that the first results are shown while the last images are sent.
async function predictSeveral(files, number) {
  const errors = files.map(fileError).filter(Boolean);
  const waiting = files.filter((file) => !fileError(file));
  let predicted = 0;
  while (waiting.length && number === latest) {
    const batch = takeBatch(waiting, BATCH);
    let page;
    try {
      page = await post(batch, "?list=1");
    } catch (failure) {
      // one unreadable file makes the whole request fail: send the others again
      const readable = await readableFiles(batch);
      if (readable.length === batch.length) throw failure;
      errors.push(...batch.filter((file) => !readable.includes(file)).map(unreadable));
      waiting.unshift(...readable);
      continue;
    }
    if (number !== latest || !isResult(page, showError)) return;
    const error = page.getElementById("error").textContent;
    if (error) return showError(error);
    const rows = [...page.querySelectorAll(".predictions tbody tr")].slice(0, batch.length);
    const body = byId("result").querySelector(".predictions tbody");
    if (body) body.append(...rows);
    else {
      page.querySelector(".predictions tbody").replaceChildren(...rows);
      byId("result").replaceChildren(page.querySelector(".predictions"));
    }
    predicted += batch.length;
    byId("status").textContent = `${predicted} of ${files.length} images predicted`;
    await Promise.all(rows.map((row, index) => drawThumbnail(batch[index], row.querySelector("canvas"))));
  }
  if (number === latest) showError(errors.join(" "));
}

async function post(files, query = "") {
  const body = new FormData();
  for (const file of files) body.append("image", file);
  const response = await fetch(form.action + query, { method: "POST", body, headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  return Object.assign(page, { status: response.status });
}

// Return whether the server answered with this page. Else show the error of another page: an error page of the server,
// its login, or a page of a proxy.
function isResult(page, show) {
  if (page.getElementById("result")) return true;
  const error = page.querySelector("[role=alert]");
  if (error) show(error.textContent);
  else if (page.getElementById("token")) location.reload();
  else show(`The response (status ${page.status}) did not come from this server.`);
  return false;
}

// Return why a file cannot be sent; an empty string if it can.
function fileError(file) {
  if (!file.size) return `The file ${file.name} is empty.`;
  const limit = Number(form.dataset.largestFile);
  const number = (value) => value.toLocaleString("en");
  if (file.size > limit) return `The file ${file.name} has ${number(file.size)} bytes; the limit is ${number(limit)} bytes.`;
  return "";
}

function unreadable(file) {
  return `The file ${file.name} cannot be read; it may have been moved or changed.`;
}

// Show an error in place of any result.
function clearResult(error) {
  byId("result").replaceChildren();
  byId("status").textContent = "";
  showError(error);
}

// Show an error beside the results.
function showError(error) {
  byId("error").textContent = error;
}
