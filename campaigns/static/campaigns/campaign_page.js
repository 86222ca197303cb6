// The campaign's page: the launch button wakes when the name is typed exactly, and news from the
// live stream refreshes the progress at once (without the stream the page asks every two seconds).
"use strict";

document.addEventListener("input", (event) => {
  const wanted = event.target.dataset?.mustEqual;
  if (wanted === undefined) return;
  const button = event.target.form.querySelector("[data-when-equal]");
  if (button) button.disabled = event.target.value.trim() !== wanted;
});

document.addEventListener("DOMContentLoaded", () => {
  const address = document.getElementById("live")?.dataset.stream;
  if (!address) return;
  let toldAt = 0;
  const stream = new EventSource(address);
  stream.addEventListener("message", () => {
    const now = Date.now();
    if (now - toldAt < 400) return;
    toldAt = now;
    const live = document.getElementById("live");
    if (live?.dataset.stream) window.htmx.trigger(live, "told");
    else stream.close();
  });
  stream.addEventListener("error", () => stream.close());
});
