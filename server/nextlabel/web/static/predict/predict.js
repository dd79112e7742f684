// Sends images as soon as they are chosen, dropped or pasted, and puts the answer, which the
// server wrote, into this page. Without this file the form sends itself and gets the same page.
import { opens, portion, readable } from "../files.js";
import { draw, drawSeen, drawSmall } from "./draw.js";

const form = document.getElementById("try");
const input = document.getElementById("image");
const button = form.querySelector("button");
const here = (id) => document.getElementById(id);
const SILENT = "The server did not answer. Is it running?";
const AT_A_TIME = Math.min(8, Number(form.dataset.most));
let newest = 0;

document.body.classList.add("lively");

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (input.files.length) take(input.files);
});
input.addEventListener("change", () => {
  if (input.files.length) take(input.files);
});
document.addEventListener("paste", (event) => given(event, event.clipboardData));
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) form.classList.remove("over");
});
document.addEventListener("drop", (event) => given(event, event.dataTransfer));

function given(event, data) {
  form.classList.remove("over");
  if (!data || !data.files.length) return;
  event.preventDefault();
  take(data.files);
}

async function take(list) {
  const mine = ++newest;
  const files = [...list];
  button.disabled = true;
  if (files.length > 1) refuse("");  // of several, what was answered stays when something fails
  try {
    await (files.length === 1 ? one(files[0], mine) : several(files, mine));
  } catch {
    if (mine === newest) (files.length === 1 ? refuse : tell)(SILENT);
  } finally {
    if (mine === newest) button.disabled = false;
  }
}

async function one(file, mine) {
  const fault = unfit(file);
  if (fault) return refuse(fault);
  const page = await ask([file]).catch(async (error) => {
    if (await opens(file)) throw error;
  });
  if (!page) return mine === newest && refuse(unreadable(file));
  if (mine !== newest || !shows(page, refuse)) return;  // another image was sent meanwhile
  here("answer").replaceChildren(...page.getElementById("answer").childNodes);
  here("fault").textContent = page.getElementById("fault").textContent;
  const told = [here("said"), here("answer").querySelector("figcaption strong")];
  here("status").textContent = told.filter(Boolean).map((part) => part.innerText).join(". ");
  const sent = here("answer").querySelector("canvas[data-sent]");
  if (sent) await Promise.all([draw(file, sent), drawSeen(here("answer").querySelector("canvas[data-seen]"))]);
}

// A few at a time, so that the first answers stand there while the last are sent.
async function several(files, mine) {
  const faults = files.map(unfit).filter(Boolean);
  const waiting = files.filter((file) => !unfit(file));
  let answered = 0;
  while (waiting.length && mine === newest) {
    const part = portion(waiting, AT_A_TIME);
    let page;
    try {
      page = await ask(part, "?list=1");
    } catch (error) {
      // a request fails as a whole where one of its files cannot be read: the others are sent again
      const rest = await readable(part);
      if (rest.length === part.length) throw error;
      faults.push(...part.filter((file) => !rest.includes(file)).map(unreadable));
      waiting.unshift(...rest);
      continue;
    }
    if (mine !== newest || !shows(page, tell)) return;
    const fault = page.getElementById("fault").textContent;
    if (fault) return tell(fault);
    const rows = [...page.querySelectorAll(".several tbody tr")].slice(0, part.length);
    const body = here("answer").querySelector(".several tbody");
    if (body) body.append(...rows);
    else {
      page.querySelector(".several tbody").replaceChildren(...rows);
      here("answer").replaceChildren(page.querySelector(".several"));
    }
    answered += part.length;
    here("status").textContent = `${answered} of ${files.length} images answered`;
    await Promise.all(rows.map((row, number) => drawSmall(part[number], row.querySelector("canvas"))));
  }
  if (mine === newest) tell(faults.join(" "));
}

async function ask(files, how = "") {
  const body = new FormData();
  for (const file of files) body.append("image", file);
  const response = await fetch(form.action + how, { method: "POST", body, headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  return Object.assign(page, { status: response.status });
}

// Whether it is this page; else the page of another error, the one that asks for the token, or a proxy's.
function shows(page, otherwise) {
  if (page.getElementById("answer")) return true;
  const fault = page.querySelector("[role=alert]");
  if (fault) otherwise(fault.textContent);
  else if (page.getElementById("token")) location.reload();
  else otherwise(`What answered (with the status ${page.status}) was not this server.`);
  return false;
}

function unfit(file) {
  if (!file.size) return `The file ${file.name} is empty.`;
  const limit = Number(form.dataset.limit);
  const number = (value) => value.toLocaleString("en");
  if (file.size > limit) return `An image has at most ${number(limit)} bytes here; ${file.name} has ${number(file.size)}.`;
  return "";
}

function unreadable(file) {
  return `The file ${file.name} cannot be read; it may have been moved or changed.`;
}

// In the place of any answer.
function refuse(text) {
  here("answer").replaceChildren();
  here("status").textContent = "";
  tell(text);
}

// Beside what is answered.
function tell(text) {
  here("fault").textContent = text;
}
