import assert from "node:assert/strict";
import { test } from "node:test";

import { emptyStateParts } from "../../server/nextlabel/web/static/label/empty-state.js";

const context = { waiting: 0, login: "/login?next=%2F", pool: "/projects/digits/pool" };
const text = (problem, status = null, changes = {}) =>
  emptyStateParts(problem, status, { ...context, ...changes }).map((part) => part.text ?? part).join("");

test("images are loading", () => {
  assert.equal(text(null), "Loading images …");
});

test("offline, with and without waiting labels", () => {
  assert.equal(text({ status: 0 }), "Offline. You have labelled everything that was prefetched.");
  assert.match(text({ status: 0 }, null, { waiting: 2 }), /prefetched\. Your labels are stored in this browser\.$/);
});

test("an empty pool links to the upload", () => {
  const parts = emptyStateParts({ status: 200 }, { items: 0, open: 0 }, context);
  assert.deepEqual(parts.filter((part) => part.href), [{ text: "pool", href: "/projects/digits/pool" }]);
  const hinted = { status: 200, detail: "the pool is empty: add images" };
  assert.equal(
    text(hinted, { items: 0 }),
    "There is nothing to label yet: the pool is empty: add images. New images appear here automatically. Pool",
  );
  assert.deepEqual(emptyStateParts(hinted, { items: 0 }, context).at(-1), { text: "Pool", href: "/projects/digits/pool" });
});

test("everything is labelled, or only leased to others", () => {
  assert.match(text({ status: 200 }, { items: 9, open: 0 }), /^Everything is labelled/);
  assert.match(text({ status: 200 }, { items: 9, open: 3 }), /^Nothing to label right now/);
  assert.match(text({ status: 200 }, null), /^Nothing to label right now/);
});

test("the server is not ready, needs a login, does not know the project, or fails", () => {
  assert.equal(text({ status: 503, detail: "scores" }), "Not ready yet: scores. This page tries again automatically.");
  const [login] = emptyStateParts({ status: 401 }, null, context).filter((part) => part.href);
  assert.deepEqual(login, { text: "Log in", href: "/login?next=%2F" });
  assert.equal(text({ status: 404, detail: "no project is called x" }), "No project is called x. All projects");
  assert.match(text({ status: 422, detail: "no strategy" }), /^The server could not choose the next images: no strategy\./);
});
