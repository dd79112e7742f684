// Tries again later: soon at first, then less and less often, and at once when the network is back.

const FIRST = 1000;  // milliseconds
const LAST = 30_000;

export class Backoff {
  #run;
  #timer = 0;
  #wait = FIRST;

  constructor(run) {
    this.#run = run;
    window.addEventListener("online", () => this.now());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.#timer) this.now();
    });
  }

  // Run again after `least` milliseconds or more.
  later(least = 0) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.now(), Math.max(least, this.#wait * (0.75 + Math.random() / 2)));
    this.#wait = Math.min(LAST, 2 * this.#wait);
  }

  now() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#run();
  }

  // It worked.
  calm() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#wait = FIRST;
  }
}
