// Items in hand: asked for ahead, leased to the annotator, their images decoded before they are wanted.

import { ask } from "./api.js";
import { Backoff } from "./backoff.js";
import { ItemImage } from "./image.js";

const EMPTY_AGAIN = 10_000;  // milliseconds
const AT_ONCE = 6;  // images fetched at a time: what a browser opens to one host

export class Supply extends EventTarget {
  plight = null;  // why there is nothing: { status, detail, after }, or { status: 200 } where nothing is left
  size = 20;
  #address;
  #annotator;
  #outbox;
  #most;
  #lease;
  #hand = new Map();  // id -> item, in the order they are to be shown
  #answered = new Set();
  #pinned = new Set();  // on display
  #asking = false;
  #again = null;  // asked for meanwhile; true: in any case
  #asked = 0;  // when the leases were last renewed
  #loading = 0;
  #closed = false;
  #backoff = new Backoff(() => this.#retry());

  constructor(address, annotator, outbox, { most, lease }) {
    super();
    this.#address = address;
    this.#annotator = annotator;
    this.#outbox = outbox;
    this.#most = most;
    this.#lease = 1000 * lease;
    setInterval(() => this.#renew(), Math.min(60_000, this.#lease / 4));
    document.addEventListener("visibilitychange", () => this.#renew());
  }

  // Items that can be shown now, the first ones first.
  ready() {
    return [...this.#hand.values()].filter((item) => item.image.done);
  }

  // Tell which items are on display: these stay, whatever the server says meanwhile.
  pin(items) {
    this.#pinned = new Set(items.map((item) => item.id));
  }

  answered(items) {
    for (const { id } of items) {
      this.#hand.delete(id);
      this.#answered.add(id);
    }
    this.refill();
  }

  // Take back, to the front.
  putBack(items) {
    const rest = [...this.#hand];
    this.#hand = new Map();
    for (const item of items) {
      this.#hand.set(item.id, { ...item, image: item.image ?? new ItemImage(item.url), back: true });
    }
    for (const [id, item] of rest) if (!this.#hand.has(id)) this.#hand.set(id, item);
    for (const { id } of items) this.#answered.delete(id);
    this.#load();
  }

  // Ask for more where few are left, or in any case.
  async refill(anyway = false) {
    if (this.#closed || (!anyway && 2 * this.#hand.size >= this.size)) return;
    if (this.#asking) {
      this.#again ||= anyway;
      return;
    }
    this.#asking = true;
    const had = new Set(this.#hand.keys());
    const query = new URLSearchParams({ size: this.#wanted(), annotator: this.#annotator });
    const answer = await ask(`${this.#address}query?${query}`);
    this.#asking = false;
    if (this.#closed) return;
    if (answer.status === 200) this.#take(answer.body, had);
    else this.#refused(answer);
    this.dispatchEvent(new CustomEvent("change"));
    if (this.#again !== null) {
      const meant = this.#again;
      this.#again = null;
      this.refill(meant);
    }
  }

  // Give the leases back, on the way out. Those of unsent answers stay.
  handBack() {
    const unsent = this.#outbox.ids;
    const queries = new Set([...this.#hand.values()].map((item) => item.query));
    this.#closed = true;
    this.#backoff.calm();
    if (unsent.size) return;
    for (const query of queries) {
      ask(`${this.#address}queries/${encodeURIComponent(query)}`, { method: "DELETE", keepalive: true });
    }
  }

  // How many to ask for: what is leased already comes back first, unsent answers among it.
  #wanted() {
    const back = [...this.#hand.values()].filter((item) => item.back).length;
    const leased = this.#hand.size - back;
    const unsent = this.#outbox.ids.size;
    return Math.min(this.#most, unsent + Math.max(1, leased, this.size - back));
  }

  #take(answer, had) {
    this.#asked = Date.now();
    const unsent = this.#outbox.ids;
    const told = new Set(answer.items.map((item) => item.id));
    for (const id of had) {  // somebody else has answered it, or the lease ran out
      const item = this.#hand.get(id);
      if (item && !told.has(id) && !item.back && !this.#pinned.has(id)) this.#hand.delete(id);
    }
    const { query, strategy, checkpoint } = answer;
    for (const item of answer.items) {
      const known = this.#hand.get(item.id);
      if (known) Object.assign(known, this.#pinned.has(item.id) ? { query } : { ...item, query, checkpoint });
      else if (!this.#answered.has(item.id) && !unsent.has(item.id)) {
        this.#hand.set(item.id, { ...item, query, strategy, checkpoint, image: new ItemImage(item.url) });
      }
    }
    this.#load();
    const left = this.#hand.size > 0;
    this.plight = left ? null : { status: 200 };
    if (left) this.#backoff.calm();
    else this.#backoff.later(EMPTY_AGAIN);  // less and less often
  }

  #refused({ status, after, body }) {
    this.plight = { status, after, detail: body.detail ?? "" };
    this.#backoff.later(1000 * after);
  }

  // Every query is kept for good: nobody asks again and again for what nobody waits to see.
  #retry() {
    if (document.hidden && !this.#closed && this.plight?.status === 200) this.#backoff.later(EMPTY_AGAIN);
    else this.refill(true);
  }

  // Fetch the images in order, a few at a time.
  #load() {
    for (const item of this.#hand.values()) {
      if (this.#loading >= AT_ONCE) return;
      if (!item.image.waits) continue;
      this.#loading += 1;
      item.image.start().then(() => {
        this.#loading -= 1;
        this.#load();
        this.dispatchEvent(new CustomEvent("change"));
      });
    }
  }

  #renew() {
    if (document.hidden || this.#closed || !this.#asked) return;
    if (Date.now() - this.#asked > this.#lease / 2) this.refill(true);
  }
}
