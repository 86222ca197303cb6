/* What Rapport's admin screens share: moments on the reader's clock, dialogs and tabs. */
(() => {
  "use strict";

  const lang = () => document.documentElement.lang || undefined;

  const tellMoments = (root) => {
    const form = new Intl.DateTimeFormat(lang(), { dateStyle: "medium", timeStyle: "short" });
    for (const time of root.querySelectorAll("time[data-moment]")) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      time.textContent = form.format(at);
      time.title = at.toString();
    }
  };

  const openDialog = (button) => {
    const dialog = document.getElementById(button.dataset.dialog);
    if (!dialog) return;
    dialog.showModal();
    dialog.querySelector("textarea, input:not([type=hidden]), select")?.focus();
  };

  const showTab = (tab) => {
    const list = tab.closest("[role=tablist]");
    for (const other of list.querySelectorAll("[role=tab]")) {
      const isChosen = other === tab;
      other.setAttribute("aria-selected", String(isChosen));
      other.tabIndex = isChosen ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).hidden = !isChosen;
    }
  };

  const moveTab = (tab, step) => {
    const tabs = [...tab.closest("[role=tablist]").querySelectorAll("[role=tab]")];
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    showTab(next);
    next.focus();
  };

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) openDialog(opener);
    const closer = event.target.closest("[data-close]");
    if (closer) closer.closest("dialog").close();
    const tab = event.target.closest("button[role=tab]");
    if (tab) showTab(tab);
  });

  document.addEventListener("keydown", (event) => {
    const tab = event.target.closest?.("button[role=tab]");
    if (!tab) return;
    if (event.key === "ArrowRight") moveTab(tab, 1);
    if (event.key === "ArrowLeft") moveTab(tab, -1);
  });

  /* A form is sent once, however often its button is pressed. */
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-once]")) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });

  document.addEventListener("DOMContentLoaded", () => tellMoments(document));
  document.addEventListener("htmx:afterSettle", (event) => tellMoments(event.target));
  document.addEventListener("htmx:load", (event) => tellMoments(event.target));
})();
