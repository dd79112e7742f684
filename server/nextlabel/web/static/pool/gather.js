// The files of a drop, those in folders and their folders too.

// Call it in the event itself: afterwards the browser has let go of what was dropped.
export function dropped(data) {
  const entries = [...data.items].map((item) => (item.webkitGetAsEntry ? item.webkitGetAsEntry() : null));
  const files = [...data.files];
  // what a script made up, or another program gave, has files and no entries
  if (!entries.length || entries.some((entry) => !entry)) return Promise.resolve(files);
  return Promise.all(entries.map(inside)).then((lists) => lists.flat());
}

// Of a folder, what lies in it but for what systems leave there.
export function visible(file) {
  return !file.name.startsWith(".") && file.name !== "Thumbs.db" && file.name !== "desktop.ini";
}

// What cannot be opened keeps nothing else out: a `lost` one stands for it.
async function inside(entry) {
  const lost = { name: entry.name, size: 0, lost: true };
  if (entry.isFile) return [await new Promise((done) => entry.file(done, () => done(lost)))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {  // a hundred at a time, until there are none
    const some = await new Promise((done) => reader.readEntries(done, () => done(null)));
    if (!some) found.push(lost);
    if (!some?.length) break;
    for (const one of some) found.push(...(await inside(one)));
  }
  return found.filter(visible);
}
