// Keeps the app at hand without a network, and shows what is pushed.
const shelf = "authenticator";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

// The network first, so that the app is never older than its server; the shelf where there is none.
self.addEventListener("fetch", (event) => {
  if (event.request.method !== "GET") return;
  event.respondWith(
    fetch(event.request).catch(async () => (await caches.match(event.request, { ignoreVary: true })) ?? Response.error())
  );
});

self.addEventListener("push", (event) => {
  const shown = event.data.json();
  event.waitUntil(
    self.registration.showNotification(shown.title, { body: shown.body, tag: "converge", icon: "/authenticator/icon-192.png" })
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(
    (async () => {
      const windows = await self.clients.matchAll({ type: "window" });
      const app = windows.find((window) => new URL(window.url).pathname === "/authenticator");
      return app ? app.focus() : self.clients.openWindow("/authenticator");
    })()
  );
});
