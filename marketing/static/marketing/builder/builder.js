// The rule builder: rows of conditions above, the JSON they are underneath, the count beside them.
// What cannot be drawn is shown as JSON and left untouched.
import { Values } from "./completing.js";
import { el, icon, isTyping } from "./dom.js";
import { Preview } from "./preview.js";
import { Rows } from "./rows.js";
import { Forms, History, copyOf, listed, treeOf } from "./tree.js";

class Builder {
  constructor(root) {
    const found = JSON.parse(document.getElementById("rules-catalogue").textContent);
    this.root = root;
    this.words = found.words;
    this.gallery = found.gallery;
    this.area = root.querySelector("textarea[name]");
    this.place = root.querySelector("[data-rules-tree]");
    this.problem = root.querySelector("[data-rules-problem]");
    this.preview = new Preview(root.querySelector("[data-rules-preview]"), root.dataset.preview, this.words);
    this.rows = new Rows({
      forms: new Forms(found),
      words: this.words,
      values: new Values(root.dataset.values),
      changed: (key) => this.write(key),
      reshaped: (focus) => {
        this.write();
        this.draw(focus);
      },
    });
    this.history = new History(this.area.value);
    this.begin();
  }

  begin() {
    this.root.querySelectorAll("[data-rules-shown]").forEach((part) => (part.hidden = false));
    this.root.querySelector("details").open = false;
    this.area.addEventListener("input", () => this.read("json") && this.history.record(this.area.value, "json"));
    this.root.addEventListener("keydown", (event) => this.press(event));
    this.root.addEventListener("copy", (event) => this.copied(event));
    this.root.addEventListener("paste", (event) => this.pasted(event));
    const verbs = { undo: () => this.move(-1), redo: () => this.move(1), copy: () => this.copy(), paste: () => this.ask(), start: () => this.open("start") };
    for (const [name, verb] of Object.entries(verbs)) this.tool(name).addEventListener("click", verb);
    for (const close of this.root.querySelectorAll("[data-rules-close]")) {
      close.addEventListener("click", () => close.closest("dialog").close());
    }
    this.shelve();
    this.read();
  }

  tool(name) {
    return this.root.querySelector(`[data-rules-tool=${name}]`);
  }

  dialog(name) {
    return this.root.querySelector(`[data-rules-dialog=${name}]`);
  }

  /* JSON → rows */
  read(focus) {
    let tree = null;
    try {
      tree = treeOf(JSON.parse(this.area.value));
    } catch {
      /* Said below. */
    }
    this.problem.hidden = tree !== null;
    this.problem.textContent = tree === null ? this.words.not_json : "";
    if (tree === null) return false;
    this.tree = tree;
    this.draw(focus);
    this.preview.ask(this.area.value);
    return true;
  }

  /* rows → JSON */
  write(key = null) {
    this.area.value = JSON.stringify(this.tree, null, 2);
    this.problem.hidden = true;
    this.history.record(this.area.value, key);
    this.preview.ask(this.area.value);
    this.standing();
  }

  draw(focus) {
    const key = focus ?? document.activeElement?.dataset?.key;
    this.place.replaceChildren(this.rows.group(this.tree, "r"), this.offer());
    this.standing();
    if (key && focus !== "json") this.focus(key);
  }

  /* A key that ends in a dot means the first field of that row or group. */
  focus(key) {
    const fields = [...this.place.querySelectorAll("[data-key]")];
    const found = fields.find((one) => one.dataset.key === key) ?? fields.find((one) => key.endsWith(".") && one.dataset.key.startsWith(key));
    found?.focus({ preventScroll: false });
  }

  standing() {
    this.tool("undo").disabled = this.history.at === 0;
    this.tool("redo").disabled = this.history.at === this.history.steps.length - 1;
    const offer = this.place.querySelector("[data-rules-offer]");
    if (offer) offer.hidden = !this.isEmpty;
  }

  get isEmpty() {
    return !(this.tree.all ?? this.tree.any ?? this.tree.not).length;
  }

  move(by) {
    if (!this.history.move(by)) return;
    this.area.value = this.history.text;
    this.read();
  }

