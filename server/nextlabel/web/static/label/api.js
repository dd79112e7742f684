// One request to the server. What comes back has the status 0 where nobody answered.

const PATIENCE = 30_000;  // milliseconds

export async function ask(path, { method = "GET", body, keepalive = false } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    const answer = await fetch(path, {
      method, body, headers, keepalive, cache: "no-store", signal: AbortSignal.timeout(PATIENCE),
    });
    const after = Number(answer.headers.get("Retry-After")) || 0;
    return { status: answer.status, after, body: await read(answer) };
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
  } catch {  // a proxy's own page
    return { detail: answer.statusText || `the answer has the status ${answer.status}` };
  }
}
