import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

globalThis.navigator ??= {};  // node 20 and older have none
globalThis.window = new EventTarget();
globalThis.document = Object.assign(new EventTarget(), { hidden: false });
const { Outbox, newKey } = await import("../../server/nextlabel/web/static/label/outbox.js");
const { MemoryStore, REJECTED, WAITING } = await import("../../server/nextlabel/web/static/label/store.js");

let requests = [];
let respond = () => ({});

beforeEach(() => {
  requests = [];
  respond = () => ({ status: 201 });
  globalThis.fetch = async (path, { body }) => {
    requests.push(JSON.parse(body));
    const { status, json = {}, text = JSON.stringify(json) } = respond(requests.at(-1));
    return { ok: status < 400, status, statusText: "", headers: new Headers(), text: async () => text };
  };
});

async function settled(outbox) {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  return outbox;
}

function durableStore() {
  return Object.assign(new MemoryStore(), { durable: true });
}

const label = (id) => [{ id, candidates: ["3"] }];

test("a store holds lists by project, in order", async () => {
  const store = new MemoryStore();
  const first = await store.add(WAITING, { project: "a", key: "1" });
  await store.add(WAITING, { project: "b", key: "2" });
  await store.add(WAITING, { project: "a", key: "3" });
  assert.equal((await store.first(WAITING, "a")).key, "1");
  await store.move(WAITING, REJECTED, { project: "a", key: "1", order: first, reason: "no" });
  assert.deepEqual((await store.all(WAITING, "a")).map(({ key }) => key), ["3"]);
  assert.deepEqual((await store.all(REJECTED, "a")).map(({ reason }) => reason), ["no"]);
  assert.deepEqual(await store.all(REJECTED, "b"), []);
});

test("labels are sent once, in order, each with its own key", async () => {
  const outbox = new Outbox(durableStore(), "digits", "/projects/digits/");
  outbox.add("ann", label("1"));
  outbox.add("ann", label("2"));
  assert.equal(outbox.waiting, 2);
  assert.deepEqual([...outbox.waitingItems], ["1", "2"]);
  await settled(outbox);
  assert.deepEqual(requests.map(({ labels }) => labels[0].id), ["1", "2"]);
  assert.equal(new Set(requests.map(({ key }) => key)).size, 2);
  assert.equal(outbox.waiting, 0);
});

test("after a temporary failure the same key is sent again, before later labels", async () => {
  const outbox = new Outbox(durableStore(), "digits", "/");
  respond = () => ({ status: 503 });
  outbox.add("ann", label("1"));
  outbox.add("ann", label("2"));
  await settled(outbox);
  assert.equal(outbox.failing, true);
  assert.equal(outbox.waiting, 2);
  respond = () => ({ status: 201 });
  window.dispatchEvent(new Event("online"));
  await settled(outbox);
  assert.equal(outbox.waiting, 0);
  assert.equal(requests[0].key, requests.at(-2).key);
  assert.deepEqual(requests.slice(-2).map(({ labels }) => labels[0].id), ["1", "2"]);
});

test("an HTML page in place of the server does not count as an answer", async () => {
  const outbox = new Outbox(durableStore(), "digits", "/");
  respond = () => ({ status: 200, text: "<!doctype html><title>Log in to the network</title>" });
  outbox.add("ann", label("1"));
  await settled(outbox);
  assert.equal(outbox.waiting, 1);
  assert.equal(outbox.failing, true);
  respond = () => ({ status: 201 });
  window.dispatchEvent(new Event("online"));
  await settled(outbox);
  assert.equal(outbox.waiting, 0);
});

test("a rejected label does not stop the others, and can be sent again or dismissed", async () => {
  const store = durableStore();
  const outbox = new Outbox(store, "digits", "/");
  respond = ({ labels }) => (labels[0].id === "2" ? { status: 201 } : { status: 422, json: { faults: ["no such class"] } });
  for (const id of ["1", "2", "3"]) outbox.add("ann", label(id));
  await settled(outbox);
  assert.equal(outbox.waiting, 0);
  assert.deepEqual(outbox.rejected.map(({ labels, reason }) => [labels[0].id, reason]), [["1", "no such class"], ["3", "no such class"]]);
  assert.equal((await store.all(REJECTED, "digits")).length, 2);
  respond = () => ({ status: 201 });
  await outbox.retry(outbox.rejected[0]);
  await outbox.dismiss(outbox.rejected[0]);
  await settled(outbox);
  assert.deepEqual(outbox.rejected, []);
  assert.equal(requests.at(-1).labels[0].id, "1");
  assert.deepEqual(await store.all(REJECTED, "digits"), []);
});

test("a missing login stops the sending until the next page", async () => {
  const store = durableStore();
  const outbox = new Outbox(store, "digits", "/");
  respond = () => ({ status: 401 });
  outbox.add("ann", label("1"));
  await settled(outbox);
  assert.equal(outbox.loggedOut, true);
  assert.equal((await store.all(WAITING, "digits")).length, 1);
  respond = () => ({ status: 201 });
  const next = new Outbox(store, "digits", "/");
  await next.load();
  await settled(next);
  assert.equal(next.waiting, 0);
  assert.equal(requests.at(-1).annotator, "ann");
});

test("labels that cannot be stored are sent all the same", async () => {
  const store = durableStore();
  store.add = async () => { throw new Error("the disk is full"); };
  const outbox = new Outbox(store, "digits", "/");
  outbox.add("ann", label("1"));
  await settled(outbox);
  assert.equal(outbox.durable, false);
  assert.deepEqual(requests.map(({ labels }) => labels[0].id), ["1"]);
  assert.equal(outbox.waiting, 0);
});

test("keys are unique, also without crypto.randomUUID", () => {
  assert.notEqual(newKey(), newKey());
  const original = crypto.randomUUID;
  Object.defineProperty(crypto, "randomUUID", { value: undefined, configurable: true });
  try {
    assert.match(newKey(), /^[0-9a-f]{32}$/);
    assert.notEqual(newKey(), newKey());
  } finally {
    Object.defineProperty(crypto, "randomUUID", { value: original, configurable: true });
  }
});
