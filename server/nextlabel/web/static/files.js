// Files that the user chose or dropped.

const BATCH_BYTES = 16_000_000;  // of one request, unless a single file is larger

// Remove the first files from the list and return them: as many as fit into one request of at most `largest` files.
export function takeBatch(files, largest) {
  let count = 1;
  for (let bytes = files[0].size; count < Math.min(largest, files.length); count += 1) {
    bytes += files[count].size;
    if (bytes > BATCH_BYTES) break;
  }
  return files.splice(0, count);
}

// Return the files that are readable.
export async function readableFiles(files) {
  const readable = await Promise.all(files.map(isReadable));
  return files.filter((_, index) => readable[index]);
}

// Return whether a file still exists and can be read. It may have moved or changed since it was chosen.
export async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
