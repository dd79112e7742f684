// Labels on their way to the server: stored in this browser before they are sent, sent one submission after the other
// in their order, and sent again under the same key until the server has them.

import { isTemporary, request } from "./api.js";
import { Backoff } from "./backoff.js";
import { REJECTED, WAITING } from "./store.js";

const KEEPALIVE_BYTES = 30_000;  // a larger request cannot outlive the page

export class Outbox extends EventTarget {
  rejected = [];
  failing = false;
  loggedOut = false;
  durable = true;
  #store;
  #project;
  #address;
  #backoff = new Backoff(() => this.send());
  #sending = false;
  #sendAgain = false;
  #waiting = new Map();  // key -> entry
  #unstored = [];  // the waiting entries that the browser could not store

  constructor(store, project, address) {
    super();
    this.#store = store;
    this.#project = project;
    this.#address = address;
    this.durable = store.durable;
    window.addEventListener("beforeunload", (event) => {
      if (!this.durable && (this.waiting || this.rejected.length)) event.preventDefault();
    });
  }

  // Load the entries of earlier pages, and send them.
  async load() {
    for (const entry of await this.#store.all(WAITING, this.#project)) this.#waiting.set(entry.key, entry);
    this.rejected = await this.#store.all(REJECTED, this.#project);
    this.#changed();
    this.send();
  }

  // The number of submissions that wait to be sent.
  get waiting() {
    return this.#waiting.size;
  }

  // The ids of the items whose labels wait to be sent.
  get waitingItems() {
    return new Set([...this.#waiting.values()].flatMap(({ labels }) => labels.map(({ id }) => id)));
  }

  // Store a submission, then send it. The caller may go on as soon as this returns.
  async add(annotator, labels) {
    const entry = { project: this.#project, key: newKey(), annotator, labels, time: Date.now() };
    this.#waiting.set(entry.key, entry);
    this.#changed();
    await this.#storeOrHold(entry, () => this.#store.add(WAITING, entry));
    this.send();
  }

  // Send everything that waits. A call during another one makes that one continue.
  async send() {
    if (this.#sending) {
      this.#sendAgain = true;
      return;
    }
    this.#sending = true;
    try {
      do {
        this.#sendAgain = false;
        // other tabs of this browser share the store
        if (navigator.locks) await navigator.locks.request(`nextlabel ${this.#project}`, () => this.#sendAll());
        else await this.#sendAll();
      } while (this.#sendAgain && !this.failing && !this.loggedOut);
    } catch {  // the browser's store failed; its content is still there
      this.#backoff.schedule();
    } finally {
      this.#sending = false;
    }
  }

  // Send a rejected entry again.
  async retry(rejected) {
    const { reason, order, ...entry } = rejected;
    await this.#storeOrHold(entry, () =>
      order ? this.#store.move(REJECTED, WAITING, { order, ...entry }) : this.#store.add(WAITING, entry));
    this.rejected = this.rejected.filter((other) => other !== rejected);
    this.#waiting.set(entry.key, entry);
    this.#changed();
    this.send();
  }

  async dismiss(rejected) {
    try {
      if (rejected.order) await this.#store.remove(REJECTED, rejected.order);
    } finally {
      this.rejected = this.rejected.filter((other) => other !== rejected);
      this.#changed();
    }
  }

  // The disk may be full, or the browser may have closed its database: then hold the entry in memory, and send it anyway.
  async #storeOrHold(entry, write) {
    try {
      await write();
    } catch {
      this.durable = false;
      this.#unstored.push(entry);
    }
  }

  async #sendAll() {
    for (;;) {
      const keys = [...this.#waiting.keys()];
      const entry = await this.#next();
      if (!entry) {
        if (keys.length) await this.#sentByAnotherTab(keys);
        this.#changed();
        return;
      }
      const response = await this.#post(entry);
      if (!response) return;
      if (response.status >= 400) await this.#reject(entry, response);
      else await this.#remove(entry);
      this.#waiting.delete(entry.key);
      this.#changed();
      if (response.status < 400) this.dispatchEvent(new CustomEvent("sent"));
    }
  }

  // Return the oldest entry. The store may have failed for one and then worked again for a later one.
  async #next() {
    const [unstored] = this.#unstored;
    try {
      const stored = await this.#store.first(WAITING, this.#project);
      return unstored && !(stored?.time <= unstored.time) ? unstored : stored;
    } catch (error) {
      if (!unstored) throw error;
      return unstored;
    }
  }

  async #remove(entry) {
    if (entry.order) await this.#store.remove(WAITING, entry.order);
    else this.#unstored = this.#unstored.filter((other) => other !== entry);
  }

  // Another tab sent the last entries. Those that were rejected are in the store.
  async #sentByAnotherTab(keys) {
    const stored = await this.#store.all(REJECTED, this.#project);
    const known = new Set(this.rejected.map(({ key }) => key));
    this.rejected = [...this.rejected, ...stored.filter(({ key }) => !known.has(key))];
    for (const key of keys) this.#waiting.delete(key);
  }

  // Return the server's final response to an entry, or null if the entry has to be sent again later.
  async #post({ annotator, labels, key }) {
    const body = JSON.stringify({ annotator, labels, key });
    const keepalive = new Blob([body]).size < KEEPALIVE_BYTES;
    const response = await request(`${this.#address}labels`, { method: "POST", body, keepalive });
    this.loggedOut = response.status === 401;
    this.failing = isTemporary(response.status);
    if (!this.loggedOut && !this.failing) {
      this.#backoff.reset();
      return response;
    }
    this.#backoff.schedule(1000 * response.retryAfter);
    this.#changed();
    return null;
  }

  async #reject(entry, { status, body }) {
    const reason = (body.faults ?? [body.detail ?? `rejected with status ${status}`]).join("; ");
    const order = entry.order && await this.#store.move(WAITING, REJECTED, { ...entry, reason });
    if (!order) await this.#remove(entry);
    this.rejected = [...this.rejected, { ...entry, reason, order }];
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("change"));
  }
}

// crypto.randomUUID exists only over https and on localhost.
export function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
