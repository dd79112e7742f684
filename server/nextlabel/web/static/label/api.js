// One request to the server.

const TIMEOUT = 30_000;  // milliseconds

// Return { status, retryAfter, body }. The status is 0 if the server did not answer.
export async function request(path, { method = "GET", body, keepalive = false } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    const response = await fetch(path, {
      method, body, headers, keepalive, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT),
    });
    const retryAfter = Number(response.headers.get("Retry-After")) || 0;
    const json = await parseJson(response);
    // an HTML page, such as a proxy's login page, means that our server did not get the request
    if (response.ok && !json && method !== "HEAD") throw new Error("not our server");
    const detail = response.statusText || `the server answered with status ${response.status}`;
    return { status: response.status, retryAfter, body: json ?? { detail } };
  } catch {
    return { status: 0, retryAfter: 0, body: { detail: "the server does not answer" } };
  }
}

// Return whether the same request may succeed later.
export function isTemporary(status) {
  return status === 0 || status === 408 || status === 425 || status === 429 || status >= 500;
}

async function parseJson(response) {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
