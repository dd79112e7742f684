// Sends a picture as soon as it is chosen, dropped or pasted, and puts the answer, which the
// server wrote, into this page. Without this file the form sends itself and gets the same page.
"use strict";

const form = document.getElementById("try");
const input = document.getElementById("image");
const button = form.querySelector("button");
const here = (id) => document.getElementById(id);
let newest = 0;

document.body.classList.add("lively");

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (input.files.length) send(input.files[0]);
});
input.addEventListener("change", () => {
  if (input.files.length) send(input.files[0]);
});
document.addEventListener("paste", (event) => take(event, event.clipboardData));
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) form.classList.remove("over");
});
document.addEventListener("drop", (event) => take(event, event.dataTransfer));

function take(event, data) {
  form.classList.remove("over");
  if (!data || !data.files.length) return;
  event.preventDefault();
  send(data.files[0]);
}

async function send(file) {
  const mine = ++newest;
  const limit = Number(form.dataset.limit);
  if (file.size > limit) {
    refuse(`A picture has at most ${limit.toLocaleString("en")} bytes here; ${file.name} has ${file.size.toLocaleString("en")}.`);
    return;
  }
  const body = new FormData();
  body.append("image", file);
  button.disabled = true;
  try {
    const response = await fetch(form.action, { method: "POST", body, headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (mine !== newest) return;  // another picture was sent meanwhile
    show(page);
  } catch {
    if (mine === newest) refuse("The server did not answer. Is it running?");
  } finally {
    if (mine === newest) button.disabled = false;
  }
}

function show(page) {
  const answer = page.getElementById("answer");
  if (!answer) {  // the page of another error, or the one that asks for the token
    const fault = page.querySelector("[role=alert]");
    if (fault) refuse(fault.textContent);
    else location.reload();
    return;
  }
  here("answer").replaceChildren(...answer.childNodes);
  here("fault").textContent = page.getElementById("fault").textContent;
  const told = [here("said"), here("answer").querySelector("figcaption strong")];
  here("status").textContent = told.filter(Boolean).map((part) => part.innerText).join(". ");
}

function refuse(text) {
  here("answer").replaceChildren();
  here("status").textContent = "";
  here("fault").textContent = text;
}
