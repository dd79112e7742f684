// What the page says in words.

export function either(names) {
  return names.length > 1 ? `${names.slice(0, -1).join(", ")} or ${names.at(-1)}` : names.join("");
}

export function percent(share) {
  if (share < 1 && share > 0.995) return "over 99\u00a0%";
  return `${Math.round(100 * share)}\u00a0%`;
}

export function accuracy(share) {
  return `${(100 * share).toFixed(1)}\u00a0%`;
}

export function several(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

export function guess(item) {
  if (!item.suggestion) return "";
  return `The model says ${item.suggestion.label}, ${percent(item.suggestion.probability)}`;
}

export function why(item) {
  const reasons = {
    strategy: `Chosen by the strategy ${item.strategy}`,
    control: "Drawn by chance, to compare the strategy with (control arm)",
    holdout: "Hold-out: it measures the model, which never learns from it",
  };
  const model = item.checkpoint ? `checkpoint ${item.checkpoint}` : "before any model";
  return `${reasons[item.reason]} · query ${item.query} · ${model}`;
}

// What one label of a submission says.
export function label(given) {
  if (given.candidates) return either(given.candidates);
  if (given.retract) return "taken back";
  return given.skip ? "skipped" : String(given.value);
}

export function kept(outbox) {
  const refused = outbox.refused.length;
  if (refused && !outbox.waiting) return `${several(refused, "answer")} ${refused === 1 ? "was" : "were"} refused: see above.`;
  const count = several(outbox.waiting, "answer");
  const are = outbox.waiting === 1 ? "is" : "are";
  if (!outbox.durable && outbox.waiting) return `This browser keeps nothing: leave the page open until ${count} ${are} sent.`;
  if (outbox.locked) return outbox.waiting ? `${count} ${are} kept here until you log in again.` : "";
  if (!outbox.waiting) return "All answers are stored.";
  if (outbox.failing) return `${count} ${are} kept here and will be sent when the server is back.`;
  return `Sending ${count} …`;
}

// The goals that are reached.
export function goal(stop, metrics) {
  return Object.entries(stop).filter(([name, wanted]) => metrics[name] >= wanted).map(([name, wanted]) =>
    name === "accuracy" ? `accuracy ${accuracy(wanted)}` : several(wanted, name.replace(/s$/, ""))).join(" and ");
}
