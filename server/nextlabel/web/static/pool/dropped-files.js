// The files of a drop event, including those inside folders.

// Return a promise of the files. Call it in the event handler: the browser clears the data afterwards.
export function droppedFiles(data) {
  const entries = [...data.items].map((item) => (item.webkitGetAsEntry ? item.webkitGetAsEntry() : null));
  const files = [...data.files];
  // data from a script or another program has files but no entries
  if (!entries.length || entries.some((entry) => !entry)) return Promise.resolve(files);
  return Promise.all(entries.map(filesInside)).then((lists) => lists.flat());
}

// Return whether a file of a folder is the user's own, not one that an operating system creates.
export function isVisible(file) {
  return !file.name.startsWith(".") && file.name !== "Thumbs.db" && file.name !== "desktop.ini";
}

// Return the files of an entry. An unreadable one is replaced by a `lost` placeholder, so that it keeps no other out.
async function filesInside(entry) {
  const lost = { name: entry.name, size: 0, lost: true };
  if (entry.isFile) return [await new Promise((resolve) => entry.file(resolve, () => resolve(lost)))];
  const reader = entry.createReader();
  const files = [];
  for (;;) {  // a reader returns some entries at a time, and none at the end
    const entries = await new Promise((resolve) => reader.readEntries(resolve, () => resolve(null)));
    if (!entries) files.push(lost);
    if (!entries?.length) break;
    for (const child of entries) files.push(...(await filesInside(child)));
  }
  return files.filter(isVisible);
}
