import assert from "node:assert/strict";
import { test } from "node:test";

import { isReadable, readableFiles, takeBatch } from "../../server/nextlabel/web/static/files.js";
import { isVisible } from "../../server/nextlabel/web/static/pool/dropped-files.js";
import { Uploader } from "../../server/nextlabel/web/static/pool/uploader.js";

const unreadable = { name: "missing.png", size: 3, slice: () => ({ arrayBuffer: async () => { throw new Error("missing"); } }) };
const file = (name, content = "abc") => Object.assign(new Blob([content]), { name });

test("a batch has at most so many files and bytes", () => {
  const files = [10_000_000, 10_000_000, 1, 2, 3, 40_000_000, 4].map((size) => ({ size }));
  const batches = [];
  while (files.length) batches.push(takeBatch(files, 3).map(({ size }) => size));
  assert.deepEqual(batches, [[10_000_000], [10_000_000, 1, 2], [3], [40_000_000], [4]]);
});

test("unreadable files are left out", async () => {
  const good = file("a.png");
  assert.equal(await isReadable(unreadable), false);
  assert.deepEqual(await readableFiles([unreadable, good]), [good]);
});

test("files of an operating system are not visible", () => {
  const names = ["a.png", ".DS_Store", "Thumbs.db", "desktop.ini"];
  assert.deepEqual(names.filter((name) => isVisible({ name })), ["a.png"]);
});

test("the uploader halves a rejected batch until the rejected file is alone", async () => {
  const sizes = [];
  globalThis.fetch = async (_, { body }) => {
    const contents = await Promise.all(body.getAll("image").map((image) => image.text()));
    sizes.push(contents.length);
    const json = contents.includes("text") ? { detail: "this is text" } : { ids: contents, new: contents.map((content) => content !== "copy") };
    return { status: json.ids ? 201 : 415, json: async () => json, headers: new Headers() };
  };
  const uploader = new Uploader({ address: "/items", largestBatch: 8, largestFile: 100 }, () => {});
  const files = [file("a"), file("b", "text"), file("c", "copy"), file("d"), file("e", ""), file("f", "x".repeat(101))];
  await uploader.upload(files);
  assert.deepEqual(sizes, [4, 2, 1, 1, 2]);
  assert.deepEqual([uploader.added, uploader.duplicates, uploader.sent], [2, 1, 3]);
  assert.deepEqual(uploader.rejected.map((rejected) => rejected.file.name).sort(), ["b", "e", "f"]);
  assert.equal(uploader.running, false);
});

test("files that the server did not get can be uploaded again", async () => {
  globalThis.fetch = async () => { throw new Error("offline"); };
  const uploader = new Uploader({ address: "/items", largestBatch: 8, largestFile: 100 }, () => {});
  await uploader.upload([file("a"), unreadable, file("b")]);
  assert.deepEqual(uploader.rejected.map((rejected) => rejected.file.name), ["missing.png"]);
  assert.equal(uploader.failed.length, 2);
  globalThis.fetch = async () => ({ status: 201, json: async () => ({ ids: ["1", "2"], new: [true, true] }), headers: new Headers() });
  await uploader.retryFailed();
  assert.deepEqual([uploader.added, uploader.failed.length, uploader.total], [2, 0, 3]);
});
