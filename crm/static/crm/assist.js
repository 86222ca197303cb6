/* For the keyboard and for screen readers: what the admin's frame leaves out. */
(() => {
  "use strict";

  const search = () => document.getElementById("rp-search");
  const words = () => search()?.dataset ?? {};

  /* Names: a field without a label gets one, letters that draw an icon are not read aloud. */
  const named = (element) =>
    element.getAttribute("aria-label") || element.getAttribute("aria-labelledby") || element.title;
  const name = (element, text) => {
    if (text && !named(element)) element.setAttribute("aria-label", text);
  };
  const hideIcons = (root) => {
    for (const icon of root.querySelectorAll(".material-symbols-outlined:not([aria-hidden])")) {
      if (!icon.hasAttribute("x-on:click")) icon.setAttribute("aria-hidden", "true");
    }
  };
  const nameFields = (root) => {
    for (const field of root.querySelectorAll("input[placeholder], textarea[placeholder]")) {
      if (!field.labels?.length) name(field, field.placeholder);
    }
    for (const button of root.querySelectorAll("#searchbar-submit")) name(button, words().searchLabel);
    for (const link of root.querySelectorAll("[id^=calendarlink]")) name(link, words().dateLabel);
    for (const link of root.querySelectorAll("[id^=clocklink]")) name(link, words().timeLabel);
    for (const part of root.querySelectorAll(".vDateField, .vTimeField")) {
      const whole = document.querySelector(`label[for="${part.id.replace(/_[01]$/, "_0")}"]`);
      if (!part.labels?.length && whole) name(part, whole.textContent.trim());
    }
  };

  /* A picture that leads where the words beside it lead is for the mouse only. */
  const spoken = (element) => {
    const copy = element.cloneNode(true);
    for (const icon of copy.querySelectorAll("[aria-hidden=true]")) icon.remove();
    return copy.textContent.trim();
  };
  const dropTwins = (root) => {
    for (const link of root.querySelectorAll("a[href]:not([aria-hidden])")) {
      if (named(link) || spoken(link) || link.querySelector("img, svg")) continue;
      if (document.querySelectorAll(`a[href="${CSS.escape(link.getAttribute("href"))}"]`).length < 2) continue;
      link.tabIndex = -1;
      link.setAttribute("aria-hidden", "true");
    }
  };

  /* What is clicked can be reached and pressed: the frame makes buttons of anything. */
  const native = "a[href], button, input, select, textarea, summary, label";
  const makeButtons = (root) => {
    for (const part of root.querySelectorAll("[x-on\\:click]")) {
      if (part.matches(native) || part.querySelector(native) || part.id === "changelist-filter-close") continue;
      part.setAttribute("role", "button");
      part.tabIndex = 0;
      if (part.matches(".material-symbols-outlined")) name(part, words().menuLabel);
    }
  };
  document.addEventListener("keydown", (event) => {
    const part = event.target;
    if (!part.matches?.("[role=button][x-on\\:click]") || part.matches(native)) return;
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    part.click();
  });

  /* The frame looks for a text field beside every file field; ours stand alone. */
  const keepToItself = (event) => {
    if (event.target.matches?.("input[type=file].rp-input")) event.stopPropagation();
  };
  document.addEventListener("change", keepToItself, true);

  /* The search keeps the keyboard while it is open, and gives it back. */
  const reachable = (box) =>
    [...box.querySelectorAll("a[href], button, input")].filter((part) => part.offsetParent !== null);
  const keepInside = (box) => {
    box.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && event.target.id !== "search-input-command") {
        box.querySelector("#search-input-command").focus();
      }
      if (event.key !== "Tab") return;
      const parts = reachable(box);
      const at = parts.indexOf(document.activeElement);
      const next = parts[(at + (event.shiftKey ? -1 : 1) + parts.length) % parts.length];
      event.preventDefault();
      next?.focus();
    });
    let before = null;
    document.addEventListener("focusin", (event) => {
      if (!box.contains(event.target)) before = event.target;
    });
    let wasOpen = false;
    new MutationObserver(() => {
      const isOpen = box.style.display !== "none";
      if (wasOpen && !isOpen && (document.activeElement === document.body || box.contains(document.activeElement))) {
        before?.focus();
      }
      wasOpen = isOpen;
    }).observe(box, { attributes: true, attributeFilter: ["style"] });
  };

  const mend = (root) => {
    hideIcons(root);
    nameFields(root);
    dropTwins(root);
    makeButtons(root);
  };
  document.addEventListener("DOMContentLoaded", () => {
    mend(document);
    if (search()) keepInside(search());
  });
  document.addEventListener("htmx:load", (event) => mend(event.target));
  window.addEventListener("load", () => nameFields(document));
})();
