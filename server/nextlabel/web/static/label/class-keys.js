// Assigns a key to each class.

import { COMMAND_KEYS } from "./keyboard.js";

const FREE_KEYS = [..."1234567890", ..."abcdefghijklmnopqrstuvwxyz"].filter((key) => !COMMAND_KEYS.includes(key));

// Return the key of each class, or undefined if there are more classes than keys. A class whose name is one digit or
// one letter gets that key; the others get digits, then letters.
export function assignKeys(classes) {
  const names = classes.map((name) => name.toLowerCase());
  const isOwnKey = names.map((name, index) =>
    isSingleKey(name) && !COMMAND_KEYS.includes(name) && names.indexOf(name) === index);
  const free = FREE_KEYS.filter((key) => !names.some((name, index) => isOwnKey[index] && name === key));
  return names.map((name, index) => (isOwnKey[index] ? name : free.shift()));
}

// Return whether a keyboard types this character with a single key: a digit, or a letter of an alphabet with capitals.
// Other characters need Shift, AltGr or an input method.
function isSingleKey(name) {
  return name.length === 1 && (/[0-9]/.test(name) || name.toLowerCase() !== name.toUpperCase());
}
