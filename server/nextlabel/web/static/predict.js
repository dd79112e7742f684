// Sends a picture as soon as it is chosen, dropped or pasted, and shows the answer.
// Without this file the form still works: it answers with the JSON.
"use strict";

const form = document.getElementById("try");
const input = document.getElementById("image");
const answer = document.getElementById("answer");
const fault = document.getElementById("fault");
const button = form.querySelector("button");
const SHOWN = 10;
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
  say("");
  if (file.size > Number(form.dataset.limit)) {
    say(`${file.name} has ${file.size.toLocaleString("en")} bytes; a picture has at most ${Number(form.dataset.limit).toLocaleString("en")}.`);
    return;
  }
  const body = new FormData();
  body.append("image", file);
  button.disabled = true;
  try {
    const response = await fetch(form.action, { method: "POST", body });
    const said = await response.json();
    if (mine !== newest) return;  // another picture was sent meanwhile
    if (!response.ok) {
      say(said.detail || said.title);
      return;
    }
    await draw(file);
    show(said);
  } catch {
    if (mine === newest) say("The server did not answer. Is it running?");
  } finally {
    if (mine === newest) button.disabled = false;
  }
}

// drawn on a canvas: no address of the picture is made, so the page's policy needs no exception
async function draw(file) {
  const canvas = document.getElementById("picture");
  const picture = await createImageBitmap(file).catch(() => null);
  canvas.hidden = !picture;
  if (!picture) return;
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.classList.toggle("small", picture.width < 100);
  canvas.getContext("2d").drawImage(picture, 0, 0);
  canvas.setAttribute("aria-label", `The picture sent: ${file.name}`);
}

function show(said) {
  const rows = document.querySelector("#bars tbody");
  rows.replaceChildren();
  if (said.label === undefined) {
    document.getElementById("label").textContent = number(said.mean);
    document.getElementById("said").textContent = said.std === null ? `by ${said.checkpoint}` : `± ${number(said.std)}, by ${said.checkpoint}`;
  } else {
    // sorted again: an object keeps names that look like numbers in their own order
    const classes = Object.entries(said.probabilities).sort((one, other) => other[1] - one[1]);
    document.getElementById("label").textContent = said.label;
    document.getElementById("said").textContent = `${percent(said.probability)}, by ${said.checkpoint}` +
      (classes.length > SHOWN ? `; the ${SHOWN} most probable of ${classes.length} classes` : "");
    for (const [name, probability] of classes.slice(0, SHOWN)) rows.append(bar(name, probability, name === said.label));
  }
  answer.hidden = false;
}

function bar(name, probability, best) {
  const row = document.createElement("tr");
  row.classList.toggle("best", best);
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = name;
  const length = document.createElement("progress");
  length.max = 1;
  length.value = probability;
  length.setAttribute("aria-hidden", "true");  // the number beside it says the same
  const middle = document.createElement("td");
  middle.append(length);
  const end = document.createElement("td");
  end.textContent = percent(probability);
  row.append(head, middle, end);
  return row;
}

function say(text) {
  fault.textContent = text;
  fault.hidden = !text;
  if (text) answer.hidden = true;
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const number = (value) => Number(value).toPrecision(4);
