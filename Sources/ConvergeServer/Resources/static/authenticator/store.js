// What this device keeps: one record for each account, with keys that the browser itself will not hand out.
const open = new Promise((done, failed) => {
  const request = indexedDB.open("converge", 1);
  request.onupgradeneeded = () => request.result.createObjectStore("accounts", { keyPath: "credential" });
  request.onsuccess = () => done(request.result);
  request.onerror = () => failed(request.error);
});

async function act(mode, what) {
  const transaction = (await open).transaction("accounts", mode);
  const request = what(transaction.objectStore("accounts"));
  return new Promise((done, failed) => {
    transaction.oncomplete = () => done(request.result);
    transaction.onerror = transaction.onabort = () => failed(transaction.error);
  });
}

export const all = () => act("readonly", (store) => store.getAll());
export const keep = (account) => act("readwrite", (store) => store.put(account));
export const forget = (credential) => act("readwrite", (store) => store.delete(credential));
