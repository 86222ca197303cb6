// Elements, made in one line.

export const el = (tag, props = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name in node && name !== "list") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
};

export const icon = (name) => el("span", { class: "material-symbols-outlined", "aria-hidden": "true" }, name);

export const button = (name, words, onclick, more = {}) =>
  el("button", { type: "button", class: "rp-button rp-button--plain", title: words, "aria-label": words, onclick, ...more }, icon(name));

export const adder = (words, onclick, key) =>
  el("button", { type: "button", class: "rp-button rp-button--add", onclick, "data-key": key }, icon("add"), words);

export const select = (options, chosen, set, more = {}, hint = "") => {
  const drawn = options.map(([value, words]) => el("option", { value, selected: value === chosen }, words));
  if (!options.some(([value]) => value === chosen)) {
    drawn.unshift(el("option", { value: "", selected: true, disabled: true }, hint));
  }
  return el("select", { class: "rp-input", onchange: (event) => set(event.target.value), ...more }, ...drawn);
};

export const number = (value, set, more = {}) => {
  const read = (event) => set(event.target.value === "" ? null : Number(event.target.value));
  return el("input", { type: "number", step: "any", class: "rp-input rp-input--tiny", value: value ?? "", oninput: read, ...more });
};

export const isTyping = (target) => target.matches?.("textarea, input:not([type=radio], [type=checkbox])") ?? false;
