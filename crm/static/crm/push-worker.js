// Shows what is pushed, and leads on when it is clicked.
"use strict";
self.addEventListener("push", (event) => {
  const told = event.data ? event.data.json() : {};
  event.waitUntil(
    self.registration.showNotification(told.title || "", {
      body: told.body || "",
      tag: told.tag || undefined,
      data: { url: told.url || "" },
    }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { url } = event.notification.data;
  if (/^https?:/.test(url)) event.waitUntil(self.clients.openWindow(url));
});
