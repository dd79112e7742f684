// The labelling page: puts its parts together.

import { ask } from "./api.js";
import { Backoff } from "./backoff.js";
import { Classes } from "./classes.js";
import { Desk } from "./desk.js";
import { Grid } from "./grid.js";
import { listen } from "./listening.js";
import { Outbox } from "./outbox.js";
import { Person } from "./person.js";
import { plight } from "./plight.js";
import { Refused } from "./refused.js";
import { kept } from "./said.js";
import { Single } from "./single.js";
import { Standing } from "./standing.js";
import { openStore } from "./store.js";
import { Supply } from "./supply.js";
import { Value } from "./value.js";

const here = (id) => document.getElementById(id);
const given = here("labelling").dataset;
const places = {
  pool: given.pool,
  // and back to the address as it is then: the name in it may have changed
  get login() { return `${given.login}?${new URLSearchParams({ next: location.pathname + location.search })}`; },
};

here("labelling").hidden = false;
if (given.task) await begin();
else untilRead();

async function begin() {
  const outbox = new Outbox(await openStore(), given.project, given.address);
  const refused = new Refused(outbox);
  const standing = new Standing(given.address);
  const person = new Person(given.reserved);
  const classes = JSON.parse(given.classes);
  const picker = classes.length ? new Classes(classes) : new Value();
  const small = Number(given.small);
  const desk = new Desk([new Single(picker, small), new Grid(picker, small, () => desk.tell())], picker, outbox);

  const notice = () => {
    if (!desk.supply) return;
    const told = desk.view.showing ? "" : plight(desk.supply.plight, standing.now, { ...places, waiting: outbox.waiting });
    if (here("notice").textContent !== (told.textContent ?? told)) here("notice").replaceChildren(told);
    here("notice").hidden = desk.view.showing;
    here("stage").classList.toggle("waits", !desk.view.showing);
  };
  desk.addEventListener("change", notice);
  standing.addEventListener("change", notice);
  standing.addEventListener("swapped", () => desk.supply?.refill(true));

  outbox.addEventListener("change", () => {
    here("kept").textContent = kept(outbox);
    if (outbox.locked) here("kept").append(" ", anchor(places.login, "Log in again"));
    here("retry").hidden = !outbox.failing;
    refused.show();
    notice();
  });
  outbox.addEventListener("sent", () => {
    standing.soon();
    if (desk.supply?.plight && desk.supply.plight.status !== 200) desk.supply.refill(true);
  });
  here("retry").addEventListener("click", () => outbox.send());
  await outbox.load();

  person.addEventListener("change", () => {
    desk.supply?.handBack();
    const supply = new Supply(given.address, person.name, outbox, { most: Number(given.most), lease: Number(given.lease) });
    desk.open(supply, person.name);
    if (!classes.length) picker.focus();
  });
  listen(desk, picker);
  person.begin();
  standing.look();

  window.addEventListener("pagehide", () => desk.supply?.handBack());
  // come back by the browser's Back: the leases are gone
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
}

// The data set has not been read: what there is to choose from is not known yet.
function untilRead() {
  here("work").hidden = false;
  here("work").classList.add("unread");
  const look = async () => {
    const { status, after, body } = await ask(`${given.address}items?limit=1`);
    if (status === 200) location.reload();
    else {
      here("notice").replaceChildren(plight({ status, detail: body.detail }, null, places));
      again.later(1000 * after);
    }
  };
  const again = new Backoff(look);
  look();
}

function anchor(address, text) {
  const made = document.createElement("a");
  made.href = address;
  made.textContent = text;
  return made;
}
