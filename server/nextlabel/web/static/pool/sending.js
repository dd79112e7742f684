// Sends files to POST /items, some at a time. A refused one keeps no other out: the server takes
// all of a request or none, so what was refused is halved until the culprit stands alone.

import { portion, readable } from "../files.js";

const TRIES = 3;
const UNREADABLE = "the file cannot be read";

export class Sending {
  // `limits`: { address, most, limit }; `told` is called whenever something has changed.
  constructor(limits, told) {
    this.limits = limits;
    this.told = told;
    this.total = this.sent = this.added = this.known = 0;
    this.refused = [];  // { file, reason }
    this.failed = [];  // { file, reason }: the server did not answer, or could not
    this.waiting = [];
    this.running = false;
  }

  // Several calls are one sending: what is dropped meanwhile is sent behind the rest.
  async send(files) {
    this.total += files.length;
    this.waiting.push(...files);
    if (this.running) return;
    this.running = true;
    this.told();
    while (this.waiting.length) await this.some(portion(this.waiting, this.limits.most));
    this.running = false;
    this.told();
  }

  again() {
    const files = this.failed.map((one) => one.file);
    this.failed = [];
    this.total -= files.length;
    return this.send(files);
  }

  async some(batch) {
    const small = batch.filter((file) => {
      const reason = this.wrong(file);
      if (reason) this.refuse(file, reason);
      return !reason;
    });
    if (!small.length) return;
    let answer;
    try {
      answer = await this.post(small);
    } catch (error) {
      return this.unsent(small, error.message);
    }
    if (answer.ids) {
      this.sent += small.length;
      this.added += answer.new.filter(Boolean).length;
      this.known += answer.new.filter((fresh) => !fresh).length;
      return this.told();
    }
    if (small.length === 1) return this.refuse(small[0], answer.detail);
    const half = Math.ceil(small.length / 2);
    await this.some(small.slice(0, half));
    await this.some(small.slice(half));
  }

  // A request fails as a whole where one of its files cannot be read: refuse that one, and send the rest.
  async unsent(batch, reason) {
    const rest = await readable(batch);
    for (const file of batch) {
      if (!rest.includes(file)) this.refuse(file, UNREADABLE);
    }
    if (rest.length < batch.length) return this.some(rest);
    for (const file of batch) this.failed.push({ file, reason });
    this.told();
  }

  // What came of a request: ids, or the reason why not. Throws where asking again may help.
  async post(files) {
    for (let tries = 1; ; tries += 1) {
      const body = new FormData();
      for (const file of files) body.append("image", file);
      let response;
      try {
        response = await fetch(this.limits.address, { method: "POST", body, headers: { Accept: "application/json" } });
      } catch {
        throw new Error("the server did not answer");
      }
      const answer = await response.json().catch(() => ({ detail: `the server answered ${response.status}` }));
      if (response.status < 500 && response.status !== 401) return answer;
      if (response.status !== 503 || tries === TRIES) throw new Error(answer.detail);
      await new Promise((done) => setTimeout(done, 1000 * Number(response.headers.get("Retry-After") || 1)));
    }
  }

  refuse(file, reason) {
    this.refused.push({ file, reason });
    this.told();
  }

  wrong(file) {
    const number = (value) => value.toLocaleString("en");
    if (file.lost) return UNREADABLE;
    if (!file.size) return "the file is empty, or it is gone";
    if (file.size > this.limits.limit) {
      return `an image has at most ${number(this.limits.limit)} bytes here; this has ${number(file.size)}`;
    }
    return "";
  }
}
