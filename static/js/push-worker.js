// The service worker of pushes: shows what came, opens the console when it is clicked. No cache.

self.addEventListener("push", (event) => {
  const told = event.data?.json() ?? { title: "Countersign", body: "" };
  event.waitUntil(
    self.registration.showNotification(told.title, { body: told.body, tag: told.ref }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(openConsole());
});

async function openConsole() {
  const windows = await self.clients.matchAll({ type: "window" });
  return windows.length ? windows[0].focus() : self.clients.openWindow("/");
}
