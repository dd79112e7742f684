import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

globalThis.window = new EventTarget();
globalThis.document = Object.assign(new EventTarget(), { hidden: false });
const { Backoff } = await import("../../server/nextlabel/web/static/label/backoff.js");

let delays = [];
let pending = null;

beforeEach(() => {
  delays = [];
  pending = null;
  mock.method(Math, "random", () => 0.5);  // no jitter
  mock.method(globalThis, "setTimeout", (run, delay) => {
    delays.push(delay);
    pending = run;
    return delays.length;
  });
  mock.method(globalThis, "clearTimeout", () => { pending = null; });
});

test("delays double up to a limit, and start again after a reset", () => {
  const backoff = new Backoff(() => {});
  for (let tries = 0; tries < 7; tries += 1) backoff.schedule();
  assert.deepEqual(delays, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  backoff.reset();
  assert.equal(pending, null);
  backoff.schedule();
  assert.equal(delays.at(-1), 1000);
});

test("the server's Retry-After is a lower bound", () => {
  new Backoff(() => {}).schedule(5000);
  assert.deepEqual(delays, [5000]);
});

test("the jitter is a quarter of the delay", () => {
  Math.random.mock.mockImplementation(() => 0);
  const backoff = new Backoff(() => {});
  backoff.schedule();
  Math.random.mock.mockImplementation(() => 0.999999);
  backoff.schedule();
  assert.equal(delays[0], 750);
  assert.ok(delays[1] > 2490 && delays[1] < 2500);
});

test("runs at once when the network is back or the page is shown again", () => {
  let runs = 0;
  const backoff = new Backoff(() => { runs += 1; });
  window.dispatchEvent(new Event("online"));
  assert.equal(runs, 1);
  document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(runs, 1);  // nothing was scheduled
  backoff.schedule();
  document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(runs, 2);
});
