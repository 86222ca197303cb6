/* The inbox: keeps the thread at its end, the draft safe, and calls up ready replies on “/”. */
(() => {
  "use strict";

  const box = document.getElementById("inbox-box");
  const thread = () => document.getElementById("inbox-thread");
  if (!box) return;

  const text = document.getElementById("inbox-text");
  const offers = document.getElementById("shortcuts");
  const ready = JSON.parse(document.getElementById("reply-shortcuts").textContent);
  const draftKey = `draft-${box.dataset.conversation}`;
  const kind = () => box.querySelector("input[name=kind]:checked").value;

  /* Thread: stay at the end unless somebody reads further up. */
  const toEnd = () => { thread().scrollTop = thread().scrollHeight; };
  let wasAtEnd = true;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.target.id !== "inbox-thread") return;
    const pane = thread();
    wasAtEnd = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 60;
    pane.dataset.at = pane.scrollTop;
    box.dataset.at = pane.scrollTop;
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (wasAtEnd) toEnd();
    else thread().scrollTop = Number(box.dataset.at);
  });

  /* Buttons outside the form post too: they carry the same token. */
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.verb === "post") {
      event.detail.headers["X-CSRFToken"] = box.elements.csrfmiddlewaretoken.value;
    }
  });

  /* Draft: kept until it was sent, also over a reload. */
  text.value = sessionStorage.getItem(draftKey) || "";
  const keepDraft = () => sessionStorage.setItem(draftKey, text.value);
  document.body.addEventListener("rp-written", () => {
    text.value = "";
    sessionStorage.removeItem(draftKey);
    wasAtEnd = true;
    text.focus();
  });

  /* Ready replies. */
  const hideOffers = () => { offers.hidden = true; };
  const wanted = () => /(?:^|\s)\/([\w-]*)$/.exec(text.value.slice(0, text.selectionStart));
  const choose = (offer) => {
    const start = text.selectionStart - wanted()[1].length - 1;
    text.setRangeText(offer.dataset.text, start, text.selectionStart, "end");
    hideOffers();
    text.focus();
    keepDraft();
  };
  const offer = () => {
    const match = wanted();
    const found = match ? ready.filter((item) => item.shortcut.startsWith(match[1])) : [];
    offers.replaceChildren(...found.slice(0, 8).map((item, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("role", "option");
      button.setAttribute("aria-selected", String(place === 0));
      button.dataset.text = item.text;
      const name = document.createElement("span");
      name.className = "rp-ink";
      name.textContent = `/${item.shortcut}`;
      const words = document.createElement("span");
      words.className = "rp-soft rp-small rp-cut";
      words.textContent = item.text;
      button.append(name, words);
      return button;
    }));
    offers.hidden = found.length === 0;
  };
  const move = (step) => {
    const all = [...offers.children];
    const now = all.findIndex((item) => item.getAttribute("aria-selected") === "true");
    all[now].setAttribute("aria-selected", "false");
    all[(now + step + all.length) % all.length].setAttribute("aria-selected", "true");
  };
  offers.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) choose(button);
  });

  text.addEventListener("input", () => { keepDraft(); offer(); });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      box.requestSubmit();
      return;
    }
    if (offers.hidden) return;
    const keys = { ArrowDown: () => move(1), ArrowUp: () => move(-1), Escape: hideOffers };
    const take = () => choose(offers.querySelector("[aria-selected=true]"));
    const act = event.key === "Enter" || event.key === "Tab" ? take : keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  /* “/” anywhere on the page goes to the box, as in a chat. */
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.matches("input, textarea, select")) return;
    event.preventDefault();
    text.focus();
    text.setRangeText("/", text.selectionStart, text.selectionEnd, "end");
    offer();
  });

  /* Reply or private note: the same box, another verb. */
  box.addEventListener("change", (event) => {
    if (event.target.name !== "kind") return;
    const chosen = kind();
    box.setAttribute("hx-post", box.dataset[chosen]);
    box.classList.toggle("rp-box--note", chosen === "note");
    for (const label of box.querySelectorAll("[data-for]")) label.hidden = label.dataset.for !== chosen;
    htmx.process(box);
    text.focus();
  });
  box.addEventListener("htmx:configRequest", (event) => {
    if (event.target === box) event.detail.path = box.dataset[kind()];
  });

  toEnd();
})();
