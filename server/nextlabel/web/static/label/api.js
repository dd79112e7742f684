// One request to the server. What comes back has the status 0 where it did not answer.

const PATIENCE = 30_000;  // milliseconds

export async function ask(path, { method = "GET", body, keepalive = false } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    const answer = await fetch(path, {
      method, body, headers, keepalive, cache: "no-store", signal: AbortSignal.timeout(PATIENCE),
    });
    const after = Number(answer.headers.get("Retry-After")) || 0;
    const told = await read(answer);
    // a page where the server's word should be, a proxy's login for one: nothing was taken
    if (answer.ok && !told && method !== "HEAD") throw new Error("not the server's");
    return { status: answer.status, after, body: told ?? { detail: answer.statusText || `the answer has the status ${answer.status}` } };
  } catch {
    return { status: 0, after: 0, body: { detail: "the server does not answer" } };
  }
}

// Whether it is worth asking the same again later.
export function passing(status) {
  return status === 0 || status === 408 || status === 425 || status === 429 || status >= 500;
}

async function read(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
