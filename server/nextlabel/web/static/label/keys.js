// Which key is which: those of the classes, and what a key event means whatever the keyboard's layout.

const COMMANDS = "usgz?/";
const SPARE = [..."1234567890", ..."abcdefghijklmnopqrstuvwxyz"].filter((key) => !COMMANDS.includes(key));

// Return each class's key, or undefined where there are more classes than keys. A class of one digit
// or one letter has that key; the others get digits, then letters.
export function assign(classes) {
  const own = classes.map((name) => name.toLowerCase());
  const named = own.map((name, place) =>
    bare(name) && !COMMANDS.includes(name) && own.indexOf(name) === place);
  const spare = SPARE.filter((key) => !own.some((name, place) => named[place] && name === key));
  return own.map((name, place) => (named[place] ? name : spare.shift()));
}

// Whether some keyboard types this with one key alone: a digit, or a letter of an alphabet that has capitals.
// Other signs need Shift, AltGr or an input method, and then no key says them.
function bare(name) {
  return name.length === 1 && (/[0-9]/.test(name) || name.toLowerCase() !== name.toUpperCase());
}

// Return the names under which a key event may be known: what it types, and where it lies unless that is a letter or
// a digit that every keyboard has: it then means what it says, wherever it lies.
export function names(event) {
  const place = /^(?:Key|Digit|Numpad)([A-Z0-9])$/.exec(event.code);
  const typed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return place && !/^[a-z0-9]$/.test(typed) ? [typed, place[1].toLowerCase()] : [typed];
}

// Whether a key event is the page's, and not of a field, a dialog or the browser.
export function ours(event) {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return false;
  if (document.querySelector("dialog[open]")) return false;
  return !event.target.closest("input:not([type=checkbox]), textarea, select");
}
