// Offer only the templates and fields that fit the chosen channel.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const channel = document.getElementById("id_channel");
  const template = document.getElementById("id_template");
  if (!channel || !template) return;
  const ending = document.querySelector(".field-opt_out_text");
  const tracking = document.querySelector(".field-tracking");
  const offer = () => {
    for (const option of template.options) {
      const fits = !option.dataset.channel || option.dataset.channel === channel.value;
      option.hidden = option.disabled = !fits;
      if (!fits && option.selected) template.value = "";
    }
    if (ending) ending.hidden = channel.value !== "sms";
    if (tracking) tracking.hidden = channel.value !== "email";
  };
  channel.addEventListener("change", offer);
  offer();
});
