// Retries with growing delays, and at once when the network is back or the page is shown again.

const FIRST_DELAY = 1000;  // milliseconds
const LONGEST_DELAY = 30_000;

export class Backoff {
  #run;
  #timer = 0;
  #delay = FIRST_DELAY;

  constructor(run) {
    this.#run = run;
    window.addEventListener("online", () => this.runNow());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.#timer) this.runNow();
    });
  }

  // Run again after at least `minimum` milliseconds.
  schedule(minimum = 0) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.runNow(), Math.max(minimum, this.#delay * (0.75 + Math.random() / 2)));
    this.#delay = Math.min(LONGEST_DELAY, 2 * this.#delay);
  }

  runNow() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#run();
  }

  // Forget earlier failures and any scheduled run.
  reset() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#delay = FIRST_DELAY;
  }
}
