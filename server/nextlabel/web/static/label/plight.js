// Why there is nothing to label at this moment, as a person would say it.

export function plight(trouble, standing, places) {
  const made = document.createElement("p");
  made.append(...parts(trouble, standing, places));
  return made;
}

function parts(trouble, standing, { waiting, login, pool }) {
  if (!trouble) return ["Fetching images …"];
  const { status, detail } = trouble;
  if (status === 200) return nothing(standing, pool);
  if (status === 0) return ["Waiting for the connection: all that was at hand is answered.", ...(waiting ? [" Your answers are kept here."] : [])];
  if (status === 401) return ["This server wants its access token again. ", link(login, "Log in"), "; your answers are kept here."];
  if (status === 503) return [`Not ready yet: ${detail}. This page tries again by itself.`];
  if (status === 404) return [`${sentence(detail)}. `, link("/", "All projects")];
  return [`The server could not choose what to ask: ${detail}. This page tries again by itself.`];
}

function nothing(standing, pool) {
  if (standing && standing.items === 0) {
    return ["There is nothing to label yet. Add images in the ", link(pool, "pool"), "; they appear here by themselves."];
  }
  if (standing && standing.open === 0) return ["All is labelled. Thank you! New images appear here by themselves."];
  return ["Nothing to label for you just now: what is open is with others, or you have answered it or skipped it. This page looks again by itself."];
}

function link(address, text) {
  const made = document.createElement("a");
  made.href = address;
  made.textContent = text;
  return made;
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
