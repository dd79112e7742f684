// The project's status at the foot of the page: polled slowly, and only while the page is visible.

import { request } from "./api.js";
import { goalText, isBetter, measuredText, plural, trainingText } from "./text.js";

const byId = (id) => document.getElementById(id);
const IDLE_INTERVAL = 6000;  // milliseconds between two polls
const TRAINING_INTERVAL = 1500;
const SOON = 400;

export class Status extends EventTarget {
  current = null;
  #address;
  #timer = 0;
  #polling = false;
  #job = null;

  constructor(address) {
    super();
    this.#address = address;
    byId("train").addEventListener("click", () => this.#train());
    document.addEventListener("visibilitychange", () => this.poll());
  }

  // Poll soon, because labels were sent.
  pollSoon() {
    this.#schedule(SOON);
  }

  async poll() {
    clearTimeout(this.#timer);
    if (document.hidden || this.#polling) return;
    this.#polling = true;
    const { status, body } = await request(`${this.#address}status`);
    this.#polling = false;
    if (status === 200) {
      const before = this.current;
      this.current = body;
      this.#render(before);
      this.dispatchEvent(new CustomEvent("change"));
      if (before && before.checkpoint !== body.checkpoint) this.dispatchEvent(new CustomEvent("new-model"));
      if (this.#job && !body.training) this.#trainingEnded();
      this.#job = body.training?.job ?? null;
    }
    this.#schedule(this.current?.training ? TRAINING_INTERVAL : IDLE_INTERVAL);
  }

  #schedule(delay) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.poll(), delay);
  }

  #render(before) {
    const { training, unseen, until_training: until, train_every: every, labelled, items, checkpoint } = this.current;
    byId("status").textContent = `${labelled.toLocaleString("en")} of ${plural(items, "item")} labelled · ${trainingText(this.current)}`;
    const progress = byId("training-progress");
    progress.hidden = !training && !every;
    progress.value = training ? training.progress : every ? 1 - until / every : 0;
    progress.setAttribute("aria-label", training ? "Training progress" : "Labels towards the next training");
    byId("train").hidden = Boolean(training) || every > 0 || (unseen === 0 && checkpoint !== null);
    byId("train").disabled = false;
    const { reached, stop, metrics } = this.current;
    byId("goal").textContent = reached ? `The goal is reached: ${goalText(stop, metrics)}. You can stop here or continue.` : "";
    if (before && before.checkpoint !== checkpoint && checkpoint) {
      const better = before.checkpoint === null ? "The first model" : isBetter(metrics, before.metrics) ? "A better model" : "A new model";
      const measured = measuredText(metrics);
      this.#notify(`${better} is live: ${checkpoint}${measured && `, ${measured}`}`);
    }
  }

  // Show the result of a training that did not change the live model.
  async #trainingEnded() {
    const { checkpoint } = this.current;
    const { status, body: job } = await request(`${this.#address}jobs/${this.#job}`);
    if (status !== 200) return;
    if (job.state === "succeeded") {
      const { body } = await request(`${this.#address}checkpoints`);
      const trained = body.checkpoints?.find((other) => other.job === job.job);
      if (trained && !trained.live && this.current.checkpoint === checkpoint) {
        this.#notify(`The new model ${trained.checkpoint} was not promoted: ${trained.verdict}`);
      }
    } else this.#notify(`Training ${job.state}${job.error ? `: ${job.error}` : ""}`);
  }

  async #train() {
    byId("train").disabled = true;
    this.#notify("");
    const { status, body } = await request(`${this.#address}train`, { method: "POST" });
    if (status !== 202) this.#notify(body.detail);
    this.poll();
  }

  #notify(text) {
    byId("notice").textContent = text;
  }
}
