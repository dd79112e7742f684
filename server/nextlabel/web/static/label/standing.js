// Where the project stands, at the foot of the page: asked for gently, and only while somebody looks.

import { ask } from "./api.js";
import * as said from "./said.js";

const here = (id) => document.getElementById(id);
const CALM = 6000;  // milliseconds between two looks
const BUSY = 1500;  // while a training runs
const SOON = 400;

export class Standing extends EventTarget {
  now = null;
  #address;
  #timer = 0;
  #looking = false;
  #job = null;

  constructor(address) {
    super();
    this.#address = address;
    here("train").addEventListener("click", () => this.#train());
    document.addEventListener("visibilitychange", () => this.look());
  }

  // Look soon: something was said.
  soon() {
    this.#later(SOON);
  }

  async look() {
    clearTimeout(this.#timer);
    if (document.hidden || this.#looking) return;
    this.#looking = true;
    const { status, body } = await ask(`${this.#address}status`);
    this.#looking = false;
    if (status === 200) {
      const before = this.now;
      this.now = body;
      this.#tell(before);
      this.dispatchEvent(new CustomEvent("change"));
      if (before && before.checkpoint !== body.checkpoint) this.dispatchEvent(new CustomEvent("swapped"));
      if (this.#job && !body.training) this.#ended();
      this.#job = body.training?.job ?? null;
    }
    this.#later(this.now?.training ? BUSY : CALM);
  }

  #later(wait) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.look(), wait);
  }

  #tell(before) {
    const { training, unseen, until_training: until, train_every: every, labelled, items, checkpoint } = this.now;
    here("standing").textContent = `${labelled.toLocaleString("en")} of ${said.several(items, "item")} labelled · ${next(this.now)}`;
    const share = here("share");
    share.hidden = !training && !every;
    share.value = training ? training.progress : every ? 1 - until / every : 0;
    share.setAttribute("aria-label", training ? "The training" : "Towards the next training");
    here("train").hidden = Boolean(training) || every > 0 || (unseen === 0 && checkpoint !== null);
    here("train").disabled = false;
    here("goal").textContent = this.now.reached ? `The goal is reached: ${said.goal(this.now.stop, this.now.metrics)}. You may stop here, or go on.` : "";
    if (before && before.checkpoint !== checkpoint && checkpoint) {
      const [was, is] = [before.metrics.accuracy, this.now.metrics.accuracy];
      const what = before.checkpoint === null ? "A first model is live" : is > was ? "A better model is live" : "A new model is live";
      this.#news(`${what}: ${checkpoint}${is === undefined || is === null ? "" : `, accuracy ${said.accuracy(is)}`}`);
    }
  }

  // A training has ended: say so where no new model tells of it.
  async #ended() {
    const { checkpoint } = this.now;
    const { status, body } = await ask(`${this.#address}jobs/${this.#job}`);
    if (status !== 200) return;
    if (body.state === "succeeded") {
      const made = await ask(`${this.#address}checkpoints`);
      const mine = made.body.checkpoints?.find((found) => found.job === body.job);
      if (mine && !mine.live && this.now.checkpoint === checkpoint) this.#news(`The new model ${mine.checkpoint} waits: ${mine.verdict}`);
    } else this.#news(`The training was ${body.state}${body.error ? `: ${body.error}` : ""}`);
  }

  async #train() {
    here("train").disabled = true;
    this.#news("");
    const { status, body } = await ask(`${this.#address}train`, { method: "POST" });
    if (status !== 202) this.#news(body.detail);
    this.look();
  }

  #news(text) {
    here("news").textContent = text;
  }
}

function next({ training, unseen, until_training: until, train_every: every, checkpoint }) {
  if (training) return training.state === "queued" ? "a training waits" : `training, ${said.percent(training.progress)}`;
  if (every) return until ? `${said.several(until, "answer")} until the next training` : "the next training is due";
  if (checkpoint === null) return "no model yet";
  return unseen ? `${said.several(unseen, "answer")} the model has not seen` : "the model has seen every answer";
}
