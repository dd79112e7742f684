// Watches the work that new images bring: they are scored in the background.

const EVERY = 1000;
const KINDS = { score: "Scoring by the model", import: "Reading the data set" };

// Calls `told` with words and a share of 0 to 1 until nothing is left to do; null where all is done.
export async function watch(address, told) {
  for (;;) {
    const response = await fetch(`${address}?limit=20`, { headers: { Accept: "application/json" } });
    if (!response.ok) return told(null);
    const { jobs } = await response.json();
    const busy = jobs.filter((job) => job.kind in KINDS && (job.state === "queued" || job.state === "running")).at(-1);
    if (!busy) {
      const last = jobs.find((job) => job.kind in KINDS);
      return told(null, last && last.state === "failed" ? `The model could not score them: ${last.error}` : "");
    }
    told(busy.state === "queued" ? `${KINDS[busy.kind]} waits for its turn` : KINDS[busy.kind], busy.progress);
    await new Promise((done) => setTimeout(done, EVERY));
  }
}
