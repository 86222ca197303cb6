// The launch button wakes when the campaign's name is typed exactly.
"use strict";

document.addEventListener("input", (event) => {
  const wanted = event.target.dataset?.mustEqual;
  if (wanted === undefined) return;
  const button = event.target.form.querySelector("[data-when-equal]");
  if (button) button.disabled = event.target.value.trim() !== wanted;
});
