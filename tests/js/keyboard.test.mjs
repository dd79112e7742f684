import assert from "node:assert/strict";
import { test } from "node:test";

import { assignKeys } from "../../server/nextlabel/web/static/label/class-keys.js";
import { COMMAND_KEYS, isPageKey, keyNames, KEYS } from "../../server/nextlabel/web/static/label/keyboard.js";

test("each key and each command occurs once", () => {
  const keys = KEYS.flatMap(({ key, keys: described = [key] }) => described);
  const commands = KEYS.map(({ command }) => command).filter(Boolean);
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(new Set(commands).size, commands.length);
  assert.ok(KEYS.every(({ title, run, command }) => title && Boolean(run) === Boolean(command)));
});

test("single characters are reserved for commands", () => {
  assert.deepEqual([...COMMAND_KEYS].sort(), [..."/?gsuz"]);
});

test("a key means what it types, or where it is if that is not on every keyboard", () => {
  const events = [["o", "KeyS"], ["3", "Digit3"], ["#", "Digit3"], ["&", "Digit1"], ["ы", "KeyS"], ["Q", "KeyA"], ["Enter", "Enter"]];
  const names = events.map(([key, code]) => keyNames({ key, code }));
  assert.deepEqual(names, [["o"], ["3"], ["#", "3"], ["&", "1"], ["ы", "s"], ["q"], ["Enter"]]);
});

test("keys of the browser, of fields and of dialogs are not for the page", () => {
  const event = (changes = {}, field = null) => ({ target: { closest: () => field }, ...changes });
  globalThis.document = { querySelector: () => null };
  assert.equal(isPageKey(event()), true);
  for (const name of ["defaultPrevented", "isComposing", "ctrlKey", "metaKey", "altKey"]) {
    assert.equal(isPageKey(event({ [name]: true })), false);
  }
  assert.equal(isPageKey(event({}, {})), false);
  globalThis.document = { querySelector: () => ({}) };
  assert.equal(isPageKey(event()), false);
});

test("classes named by one digit or letter have that key", () => {
  assert.deepEqual(assignKeys([..."0123456789"]), [..."0123456789"]);
  const names = ["猫", "犬", "🐈", "@", "ж", "λ", "7", "A", "s"];
  assert.deepEqual(assignKeys(names), ["1", "2", "3", "4", "ж", "λ", "7", "a", "5"]);
  assert.deepEqual(assignKeys(["a", "A"]), ["a", "1"]);
});

test("other classes have digits, then letters, and never the key of a command", () => {
  const keys = assignKeys(Array.from({ length: 40 }, (_, index) => `class ${index}`));
  const assigned = keys.filter(Boolean);
  assert.deepEqual(keys.slice(0, 12), [..."1234567890ab"]);
  assert.equal(assigned.length, 32);
  assert.equal(new Set(assigned).size, 32);
  assert.ok(assigned.every((key) => !COMMAND_KEYS.includes(key)));
  assert.ok(keys.slice(32).every((key) => key === undefined));
});
