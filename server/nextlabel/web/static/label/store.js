// The browser's storage for labels that wait to be sent and labels that the server rejected.
// Without IndexedDB they are held in memory, and `durable` is false.

export const WAITING = "waiting";
export const REJECTED = "refused";  // the name in databases of earlier versions, whose labels must not be lost
const LISTS = [WAITING, REJECTED];

export async function openStore() {
  try {
    return new IndexedDbStore(await openDatabase());
  } catch {
    return new MemoryStore();
  }
}

function openDatabase() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("nextlabel", 1);
    request.onupgradeneeded = () => {
      for (const list of LISTS) {
        const store = request.result.createObjectStore(list, { keyPath: "order", autoIncrement: true });
        store.createIndex("project", "project");
      }
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
}

class IndexedDbStore {
  durable = true;
  #database;

  constructor(database) {
    this.#database = database;
    database.onversionchange = () => database.close();
  }

  // The write has started when this returns, so leaving the page does not cancel it.
  add(list, entry) {
    return this.#write([list], (transaction) => transaction.objectStore(list).add(entry));
  }

  remove(list, order) {
    return this.#write([list], (transaction) => transaction.objectStore(list).delete(order));
  }

  move(from, to, { order, ...entry }) {
    return this.#write(LISTS, (transaction) => {
      transaction.objectStore(from).delete(order);
      return transaction.objectStore(to).add(entry);
    });
  }

  first(list, project) {
    return this.#read(list, (index) => index.get(project));
  }

  all(list, project) {
    return this.#read(list, (index) => index.getAll(project));
  }

  #write(lists, operation) {
    return new Promise((resolve, reject) => {
      const transaction = this.#database.transaction(lists, "readwrite", { durability: "strict" });
      const request = operation(transaction);
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
      transaction.commit();
    });
  }

  #read(list, operation) {
    return new Promise((resolve, reject) => {
      const request = operation(this.#database.transaction(list).objectStore(list).index("project"));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  }
}

export class MemoryStore {
  durable = false;
  #lists = new Map(LISTS.map((list) => [list, []]));
  #count = 0;

  async add(list, entry) {
    this.#count += 1;
    this.#lists.get(list).push({ ...entry, order: this.#count });
    return this.#count;
  }

  async remove(list, order) {
    this.#lists.set(list, this.#lists.get(list).filter((entry) => entry.order !== order));
  }

  async move(from, to, { order, ...entry }) {
    await this.remove(from, order);
    return this.add(to, entry);
  }

  async first(list, project) {
    return (await this.all(list, project))[0];
  }

  async all(list, project) {
    return this.#lists.get(list).filter((entry) => entry.project === project);
  }
}
