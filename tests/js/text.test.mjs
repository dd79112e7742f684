import assert from "node:assert/strict";
import { test } from "node:test";

import {
  accuracyText, errorText, goalText, isBetter, joinOr, labelText, measuredText, outboxText, percent, plural, predictionText,
  reasonText, trainingText,
} from "../../server/nextlabel/web/static/label/text.js";

const plain = (text) => text.replaceAll("\u00a0", " ");

test("joinOr", () => {
  assert.deepEqual([[], ["a"], ["a", "b"], ["a", "b", "c"]].map(joinOr), ["", "a", "a or b", "a, b or c"]);
});

test("percent never rounds up to certainty", () => {
  assert.deepEqual([0, 0.444, 0.9951, 1].map((share) => plain(percent(share))), ["0 %", "44 %", "over 99 %", "100 %"]);
});

test("accuracy has one decimal", () => {
  assert.equal(plain(accuracyText(0.9571)), "95.7 %");
});

test("plural", () => {
  assert.deepEqual([plural(1, "label"), plural(0, "label"), plural(1200, "image")], ["1 label", "0 labels", "1,200 images"]);
});

test("the prediction of an item", () => {
  assert.equal(predictionText({ suggestion: null }), "");
  assert.equal(plain(predictionText({ suggestion: { label: "5", probability: 0.44 } })), "Model: 5 (44 %)");
});

test("the reason why an item was chosen", () => {
  const item = { reason: "strategy", strategy: "margin", query: "digits-3", checkpoint: "r2" };
  assert.equal(reasonText(item), "Chosen by the strategy margin · query digits-3 · checkpoint r2");
  assert.match(reasonText({ ...item, reason: "control" }), /^Drawn at random for the control arm/);
  assert.match(reasonText({ ...item, reason: "holdout", checkpoint: null }), /^Hold-out item: .* · no model yet$/);
});

test("the content of a label", () => {
  const labels = [{ candidates: ["cat", "dog"] }, { value: 2.5 }, { skip: true }, { retract: true }];
  assert.deepEqual(labels.map(labelText), ["cat or dog", "2.5", "skipped", "retracted"]);
});

test("the state of the outbox", () => {
  const outbox = { waiting: 0, rejected: [], durable: true, loggedOut: false, failing: false };
  const texts = (changes) => outboxText({ ...outbox, ...changes });
  assert.equal(texts({}), "All labels are saved.");
  assert.equal(texts({ waiting: 2 }), "Sending 2 labels …");
  assert.equal(texts({ waiting: 1, failing: true }), "1 label is stored in this browser and will be sent when the server is back.");
  assert.equal(texts({ waiting: 3, loggedOut: true }), "3 labels are stored in this browser until you log in again.");
  assert.equal(texts({ loggedOut: true }), "");
  assert.equal(texts({ waiting: 1, durable: false }), "This browser cannot store labels: leave the page open until 1 label is sent.");
  assert.equal(texts({ rejected: [{}] }), "1 label was rejected: see above.");
  assert.equal(texts({ rejected: [{}, {}] }), "2 labels were rejected: see above.");
  assert.equal(texts({ rejected: [{}], waiting: 1 }), "Sending 1 label …");
});

test("only the goals that are reached", () => {
  assert.equal(plain(goalText({ accuracy: 0.9, labels: 500 }, { accuracy: 0.95, labels: 100 })), "accuracy 90.0 %");
  assert.equal(plain(goalText({ accuracy: 0.9, labels: 500 }, { accuracy: 0.95, labels: 500 })), "accuracy 90.0 % and 500 labels");
});

test("an error reaches its goal from above", () => {
  assert.equal(goalText({ rmse: 0.35 }, { rmse: 0.2 }), "error of at most 0.35");
  for (const rmse of [0.4, null, undefined]) assert.equal(goalText({ rmse: 0.35, labels: 5 }, { rmse, labels: 5 }), "5 labels");
});

test("what was measured on the hold-out", () => {
  assert.equal(plain(measuredText({ accuracy: 0.9571, loss: 1 })), "accuracy 95.7 %");
  assert.equal(measuredText({ rmse: 0.123456 }), "error 0.1235");
  assert.equal(errorText(1500000), "1500000");
  for (const metrics of [{}, { accuracy: null }, { rmse: null }]) assert.equal(measuredText(metrics), "");
});

test("a better model has more accuracy or less error", () => {
  assert.deepEqual([isBetter({ accuracy: 0.9 }, { accuracy: 0.8 }), isBetter({ accuracy: 0.8 }, { accuracy: 0.9 })], [true, false]);
  assert.deepEqual([isBetter({ rmse: 0.3 }, { rmse: 0.4 }), isBetter({ rmse: 0.4 }, { rmse: 0.3 })], [true, false]);
  assert.deepEqual([isBetter({ rmse: null }, { rmse: 0.4 }), isBetter({}, {})], [false, false]);
});

test("the training status", () => {
  const status = { training: null, unseen: 0, until_training: null, train_every: 0, checkpoint: "r6" };
  const texts = (changes) => plain(trainingText({ ...status, ...changes }));
  assert.equal(texts({}), "no new labels since r6 was trained");
  assert.equal(texts({ unseen: 4 }), "4 new labels since r6 was trained");
  assert.equal(texts({ checkpoint: null }), "no model yet");
  assert.equal(texts({ train_every: 10, until_training: 4 }), "4 labels until the next training");
  assert.equal(texts({ train_every: 10, until_training: 0 }), "the next training is due");
  assert.equal(texts({ training: { state: "queued" } }), "a training is queued");
  assert.equal(texts({ training: { state: "running", progress: 0.4 } }), "training, 40 %");
});
