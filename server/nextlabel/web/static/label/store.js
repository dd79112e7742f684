// Two shelves of answers that outlive the page: those waiting to be sent, and those refused.
// In memory where the browser keeps nothing, and then `durable` is false.

const SHELVES = ["waiting", "refused"];

export async function openStore() {
  try {
    const database = await open();
    return new Kept(database);
  } catch {
    return new Forgetful();
  }
}

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("nextlabel", 1);
    request.onupgradeneeded = () => {
      for (const shelf of SHELVES) {
        const made = request.result.createObjectStore(shelf, { keyPath: "order", autoIncrement: true });
        made.createIndex("project", "project");
      }
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
}

class Kept {
  durable = true;
  #database;

  constructor(database) {
    this.#database = database;
    database.onversionchange = () => database.close();
  }

  // The write is under way when this returns, so that leaving the page does not undo it.
  add(shelf, entry) {
    return this.#write([shelf], (transaction) => transaction.objectStore(shelf).add(entry));
  }

  remove(shelf, order) {
    return this.#write([shelf], (transaction) => transaction.objectStore(shelf).delete(order));
  }

  move(from, to, { order, ...entry }) {
    return this.#write(SHELVES, (transaction) => {
      transaction.objectStore(from).delete(order);
      return transaction.objectStore(to).add(entry);
    });
  }

  first(shelf, project) {
    return this.#read(shelf, (index) => index.get(project));
  }

  all(shelf, project) {
    return this.#read(shelf, (index) => index.getAll(project));
  }

  #write(shelves, act) {
    return new Promise((resolve, reject) => {
      const transaction = this.#database.transaction(shelves, "readwrite", { durability: "strict" });
      const request = act(transaction);
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
      transaction.commit();
    });
  }

  #read(shelf, act) {
    return new Promise((resolve, reject) => {
      const request = act(this.#database.transaction(shelf).objectStore(shelf).index("project"));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  }
}

class Forgetful {
  durable = false;
  #shelves = new Map(SHELVES.map((shelf) => [shelf, []]));
  #count = 0;

  async add(shelf, entry) {
    this.#count += 1;
    this.#shelves.get(shelf).push({ ...entry, order: this.#count });
    return this.#count;
  }

  async remove(shelf, order) {
    this.#shelves.set(shelf, this.#shelves.get(shelf).filter((entry) => entry.order !== order));
  }

  async move(from, to, { order, ...entry }) {
    await this.remove(from, order);
    return this.add(to, entry);
  }

  async first(shelf, project) {
    return (await this.all(shelf, project))[0];
  }

  async all(shelf, project) {
    return this.#shelves.get(shelf).filter((entry) => entry.project === project);
  }
}
