// Files that were chosen, as browsers hold them.

const TOGETHER = 16_000_000;  // bytes a request, unless one file has more

// Take the first of the files out of the list, as many as go into one request.
export function portion(files, most) {
  let count = 1;
  for (let bytes = files[0].size; count < Math.min(most, files.length); count += 1) {
    bytes += files[count].size;
    if (bytes > TOGETHER) break;
  }
  return files.splice(0, count);
}

// Those of the files that `opens`.
export async function readable(files) {
  const found = await Promise.all(files.map(opens));
  return files.filter((_, place) => found[place]);
}

// Whether a file is still there and may be read: it may have moved or changed since it was chosen.
export async function opens(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
