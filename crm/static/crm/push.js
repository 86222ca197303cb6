// Asks the browser for a push subscription and hands it to the page's own address.
"use strict";
(() => {
  const button = document.getElementById("push");
  const show = (name) => { document.getElementById(name).hidden = false; };

  const bytes = (text) => {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
  };

  const subscribe = async () => {
    const worker = await navigator.serviceWorker.register(button.dataset.worker);
    await navigator.serviceWorker.ready;
    const subscription = await worker.pushManager.subscribe({
      userVisibleOnly: true,
      applicationServerKey: bytes(button.dataset.key),
    });
    const answer = await fetch(location.pathname, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(subscription),
    });
    if (!answer.ok) throw new Error(String(answer.status));
  };

  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await subscribe();
      button.hidden = true;
      show("push-done");
    } catch {
      button.disabled = false;
      show("push-failed");
    }
  });
})();
