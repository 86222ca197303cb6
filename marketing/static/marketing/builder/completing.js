// A text field that completes itself from real data, by mouse and by keyboard.
import { el } from "./dom.js";

// So many pixels a list of values wants below its field; the page's own buttons stand there too.
const ROOM = 340;

let made = 0;

export class Values {
  constructor(address) {
    this.address = address;
    this.kept = new Map();
  }

  find(source, text, more = []) {
    const query = new URLSearchParams([...Object.entries(source), ["text", text], ...more]).toString();
    if (!this.kept.has(query)) this.kept.set(query, this.fetch(query));
    return this.kept.get(query);
  }

  async fetch(query) {
    const answer = await fetch(`${this.address}?${query}`, { headers: { Accept: "application/json" } });
    if (answer.ok) return (await answer.json()).values;
    this.kept.delete(query);
    return [];
  }
}

/* `find(text)` promises values, `set(text)` hears every letter, `pick(value)` a chosen one. */
export const completing = ({ value, find, set, pick, ...more }) => {
  const id = `rp-values-${(made += 1)}`;
  const list = el("ul", { id, role: "listbox", class: "rp-options", hidden: true });
  const input = el("input", {
    class: "rp-input",
    value: value ?? "",
    autocomplete: "off",
    spellcheck: false,
    role: "combobox",
    "aria-expanded": "false",
    "aria-controls": id,
    "aria-autocomplete": "list",
    ...more,
  });
  let shown = [];
  let active = -1;
  let asked = 0;

  const mark = (index) => {
    active = index;
    [...list.children].forEach((item, at) => item.setAttribute("aria-selected", String(at === index)));
    const item = list.children[index];
    if (!item) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", item.id);
    item.scrollIntoView({ block: "nearest" });
  };
  const close = () => {
    asked += 1;
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    mark(-1);
  };
  const choose = (index) => {
    const chosen = shown[index];
    close();
    input.value = chosen.value;
    pick(chosen);
  };
  const open = async (text) => {
    const mine = (asked += 1);
    const found = await find(text);
    if (mine !== asked || document.activeElement !== input) return;
    shown = found;
    list.replaceChildren(
      ...found.map((one, index) =>
        el(
          "li",
          {
            id: `${id}-${index}`,
            role: "option",
            onpointerdown: (event) => {
              event.preventDefault();
              choose(index);
            },
          },
          el("span", {}, one.label),
          one.share === null || one.share === undefined ? null : el("span", { class: "rp-soft" }, one.share < 1 ? "< 1 %" : `${one.share} %`),
        ),
      ),
    );
    list.classList.toggle("rp-options--above", innerHeight - input.getBoundingClientRect().bottom < ROOM);
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(found.length > 0));
    mark(-1);
  };

  input.addEventListener("input", () => {
    set(input.value);
    open(input.value);
  });
  input.addEventListener("focus", () => open(""));
  input.addEventListener("click", () => list.hidden && open(""));
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const isOpen = !list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (event.altKey) return;
      event.preventDefault();
      if (!isOpen) return void open(input.value);
      const by = event.key === "ArrowDown" ? 1 : -1;
      mark((active + by + shown.length) % shown.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (!isOpen || active < 0) return;
      event.stopImmediatePropagation();
      choose(active);
    } else if (event.key === "Escape" && isOpen) {
      event.stopPropagation();
      close();
    }
  });
  return { input, node: el("span", { class: "rp-completing" }, input, list), open };
};
