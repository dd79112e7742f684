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

async function inside(entry) {
  if (entry.isFile) return [await new Promise((done, failed) => entry.file(done, failed))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {  // a hundred at a time, until there are none
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) break;
    for (const one of some) found.push(...(await inside(one)));
  }
  return found.filter(visible);
}
