// The message in place of an image: why there is nothing to label at this moment.

export function emptyState(problem, status, context) {
  const paragraph = document.createElement("p");
  paragraph.append(...emptyStateParts(problem, status, context).map((part) => (typeof part === "string" ? part : link(part))));
  return paragraph;
}

// Return the message as texts and links, `{ text, href }`. `problem` is the queue's; null while images are loading.
export function emptyStateParts(problem, projectStatus, { waiting, login, pool }) {
  if (!problem) return ["Loading images …"];
  const { status, detail } = problem;
  if (status === 200) return nothingToLabel(projectStatus, pool, detail);
  if (status === 0) {
    const stored = waiting ? " Your labels are stored in this browser." : "";
    return [`Offline. You have labelled everything that was prefetched.${stored}`];
  }
  if (status === 401) {
    return ["This server needs its access token again. ", { text: "Log in", href: login }, ". Your labels are stored in this browser."];
  }
  if (status === 503) return [`Not ready yet: ${detail}. This page tries again automatically.`];
  if (status === 404) return [`${capitalized(detail)}. `, { text: "All projects", href: "/" }];
  return [`The server could not choose the next images: ${detail}. This page tries again automatically.`];
}

// `hint` is from the server: how to fill an empty pool.
function nothingToLabel(projectStatus, pool, hint) {
  if (projectStatus?.items === 0) {
    if (hint) return [`There is nothing to label yet: ${hint}. New images appear here automatically. `, { text: "Pool", href: pool }];
    return ["There is nothing to label yet. Add images in the ", { text: "pool", href: pool }, "; they appear here automatically."];
  }
  if (projectStatus?.open === 0) return ["Everything is labelled. Thank you! New images appear here automatically."];
  return [
    "Nothing to label right now: other annotators are working on the open images, or you have labelled or skipped them. " +
    "This page checks again automatically.",
  ];
}

function link({ text, href }) {
  const anchor = document.createElement("a");
  anchor.href = href;
  anchor.textContent = text;
  return anchor;
}

function capitalized(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
