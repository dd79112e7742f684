// The labelling page: creates its parts and connects them.

import { Annotator } from "./annotator.js";
import { request } from "./api.js";
import { Backoff } from "./backoff.js";
import { ClassPicker } from "./class-picker.js";
import { emptyState } from "./empty-state.js";
import { GridView } from "./grid.js";
import { bindKeyboard } from "./keyboard.js";
import { NumberInput } from "./number-input.js";
import { Outbox } from "./outbox.js";
import { ItemQueue } from "./queue.js";
import { RejectedLabels } from "./rejected.js";
import { Session } from "./session.js";
import { SingleView } from "./single.js";
import { Status } from "./status.js";
import { openStore } from "./store.js";
import { outboxText } from "./text.js";

const byId = (id) => document.getElementById(id);
const config = byId("labelling").dataset;
const links = {
  pool: config.pool,
  // back to the present address after the login: the name in it may have changed
  get login() { return `${config.login}?${new URLSearchParams({ next: location.pathname + location.search })}`; },
};

byId("labelling").hidden = false;
if (config.task) await start();
else waitForDataset();

async function start() {
  const outbox = new Outbox(await openStore(), config.project, config.address);
  const rejected = new RejectedLabels(outbox);
  const status = new Status(config.address);
  const annotator = new Annotator(config.reserved);
  const classes = JSON.parse(config.classes);
  const picker = classes.length ? new ClassPicker(classes) : new NumberInput();
  const small = Number(config.small);
  const views = [new SingleView(picker, small), new GridView(picker, small, () => session.showPreview())];
  const session = new Session(views, picker, outbox);

  const showEmptyState = () => {
    if (!session.queue) return;
    const { hasItems } = session.view;
    const message = hasItems ? "" : emptyState(session.queue.problem, status.current, { ...links, waiting: outbox.waiting });
    const place = byId("empty-state");
    if (place.textContent !== (message.textContent ?? message)) place.replaceChildren(message);
    place.hidden = hasItems;
    byId("image-area").classList.toggle("empty", !hasItems);
  };
  session.addEventListener("change", showEmptyState);
  status.addEventListener("change", showEmptyState);
  status.addEventListener("new-model", () => session.queue?.refill(true));

  outbox.addEventListener("change", () => {
    byId("outbox-status").textContent = outboxText(outbox);
    if (outbox.loggedOut) byId("outbox-status").append(" ", link(links.login, "Log in again"));
    byId("retry").hidden = !outbox.failing;
    rejected.render();
    showEmptyState();
  });
  outbox.addEventListener("sent", () => {
    status.pollSoon();
    if (session.queue?.problem && session.queue.problem.status !== 200) session.queue.refill(true);
  });
  byId("retry").addEventListener("click", () => outbox.send());
  await outbox.load();

  annotator.addEventListener("change", () => {
    session.queue?.release();
    const limits = { largestQuery: Number(config.largestQuery), lease: Number(config.lease) };
    session.start(new ItemQueue(config.address, annotator.name, outbox, limits), annotator.name);
    if (!classes.length) picker.focus();
  });
  bindKeyboard(session, picker);
  annotator.start();
  status.poll();

  window.addEventListener("pagehide", () => session.queue?.release());
  // the browser's Back button shows the page again without its leases
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
}

// Without the data set the classes are not known yet: reload the page once the server has read it.
function waitForDataset() {
  byId("workspace").hidden = false;
  byId("workspace").classList.add("no-dataset");
  const check = async () => {
    const { status, retryAfter, body } = await request(`${config.address}items?limit=1`);
    if (status === 200) location.reload();
    else {
      byId("empty-state").replaceChildren(emptyState({ status, detail: body.detail }, null, links));
      backoff.schedule(1000 * retryAfter);
    }
  };
  const backoff = new Backoff(check);
  check();
}

function link(href, text) {
  const anchor = document.createElement("a");
  anchor.href = href;
  anchor.textContent = text;
  return anchor;
}
