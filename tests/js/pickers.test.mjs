import assert from "node:assert/strict";
import { test } from "node:test";

import { nameError } from "../../server/nextlabel/web/static/label/annotator.js";
import { bestMatch } from "../../server/nextlabel/web/static/label/class-picker.js";
import { parseNumber } from "../../server/nextlabel/web/static/label/number-input.js";

test("numbers with a point or a comma", () => {
  assert.deepEqual(["-1,5", "−2.5", " .5 ", "2E-1", "+3."].map(parseNumber), [-1.5, -2.5, 0.5, 0.2, 3]);
  assert.deepEqual(["", "much", "1_5", "1e999", "0x10", "nan", "1,2,3"].map(parseNumber), Array(7).fill(null));
});

test("the best match of the class search", () => {
  const names = ["black fox", "red fox", "fox", "foxglove", "outfox"];
  const best = (typed) => names[bestMatch(names, typed)];
  assert.equal(best("fox"), "fox");
  assert.equal(best("foxg"), "foxglove");
  assert.equal(best("red"), "red fox");
  assert.equal(best("tfo"), "outfox");
  assert.equal(bestMatch(names, ""), -1);
  assert.equal(bestMatch(names, "zebra"), -1);
  assert.equal(bestMatch(["Black Fox"], "fo"), 0);
});

test("valid and invalid names of annotators", () => {
  assert.equal(nameError("zoë", "dataset"), "");
  assert.equal(nameError("🐈".repeat(200), "dataset"), "");
  for (const name of ["", "dataset", "a\u0007", "x".repeat(201)]) assert.notEqual(nameError(name, "dataset"), "");
});