  press(event) {
    const isMeant = event.ctrlKey || event.metaKey;
    const name = event.key.toLowerCase();
    if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) return this.shift(event);
    if (!isMeant || event.altKey || event.target === this.area) return;
    const by = name === "y" || (name === "z" && event.shiftKey) ? 1 : name === "z" ? -1 : 0;
    if (!by) return;
    event.preventDefault();
    this.move(by);
  }

  /* Alt and an arrow move a row among its neighbours. */
  shift(event) {
    const box = event.target.closest(".rp-place");
    if (!box) return;
    event.preventDefault();
    const { rows, index: after, path, parent } = this.rows.places.get(box);
    const from = after - 1;
    const to = from + (event.key === "ArrowUp" ? -1 : 1);
    if (to < 0 || to >= rows.length) return;
    rows.splice(to, 0, ...rows.splice(from, 1));
    const rest = event.target.dataset.key?.slice(path.length) ?? ".";
    this.rows.reshaped(`${parent}.${to}${rest}`);
  }

  /* Copy and paste: by the tools for all rules, by Ctrl+C and Ctrl+V for the row one is in. */
  copied(event) {
    const { target } = event;
    const isSelected = isTyping(target) && target.selectionStart !== target.selectionEnd;
    const box = target.closest?.(".rp-place");
    if (isSelected || !box || String(getSelection())) return;
    event.preventDefault();
    event.clipboardData.setData("text/plain", JSON.stringify(this.rows.places.get(box).node, null, 2));
    this.say(this.words.copied);
  }

  pasted(event) {
    if (event.target.matches("textarea")) return;
    const found = parsed(event.clipboardData.getData("text/plain"));
    if (!found) return;
    event.preventDefault();
    const box = event.target.closest(".rp-place, .rp-group");
    this.insert(found, box && this.rows.places.get(box));
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(this.area.value);
    } catch {
      // Without a secure address the clipboard is closed: mark the text, so that Ctrl+C takes it.
      this.root.querySelector("details").open = true;
      this.area.select();
      document.execCommand("copy");
    }
    this.say(this.words.copied);
  }

  ask() {
    const dialog = this.open("paste");
    const field = dialog.querySelector("textarea");
    const wrong = dialog.querySelector("[data-rules-wrong]");
    field.value = "";
    wrong.textContent = "";
    field.focus();
    dialog.querySelector("[data-rules-insert]").onclick = () => {
      const found = parsed(field.value);
      wrong.textContent = found ? "" : this.words.not_rules;
      if (!found) return field.focus();
      dialog.close();
      this.insert(found, null);
    };
  }

  /* Whole rules replace an empty tree; anything else is one more row where one stands. */
  insert(found, place) {
    const tree = treeOf(found);
    if ("version" in found && this.isEmpty) return this.replace(tree);
    const node = "version" in found ? grouped(tree) : listed(found);
    const root = this.tree.all ?? this.tree.any ?? this.tree.not;
    const { rows, index, parent } = place ?? { rows: root, index: root.length, parent: "r" };
    rows.splice(index, 0, copyOf(node));
    this.rows.reshaped(`${parent}.${index}.`);
  }

  replace(tree) {
    this.tree = copyOf(tree);
    this.rows.reshaped("r.0.");
  }

  open(name) {
    const dialog = this.dialog(name);
    dialog.showModal();
    return dialog;
  }

  say(text) {
    const place = this.root.querySelector("[data-rules-said]");
    place.textContent = text;
    clearTimeout(this.saying);
    this.saying = setTimeout(() => (place.textContent = ""), 2500);
  }

  /* Starters: a shelf in the dialog, and the same where there is no condition yet. */
  shelve() {
    this.dialog("start").querySelector("[data-rules-gallery]").replaceChildren(...this.starters());
  }

  offer() {
    return el("div", { "data-rules-offer": "" }, el("p", { class: "rp-label" }, this.words.start), el("div", { class: "rp-starters" }, ...this.starters()));
  }

  starters() {
    return this.gallery.map((starter) =>
      el(
        "button",
        { type: "button", class: "rp-starter", onclick: () => this.start(starter) },
        icon(starter.icon),
        el("span", {}, el("strong", {}, starter.name), el("span", { class: "rp-soft rp-small" }, starter.what)),
      ),
    );
  }

  start(starter) {
    this.dialog("start").close();
    const name = document.getElementById("id_name");
    if (name && !name.value) name.value = starter.name;
    this.replace(starter.rules);
  }
}

const parsed = (text) => {
  try {
    const found = JSON.parse(text);
    return treeOf(found) && found;
  } catch {
    return null;
  }
};

const grouped = ({ version, ...body }) => body;

/* The kind of the segment decides which fields make sense. */
const showFitting = () => {
  const kind = document.getElementById("id_kind");
  if (!kind) return;
  const row = (name) => document.querySelector(`.field-${name}`);
  const rules = row("rules")?.closest("fieldset") ?? row("rules");
  const fit = () => {
    if (rules) rules.hidden = kind.value !== "rule";
    const cluster = row("cluster");
    if (cluster) cluster.hidden = kind.value !== "cluster";
  };
  kind.addEventListener("change", fit);
  fit();
};

document.querySelectorAll("[data-rules]").forEach((root) => new Builder(root));
showFitting();
