// The items to label next: requested ahead, leased to the annotator, their images decoded before they are shown.

import { request } from "./api.js";
import { Backoff } from "./backoff.js";
import { ItemImage } from "./image.js";

const EMPTY_DELAY = 10_000;  // milliseconds until the first retry if nothing is left to label
const PARALLEL_LOADS = 6;  // browsers open that many connections to one host

export class ItemQueue extends EventTarget {
  problem = null;  // why the queue is empty: { status, detail }; status 200 if nothing is left to label
  size = 20;
  #address;
  #annotator;
  #outbox;
  #largestQuery;
  #lease;  // milliseconds
  #items = new Map();  // id -> item, in the order in which they are shown
  #labelled = new Set();  // ids
  #pinned = new Set();  // ids of the items on display
  #requesting = false;
  #requestAgain = null;  // a refill requested meanwhile: whether it was forced
  #leasedAt = 0;
  #loading = 0;
  #closed = false;
  #backoff = new Backoff(() => this.#retry());

  constructor(address, annotator, outbox, { largestQuery, lease }) {
    super();
    this.#address = address;
    this.#annotator = annotator;
    this.#outbox = outbox;
    this.#largestQuery = largestQuery;
    this.#lease = 1000 * lease;
    setInterval(() => this.#renewLeases(), Math.min(60_000, this.#lease / 4));
    document.addEventListener("visibilitychange", () => this.#renewLeases());
  }

  // Return the items that can be shown now, the next one first.
  ready() {
    return [...this.#items.values()].filter((item) => item.image.ready);
  }

  // Hold the items on display: the server's answers neither remove nor change them.
  pin(items) {
    this.#pinned = new Set(items.map((item) => item.id));
  }

  markLabelled(items) {
    for (const { id } of items) {
      this.#items.delete(id);
      this.#labelled.add(id);
    }
    this.refill();
  }

  // Put undone items back to the front.
  putBack(items) {
    const rest = [...this.#items];
    this.#items = new Map();
    for (const item of items) {
      this.#items.set(item.id, { ...item, image: item.image ?? new ItemImage(item.url), undone: true });
    }
    for (const [id, item] of rest) if (!this.#items.has(id)) this.#items.set(id, item);
    for (const { id } of items) this.#labelled.delete(id);
    this.#loadImages();
  }

  // Request more items if fewer than half are left, or in any case with `force`.
  async refill(force = false) {
    if (this.#closed || (!force && 2 * this.#items.size >= this.size)) return;
    if (this.#requesting) {
      this.#requestAgain ||= force;
      return;
    }
    this.#requesting = true;
    const before = new Set(this.#items.keys());
    const query = new URLSearchParams({ size: this.#querySize(), annotator: this.#annotator });
    const response = await request(`${this.#address}query?${query}`);
    this.#requesting = false;
    if (this.#closed) return;
    if (response.status === 200) this.#receive(response.body, before);
    else this.#fail(response);
    this.dispatchEvent(new CustomEvent("change"));
    if (this.#requestAgain !== null) {
      const forced = this.#requestAgain;
      this.#requestAgain = null;
      this.refill(forced);
    }
  }

  // End the leases when the page is left, unless labels wait to be sent.
  release() {
    const queries = new Set([...this.#items.values()].map((item) => item.query));
    this.#closed = true;
    this.#backoff.reset();
    if (this.#outbox.waitingItems.size) return;
    for (const query of queries) {
      request(`${this.#address}queries/${encodeURIComponent(query)}`, { method: "DELETE", keepalive: true });
    }
  }

  // The server returns leased items first, including those whose labels wait to be sent.
  #querySize() {
    const undone = [...this.#items.values()].filter((item) => item.undone).length;
    const leased = this.#items.size - undone;
    const unsent = this.#outbox.waitingItems.size;
    return Math.min(this.#largestQuery, unsent + Math.max(1, leased, this.size - undone));
  }

  #receive({ query, strategy, checkpoint, items, hint }, before) {
    this.#leasedAt = Date.now();
    const unsent = this.#outbox.waitingItems;
    const received = new Set(items.map((item) => item.id));
    for (const id of before) {  // labelled by another annotator, or the lease ended
      const item = this.#items.get(id);
      if (item && !received.has(id) && !item.undone && !this.#pinned.has(id)) this.#items.delete(id);
    }
    for (const item of items) {
      const known = this.#items.get(item.id);
      if (known) Object.assign(known, this.#pinned.has(item.id) ? { query } : { ...item, query, checkpoint });
      else if (!this.#labelled.has(item.id) && !unsent.has(item.id)) {
        this.#items.set(item.id, { ...item, query, strategy, checkpoint, image: new ItemImage(item.url) });
      }
    }
    this.#loadImages();
    const empty = this.#items.size === 0;
    this.problem = empty ? { status: 200, detail: hint } : null;
    if (empty) this.#backoff.schedule(EMPTY_DELAY);
    else this.#backoff.reset();
  }

  #fail({ status, retryAfter, body }) {
    this.problem = { status, detail: body.detail ?? "" };
    this.#backoff.schedule(1000 * retryAfter);
  }

  // The server stores every query for good, so a hidden page does not repeat one that found nothing.
  #retry() {
    if (document.hidden && !this.#closed && this.problem?.status === 200) this.#backoff.schedule(EMPTY_DELAY);
    else this.refill(true);
  }

  // Fetch the images in order, a few at a time.
  #loadImages() {
    for (const item of this.#items.values()) {
      if (this.#loading >= PARALLEL_LOADS) return;
      if (!item.image.waiting) continue;
      this.#loading += 1;
      item.image.load().then(() => {
        this.#loading -= 1;
        this.#loadImages();
        this.dispatchEvent(new CustomEvent("change"));
      });
    }
  }

  #renewLeases() {
    if (document.hidden || this.#closed || !this.#leasedAt) return;
    if (Date.now() - this.#leasedAt > this.#lease / 2) this.refill(true);
  }
}
