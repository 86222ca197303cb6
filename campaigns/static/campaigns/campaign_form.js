// Offer only the templates that are written for the chosen channel.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const channel = document.getElementById("id_channel");
  const template = document.getElementById("id_template");
  if (!channel || !template) return;
  const offer = () => {
    for (const option of template.options) {
      const fits = !option.dataset.channel || option.dataset.channel === channel.value;
      option.hidden = option.disabled = !fits;
      if (!fits && option.selected) template.value = "";
    }
  };
  channel.addEventListener("change", offer);
  offer();
});
