// An item's image, fetched and decoded before it is shown.

import { isTemporary, request } from "./api.js";

const FIRST_DELAY = 2000;  // milliseconds between two tries
const LONGEST_DELAY = 30_000;

export class ItemImage {
  element = null;  // null until it is decoded, and always for a broken image or an item without one
  broken = false;
  waiting = true;  // not started yet
  #url;

  constructor(url) {
    this.#url = url;
    this.waiting = Boolean(url);
  }

  // Whether the item can be shown now.
  get ready() {
    return this.broken || !this.#url || this.element !== null;
  }

  // Fetch and decode the image. Resolves once it can be shown or is known to be broken.
  load() {
    this.waiting = false;
    return this.#load();
  }

  // Decode again, because the browser may have dropped the decoded pixels.
  decodeAgain() {
    this.element?.decode().catch(() => {});
  }

  async #load() {
    let retried = false;
    for (let delay = FIRST_DELAY; ; delay = Math.min(LONGEST_DELAY, 2 * delay)) {
      const image = new Image();
      image.alt = "image to label";
      image.draggable = false;
      image.decoding = "sync";  // it is decoded already, so show it in the frame in which it is inserted
      image.src = this.#url;
      try {
        await image.decode();
        this.element = image;
        return;
      } catch {
        // the element does not report whether the image is broken or the network failed
        const { status } = await request(this.#url, { method: "HEAD" });
        if (!isTemporary(status)) {
          if (retried || status >= 400) {
            this.broken = true;
            return;
          }
          retried = true;  // the file exists: only its transfer may have failed
          continue;
        }
      }
      await online(delay);
    }
  }
}

// Return the element that shows an item: its image, or a text if there is none. Images of at most `small` pixels are
// drawn pixel by pixel.
export function itemElement(item, small) {
  const { element: image, broken } = item.image;
  if (image) {
    image.classList.toggle("pixels", Math.max(image.naturalWidth, image.naturalHeight) <= small);
    return image;
  }
  const text = document.createElement("p");
  text.className = "nothing";
  const name = document.createElement("strong");
  name.textContent = item.id;
  text.append(broken ? "The image of this item cannot be shown: " : "Item without an image: ", name);
  return text;
}

// Resolves after `delay` milliseconds, or when the network is back.
function online(delay) {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      window.removeEventListener("online", finish);
      resolve();
    };
    const timer = setTimeout(finish, delay);
    window.addEventListener("online", finish);
  });
}
