// Several values in one field: each a chip, typed, pasted or chosen.
import { completing } from "./completing.js";
import { el } from "./dom.js";

/* `chosen` is changed in place; `changed()` hears of it. `name(values)` promises their words. */
export const chips = ({ chosen, find, name, changed, words, key }) => {
  const box = el("div", { class: "rp-chips" });
  const labels = new Map();

  const add = (text, label) => {
    const value = text.trim();
    if (!value || chosen.includes(value)) return false;
    chosen.push(value);
    if (label) labels.set(value, label);
    changed();
    return true;
  };
  const again = (isFocused) => {
    fill();
    if (isFocused) box.querySelector("input").focus();
  };
  const take = (input, isFocused) => {
    const found = input.value.split(/[,，\n]/).map((text) => add(text));
    if (found.some(Boolean)) again(isFocused);
  };
  const drop = (index) => {
    chosen.splice(index, 1);
    changed();
    again(true);
  };
  const chip = (value, index) =>
    el(
      "span",
      { class: "rp-chip" },
      labels.get(value) ?? value,
      el("button", { type: "button", "aria-label": `${words.remove} ${value}`, onclick: () => drop(index) }, "×"),
    );
  const fill = () => {
    const field = completing({
      class: "",
      placeholder: words.type_more,
      "aria-label": words.value,
      "data-key": key,
      find: async (text) => (await find(text)).filter((one) => !chosen.includes(one.value)),
      set: () => {},
      pick: (one) => {
        field.input.value = "";
        if (add(one.value, one.label)) again(true);
      },
    });
    const { input } = field;
    input.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Backspace" && !input.value && chosen.length) drop(chosen.length - 1);
      if (event.key !== "Enter" && event.key !== "," && event.key !== "，") return;
      event.preventDefault();
      take(input, true);
    });
    input.addEventListener("change", () => take(input, false));
    box.replaceChildren(...chosen.map(chip), field.node);
  };

  fill();
  if (name && chosen.length) {
    name(chosen).then((found) => {
      found.forEach((one) => labels.set(one.value, one.label));
      if (!box.contains(document.activeElement)) fill();
    });
  }
  return box;
};
