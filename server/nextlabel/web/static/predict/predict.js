// Sends pictures as soon as they are chosen, dropped or pasted, and puts the answer, which the
// server wrote, into this page. Without this file the form sends itself and gets the same page.
import { draw, drawSeen, drawSmall } from "./draw.js";

const form = document.getElementById("try");
const input = document.getElementById("image");
const button = form.querySelector("button");
const here = (id) => document.getElementById(id);
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
  try {
    await (files.length === 1 ? one(files[0], mine) : several(files, mine));
  } catch {
    if (mine === newest) refuse("The server did not answer. Is it running?");
  } finally {
    if (mine === newest) button.disabled = false;
  }
}

async function one(file, mine) {
  const fault = unfit(file);
  if (fault) return refuse(fault);
  const page = await ask([file]);
  if (mine !== newest || !shows(page)) return;  // another picture was sent meanwhile
  here("answer").replaceChildren(...page.getElementById("answer").childNodes);
  here("fault").textContent = page.getElementById("fault").textContent;
  const told = [here("said"), here("answer").querySelector("figcaption strong")];
  here("status").textContent = told.filter(Boolean).map((part) => part.innerText).join(". ");
  const sent = here("answer").querySelector("canvas[data-sent]");
  if (sent) await Promise.all([draw(file, sent), drawSeen(here("answer").querySelector("canvas[data-seen]"))]);
}

// A few at a time, so that the first answers stand there while the last are sent.
async function several(files, mine) {
  here("fault").textContent = "";
  const good = files.filter((file) => !unfit(file));
  here("answer").replaceChildren();
  for (let start = 0; start < good.length; start += AT_A_TIME) {
    const part = good.slice(start, start + AT_A_TIME);
    const page = await ask(part, "?list=1");
    if (mine !== newest || !shows(page)) return;
    const fault = page.getElementById("fault").textContent;
    if (fault) return refuse(fault);
    const rows = [...page.querySelectorAll(".several tbody tr")].slice(0, part.length);
    const body = here("answer").querySelector(".several tbody");
    if (body) body.append(...rows);
    else {
      page.querySelector(".several tbody").replaceChildren(...rows);
      here("answer").replaceChildren(page.querySelector(".several"));
    }
    here("status").textContent = `${start + part.length} of ${files.length} pictures answered`;
    await Promise.all(rows.map((row, number) => drawSmall(part[number], row.querySelector("canvas"))));
  }
  here("fault").textContent = files.map(unfit).filter(Boolean).join(" ");
}

async function ask(files, how = "") {
  const body = new FormData();
  for (const file of files) body.append("image", file);
  const response = await fetch(form.action + how, { method: "POST", body, headers: { Accept: "text/html" } });
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

// Whether it is this page; else the page of another error, or the one that asks for the token.
function shows(page) {
  if (page.getElementById("answer")) return true;
  const fault = page.querySelector("[role=alert]");
  if (fault) refuse(fault.textContent);
  else location.reload();
  return false;
}

function unfit(file) {
  if (!file.size) return `The file ${file.name} is empty.`;
  const limit = Number(form.dataset.limit);
  const number = (value) => value.toLocaleString("en");
  if (file.size > limit) return `A picture has at most ${number(limit)} bytes here; ${file.name} has ${number(file.size)}.`;
  return "";
}

function refuse(text) {
  here("answer").replaceChildren();
  here("status").textContent = "";
  here("fault").textContent = text;
}
