// Watches the background jobs that new images cause.

const INTERVAL = 1000;  // milliseconds
const KINDS = { score: "Scoring by the model", import: "Reading the data set" };

// Call `onProgress(text, progress)` with a progress of 0 to 1 until no job is left; then once with null and, if a job
// failed, the error.
export async function watchJobs(address, onProgress) {
  for (;;) {
    const response = await fetch(`${address}?limit=20`, { headers: { Accept: "application/json" } });
    if (!response.ok) return onProgress(null);
    const { jobs } = await response.json();
    const active = jobs.filter((job) => job.kind in KINDS && (job.state === "queued" || job.state === "running")).at(-1);
    if (!active) {
      const last = jobs.find((job) => job.kind in KINDS);
      return onProgress(null, last?.state === "failed" ? `The model could not score them: ${last.error}` : "");
    }
    onProgress(active.state === "queued" ? `${KINDS[active.kind]} is queued` : KINDS[active.kind], active.progress);
    await new Promise((resolve) => setTimeout(resolve, INTERVAL));
  }
}
