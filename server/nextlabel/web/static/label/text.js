// The texts of the labelling page.

// Return `cat`, `cat or dog`, `cat, dog or frog`.
export function joinOr(names) {
  return names.length > 1 ? `${names.slice(0, -1).join(", ")} or ${names.at(-1)}` : names.join("");
}

export function percent(share) {
  if (share < 1 && share > 0.995) return "over 99\u00a0%";
  return `${Math.round(100 * share)}\u00a0%`;
}

export function accuracyText(share) {
  return `${(100 * share).toFixed(1)}\u00a0%`;
}

export function plural(count, singular, many = `${singular}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? singular : many}`;
}

export function predictionText(item) {
  if (!item.suggestion) return "";
  return `Model: ${item.suggestion.label} (${percent(item.suggestion.probability)})`;
}

// Return why the server chose an item.
export function reasonText(item) {
  const reasons = {
    strategy: `Chosen by the strategy ${item.strategy}`,
    control: "Drawn at random for the control arm, to compare the strategy with chance",
    holdout: "Hold-out item: it measures the model, which is never trained on it",
  };
  const model = item.checkpoint ? `checkpoint ${item.checkpoint}` : "no model yet";
  return `${reasons[item.reason]} · query ${item.query} · ${model}`;
}

// Return the content of one label as it is sent to the server.
export function labelText(label) {
  if (label.candidates) return joinOr(label.candidates);
  if (label.retract) return "retracted";
  return label.skip ? "skipped" : String(label.value);
}

// Return what happens to the labels that are not on the server yet.
export function outboxText({ waiting, rejected, durable, loggedOut, failing }) {
  if (rejected.length && !waiting) {
    return `${plural(rejected.length, "label")} ${rejected.length === 1 ? "was" : "were"} rejected: see above.`;
  }
  const labels = plural(waiting, "label");
  const are = waiting === 1 ? "is" : "are";
  if (!durable && waiting) return `This browser cannot store labels: leave the page open until ${labels} ${are} sent.`;
  if (loggedOut) return waiting ? `${labels} ${are} stored in this browser until you log in again.` : "";
  if (!waiting) return "All labels are saved.";
  if (failing) return `${labels} ${are} stored in this browser and will be sent when the server is back.`;
  return `Sending ${labels} …`;
}

// Return an error as the other pages show it.
export function errorText(error) {
  return String(Number(error.toPrecision(4)));
}

// Return what was measured on the hold-out, if anything was; a metric that is not a number arrives as null.
export function measuredText({ accuracy, rmse }) {
  if (accuracy !== undefined && accuracy !== null) return `accuracy ${accuracyText(accuracy)}`;
  return rmse !== undefined && rmse !== null ? `error ${errorText(rmse)}` : "";
}

// Return whether a model with these metrics is better than one with `before`.
export function isBetter(metrics, before) {
  return metrics.accuracy > before.accuracy || (metrics.rmse !== null && metrics.rmse < before.rmse);
}

// Return the goals of the project file that `metrics` reach; an error is reached from above.
export function goalText(stop, metrics) {
  const reached = Object.entries(stop).filter(([name, target]) =>
    name === "rmse" ? metrics.rmse !== null && metrics.rmse <= target : metrics[name] >= target);
  return reached.map(([name, target]) => {
    if (name === "accuracy") return `accuracy ${accuracyText(target)}`;
    if (name === "rmse") return `error of at most ${errorText(target)}`;
    return plural(target, name.replace(/s$/, ""));
  }).join(" and ");
}

// Return when the next training starts, or how many labels the model was not trained on.
export function trainingText({ training, unseen, until_training: until, train_every: every, checkpoint }) {
  if (training) return training.state === "queued" ? "a training is queued" : `training, ${percent(training.progress)}`;
  if (every) return until ? `${plural(until, "label")} until the next training` : "the next training is due";
  if (checkpoint === null) return "no model yet";
  return unseen ? `${plural(unseen, "new label")} since ${checkpoint} was trained` : `no new labels since ${checkpoint} was trained`;
}
