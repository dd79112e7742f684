// An item's image, fetched and decoded before it is shown.

import { ask, passing } from "./api.js";

const AGAIN = 2000;  // milliseconds

export class ItemImage {
  element = null;  // stays null where it is broken, or the item is no image
  broken = false;
  waits = true;
  #url;

  constructor(url) {
    this.#url = url;
    this.waits = Boolean(url);
  }

  // Whether the item can be shown now.
  get done() {
    return this.broken || !this.#url || this.element !== null;
  }

  // Fetch it; settles once it can be shown, or never can.
  start() {
    this.waits = false;
    return this.#load();
  }

  // Decode again what the browser may have dropped since.
  warm() {
    this.element?.decode().catch(() => {});
  }

  async #load() {
    let doubted = false;
    for (let wait = AGAIN; ; wait = Math.min(30_000, 2 * wait)) {
      const image = new Image();
      image.alt = "image to label";
      image.draggable = false;
      image.decoding = "sync";  // it is decoded already: shown in the frame it is put in
      image.src = this.#url;
      try {
        await image.decode();
        this.element = image;
        return;
      } catch {
        // the element does not say whether the image is rotten or the network away
        const { status } = await ask(this.#url, { method: "HEAD" });
        if (!passing(status)) {
          if (doubted || status >= 400) {
            this.broken = true;
            return;
          }
          doubted = true;  // it is there: perhaps only the way to it failed
          continue;
        }
      }
      await later(wait);
    }
  }
}

function later(wait) {
  return new Promise((resolve) => {
    const go = () => {
      clearTimeout(timer);
      window.removeEventListener("online", go);
      resolve();
    };
    const timer = setTimeout(go, wait);
    window.addEventListener("online", go);
  });
}
