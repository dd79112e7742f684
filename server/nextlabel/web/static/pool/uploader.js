// Uploads files to POST /items in batches. The server accepts all files of a request or none, so a rejected batch is
// halved until the rejected file is alone; the others are added.

import { readableFiles, takeBatch } from "../files.js";

const TRIES = 3;
const UNREADABLE = "the file cannot be read";

export class Uploader {
  // `limits` is { address, largestBatch, largestFile }; `onChange` is called after every change.
  constructor(limits, onChange) {
    this.limits = limits;
    this.onChange = onChange;
    this.total = this.sent = this.added = this.duplicates = 0;
    this.rejected = [];  // { file, reason }
    this.failed = [];  // { file, reason }: the server did not answer or had an error
    this.waiting = [];
    this.running = false;
  }

  // Upload the files. Files of a call during another one are uploaded after its own.
  async upload(files) {
    this.total += files.length;
    this.waiting.push(...files);
    if (this.running) return;
    this.running = true;
    this.onChange();
    while (this.waiting.length) await this.uploadBatch(takeBatch(this.waiting, this.limits.largestBatch));
    this.running = false;
    this.onChange();
  }

  retryFailed() {
    const files = this.failed.map(({ file }) => file);
    this.failed = [];
    this.total -= files.length;
    return this.upload(files);
  }

  async uploadBatch(batch) {
    const files = batch.filter((file) => {
      const reason = this.fileError(file);
      if (reason) this.reject(file, reason);
      return !reason;
    });
    if (!files.length) return;
    let result;
    try {
      result = await this.post(files);
    } catch (error) {
      return this.handleFailure(files, error.message);
    }
    if (result.ids) {
      this.sent += files.length;
      this.added += result.new.filter(Boolean).length;
      this.duplicates += result.new.filter((isNew) => !isNew).length;
      return this.onChange();
    }
    if (files.length === 1) return this.reject(files[0], result.detail);
    const half = Math.ceil(files.length / 2);
    await this.uploadBatch(files.slice(0, half));
    await this.uploadBatch(files.slice(half));
  }

  // One unreadable file makes the whole request fail: reject it, and upload the rest.
  async handleFailure(batch, reason) {
    const readable = await readableFiles(batch);
    for (const file of batch) {
      if (!readable.includes(file)) this.reject(file, UNREADABLE);
    }
    if (readable.length < batch.length) return this.uploadBatch(readable);
    for (const file of batch) this.failed.push({ file, reason });
    this.onChange();
  }

  // Return the server's JSON: the ids, or the reason of a rejection. Throws if a later try may succeed.
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
      const json = await response.json().catch(() => ({ detail: `the server answered with status ${response.status}` }));
      if (response.status < 500 && response.status !== 401) return json;
      if (response.status !== 503 || tries === TRIES) throw new Error(json.detail);
      await new Promise((resolve) => setTimeout(resolve, 1000 * Number(response.headers.get("Retry-After") || 1)));
    }
  }

  reject(file, reason) {
    this.rejected.push({ file, reason });
    this.onChange();
  }

  // Return why a file cannot be uploaded; an empty string if it can.
  fileError(file) {
    const number = (value) => value.toLocaleString("en");
    if (file.lost) return UNREADABLE;
    if (!file.size) return "the file is empty, or it no longer exists";
    if (file.size > this.limits.largestFile) {
      return `the file has ${number(file.size)} bytes; the limit is ${number(this.limits.largestFile)} bytes`;
    }
    return "";
  }
}
