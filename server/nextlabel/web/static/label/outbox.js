// Answers on their way: kept in this browser before they are sent, sent one after the other in
// the order they were given, and sent again under the same key until the server has them.

import { ask, passing } from "./api.js";
import { Backoff } from "./backoff.js";

const SMALL = 30_000;  // bytes that may outlive the page while they are sent

export class Outbox extends EventTarget {
  refused = [];
  failing = false;
  locked = false;
  durable = true;
  #store;
  #project;
  #address;
  #backoff = new Backoff(() => this.send());
  #sending = false;
  #again = false;
  #known = new Map();  // key -> entry: what this page knows to wait
  #loose = [];  // of these, what the store did not take: on the disk of nobody until it is sent

  constructor(store, project, address) {
    super();
    this.#store = store;
    this.#project = project;
    this.#address = address;
    this.durable = store.durable;
    window.addEventListener("beforeunload", (event) => {
      if (!this.durable && (this.waiting || this.refused.length)) event.preventDefault();
    });
  }

  // Take up what an earlier page left.
  async load() {
    for (const entry of await this.#store.all("waiting", this.#project)) this.#known.set(entry.key, entry);
    this.refused = await this.#store.all("refused", this.#project);
    this.#changed();
    this.send();
  }

  get waiting() {
    return this.#known.size;
  }

  // The items of which an answer waits.
  get ids() {
    return new Set([...this.#known.values()].flatMap(({ labels }) => labels.map(({ id }) => id)));
  }

  // Keep an answer, then send it. It is as good as given when this returns.
  async add(annotator, labels) {
    const entry = { project: this.#project, key: freshKey(), annotator, labels, time: Date.now() };
    this.#known.set(entry.key, entry);
    this.#changed();
    await this.#keep(entry, () => this.#store.add("waiting", entry));
    this.send();
  }

  // Send what waits. Several calls are one.
  async send() {
    if (this.#sending) {
      this.#again = true;
      return;
    }
    this.#sending = true;
    try {
      do {
        this.#again = false;
        // another tab of this browser has the same shelf
        if (navigator.locks) await navigator.locks.request(`nextlabel ${this.#project}`, () => this.#empty());
        else await this.#empty();
      } while (this.#again && !this.failing && !this.locked);
    } catch {  // the browser's own store failed: what it holds is still there
      this.#backoff.later();
    } finally {
      this.#sending = false;
    }
  }

  async retry(entry) {
    const { reason, order, ...again } = entry;
    await this.#keep(again, () => order ? this.#store.move("refused", "waiting", { order, ...again }) : this.#store.add("waiting", again));
    this.refused = this.refused.filter((other) => other !== entry);
    this.#known.set(entry.key, again);
    this.#changed();
    this.send();
  }

  async dismiss(entry) {
    try {
      if (entry.order) await this.#store.remove("refused", entry.order);
    } finally {
      this.refused = this.refused.filter((other) => other !== entry);
      this.#changed();
    }
  }

  // The disk is full, say, or the browser has closed its store: better sent unkept than lost.
  async #keep(entry, act) {
    try {
      await act();
    } catch {
      this.durable = false;
      this.#loose.push(entry);
    }
  }

  async #empty() {
    for (;;) {
      const known = [...this.#known.keys()];
      const entry = await this.#next();
      if (!entry) {
        if (known.length) await this.#elsewhere(known);
        this.#changed();
        return;
      }
      const answer = await this.#post(entry);
      if (!answer) return;
      if (answer.status >= 400) await this.#refuse(entry, answer);
      else await this.#taken(entry);
      this.#known.delete(entry.key);
      this.#changed();
      if (answer.status < 400) this.dispatchEvent(new CustomEvent("sent"));
    }
  }

  // What was given first goes first: the store may have taken a later one again.
  async #next() {
    const [loose] = this.#loose;
    try {
      const kept = await this.#store.first("waiting", this.#project);
      return loose && !(kept?.time <= loose.time) ? loose : kept;
    } catch (fault) {
      if (!loose) throw fault;
      return loose;
    }
  }

  async #taken(entry) {
    if (entry.order) await this.#store.remove("waiting", entry.order);
    else this.#loose = this.#loose.filter((other) => other !== entry);
  }

  // Another tab sent the last of them; what it was refused stands on the shelf.
  async #elsewhere(keys) {
    const refused = await this.#store.all("refused", this.#project);
    const here = new Set(this.refused.map(({ key }) => key));
    this.refused = [...this.refused, ...refused.filter(({ key }) => !here.has(key))];
    for (const key of keys) this.#known.delete(key);
  }

  // Return the final answer to an entry; null where it is to be sent again later.
  async #post({ annotator, labels, key }) {
    const body = JSON.stringify({ annotator, labels, key });
    const answer = await ask(`${this.#address}labels`, { method: "POST", body, keepalive: new Blob([body]).size < SMALL });
    this.locked = answer.status === 401;
    this.failing = passing(answer.status);
    if (!this.locked && !this.failing) {
      this.#backoff.calm();
      return answer;
    }
    this.#backoff.later(1000 * answer.after);
    this.#changed();
    return null;
  }

  async #refuse(entry, answer) {
    const reason = (answer.body.faults ?? [answer.body.detail ?? `refused with the status ${answer.status}`]).join("; ");
    const order = entry.order && await this.#store.move("waiting", "refused", { ...entry, reason });
    if (!order) await this.#taken(entry);
    this.refused = [...this.refused, { ...entry, reason, order }];
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("change"));
  }
}

// crypto.randomUUID is only there over https and on this machine itself.
function freshKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
