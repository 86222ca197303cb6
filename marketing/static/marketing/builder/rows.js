// Draws a rule tree as groups and rows of conditions. Every field says by `data-key` where it
// stands, so that the keyboard stays where it was when the tree is drawn anew.
import { chips } from "./chips.js";
import { completing } from "./completing.js";
import { adder, button, el, number, select } from "./dom.js";
import { GROUPS, SPAN, copyOf, dayOf, howOf, isObject } from "./tree.js";

export class Rows {
  /* `changed(key)` hears of a new value; `reshaped(focus)` that the tree must be drawn anew. */
  constructor({ forms, words, values, changed, reshaped }) {
    Object.assign(this, { forms, words, values, changed, reshaped });
    // Which JSON text belongs to which drawn row: for copying and moving by keyboard.
    this.places = new WeakMap();
  }

  group(node, path, outer = null) {
    const { words } = this;
    const how = howOf(node);
    const rows = node[how];
    const choose = select(
      GROUPS.map((code) => [code, words[code]]),
      how,
      (value) => {
        node[value] = rows;
        delete node[how];
        this.reshaped(`${path}.how`);
      },
      { "aria-label": words.group, "data-key": `${path}.how` },
    );
    const add = (make) => () => {
      rows.push(make());
      this.reshaped(`${path}.${rows.length - 1}.`);
    };
    const fresh = () => this.forms.fresh(this.forms.first);
    const head = el("div", { class: "rp-group-head" }, choose, outer && this.tools(outer, path));
    const drawn = rows.map((row, index) => this.place(row, { rows, index, how }, `${path}.${index}`));
    const nobody = rows.length ? null : el("p", { class: "rp-soft rp-small" }, outer ? words.empty_group : words.everybody);
    const foot = el(
      "div",
      { class: "rp-row" },
      adder(words.add_condition, add(fresh), `${path}.add`),
      adder(words.add_group, add(() => ({ any: [fresh()] })), `${path}.add_group`),
    );
    const box = el("div", { class: `rp-group rp-group--${how}`, role: "group", "aria-label": words[how] }, head, nobody, ...drawn, foot);
    this.places.set(box, { node, rows, index: rows.length, path, parent: path });
    return box;
  }

  place(node, where, path) {
    const join = where.index ? this.words[`${where.how}_joins`] : "";
    const drawn = isObject(node) && howOf(node) ? this.group(node, path, where) : this.row(node, where, path);
    const box = el("div", { class: "rp-place" }, el("span", { class: "rp-join" }, join), drawn);
    const parent = path.slice(0, path.lastIndexOf("."));
    this.places.set(box, { node, rows: where.rows, index: where.index + 1, path, parent });
    return box;
  }

  row(node, where, path) {
    const entry = this.forms.of(node);
    const parts = entry ? this.fields(node, entry, path) : [this.raw(node, where, path)];
    const kinds = this.kinds(node, entry, where, path);
    const filters = entry?.filters ? this.filters(node, entry.filters, path) : [];
    const label = { class: "rp-condition", role: "group", "aria-label": this.words.condition };
    return el("div", label, kinds, ...parts, this.tools(where, path), ...filters);
  }

  fields(node, entry, path) {
    return [
      ...(entry.subject ? [this.subject(node, entry, path)] : []),
      ...(entry.details ?? []).map(({ key, source, hint }) => this.typed(node, key, source, { hint, key: `${path}.${key}` })),
      ...(entry.family ? this.question(node, entry.family, entry.source, path) : []),
      ...(entry.controls ?? []).map((control) => this.control(node, control, path)),
    ];
  }

  /* Duplicate, group, remove: the same for rows and groups. */
  tools({ rows, index, how }, path) {
    const { words } = this;
    const parent = path.slice(0, path.lastIndexOf("."));
    const node = rows[index];
    const inner = isObject(node) && howOf(node);
    const duplicate = () => {
      rows.splice(index + 1, 0, copyOf(node));
      this.reshaped(`${parent}.${index + 1}.`);
    };
    const wrap = () => {
      rows[index] = { [how === "any" ? "all" : "any"]: [node] };
      this.reshaped(`${path}.how`);
    };
    const unwrap = () => {
      rows.splice(index, 1, ...node[inner]);
      this.reshaped(`${path}.`);
    };
    const remove = () => {
      rows.splice(index, 1);
      this.reshaped(rows.length ? `${parent}.${Math.min(index, rows.length - 1)}.` : `${parent}.add`);
    };
    return el(
      "span",
      { class: "rp-tools" },
      button("content_copy", words.duplicate, duplicate, { "data-key": `${path}.duplicate` }),
      inner
        ? button("unfold_less", words.unwrap, unwrap, { "data-key": `${path}.unwrap` })
        : button("data_array", words.wrap, wrap, { "data-key": `${path}.wrap` }),
      button("close", words.remove, remove, { "data-key": `${path}.remove` }),
    );
  }

  kinds(node, entry, { rows, index }, path) {
    const { entries } = this.forms;
    const raw = entry ?? entries.find((one) => one.is_raw && isObject(node) && one.kind in node);
    const shelves = Map.groupBy ? Map.groupBy(entries, (one) => one.group) : shelve(entries);
    const boxes = [...shelves].map(([label, found]) =>
      el("optgroup", { label }, ...found.map((one) => el("option", { value: entries.indexOf(one), selected: one === raw }, one.label))),
    );
    if (!raw) boxes.unshift(el("option", { value: "", selected: true, disabled: true }, this.words.advanced));
    const replace = (event) => {
      rows[index] = this.forms.fresh(entries[Number(event.target.value)]);
      this.reshaped(`${path}.kind`);
    };
    return el("select", { class: "rp-input rp-kind", "aria-label": this.words.kind, "data-key": `${path}.kind`, onchange: replace }, ...boxes);
  }

  raw(node, { rows, index }, path) {
    const read = (event) => {
      try {
        rows[index] = JSON.parse(event.target.value);
      } catch (error) {
        event.target.setCustomValidity(error.message);
        return void event.target.reportValidity();
      }
      this.reshaped(`${path}.raw`);
    };
    const more = { "aria-label": this.words.advanced, "data-key": `${path}.raw`, onchange: read };
    return el("textarea", { class: "rp-input rp-pre rp-grow", rows: 2, spellcheck: false, value: JSON.stringify(node), ...more });
  }

  subject(node, entry, path) {
    const { key, source, hint } = entry.subject;
    return this.typed(node, key, source, { hint, key: `${path}.${key}`, drawn: entry.filters || entry.source });
  }

  /* A text that is completed; what depends on it is drawn anew once it stands. */
  typed(node, field, source, { hint, key, drawn = false }) {
    const set = (value) => {
      node[field] = value;
      this.changed(key);
    };
    const pick = ({ value }) => {
      set(value);
      if (drawn) this.reshaped(key);
    };
    const find = async (text) => (source ? this.values.find(this.filled(source, node), text) : []);
    return completing({ value: String(node[field] ?? ""), find, set, pick, placeholder: hint, "aria-label": hint, "data-key": key }).node;
  }

  /* A source may name other fields of the condition: `$event` is what stands there. */
  filled(source, node) {
    const entries = Object.entries(source).map(([key, value]) => [key, value.startsWith("$") ? String(node[value.slice(1)] ?? "") : value]);
    return Object.fromEntries(entries);
  }

  question(node, family, source, path) {
    const operators = this.forms.operators[family];
    const operator = operators.find((one) => one.code === node.op) ?? operators[0];
    const change = (code) => {
      const chosen = operators.find((one) => one.code === code);
      const { value } = node;
      delete node.value;
      Object.assign(node, this.forms.blank(chosen), carried(value, operator.value, chosen.value));
      this.reshaped(`${path}.op`);
    };
    const more = { "aria-label": this.words.operator, "data-key": `${path}.op` };
    const ops = select(operators.map((one) => [one.code, one.words]), operator.code, change, more);
    return [ops, this.value(node, operator.value, source, path)];
  }

  value(node, sort, source, path) {
    const key = `${path}.value`;
    const more = { "aria-label": this.words.value, "data-key": key };
    const set = (value) => {
      node.value = value;
      this.changed(key);
    };
    if (sort === "none") return null;
    if (sort === "many") return this.many(node, "value", source, key);
    if (sort === "number") return number(node.value, (value) => set(value ?? 0), more);
    if (sort === "days") {
      const field = number(node.value, (value) => set(value ?? 1), { ...more, min: 1, step: 1 });
      return el("span", { class: "rp-together" }, field, el("span", { class: "rp-soft" }, this.words.days));
    }
    if (sort === "date") return this.date(node, "value", key, this.words.value);
    return this.typed(node, "value", sort === "one" ? source : null, { hint: this.words.value, key });
  }

  date(node, field, key, label) {
    const set = (event) => {
      if (event.target.value) node[field] = event.target.value;
      else delete node[field];
      this.changed(key);
    };
    const value = String(node[field] ?? "").slice(0, 10);
    return el("input", { type: "date", class: "rp-input", value, onchange: set, "aria-label": label, "data-key": key });
  }

  /* Any time, the last so many days, or from one day until before another. */
  span(node, path) {
    const { words } = this;
    const how = "within_days" in node ? "last" : "since" in node || "until" in node ? "dates" : "ever";
    const change = (chosen) => {
      for (const key of SPAN) delete node[key];
      if (chosen === "last") node.within_days = 30;
      if (chosen === "dates") Object.assign(node, { since: dayOf(30), until: dayOf(-1) });
      this.reshaped(`${path}.span`);
    };
    const options = ["ever", "last", "dates"].map((code) => [code, words[code]]);
    const ways = select(options, how, change, { "aria-label": words.when, "data-key": `${path}.span` });
    const set = (value) => {
      node.within_days = value ?? 1;
      this.changed(`${path}.within_days`);
    };
    const days = { "aria-label": words.days, "data-key": `${path}.within_days`, min: 1, step: 1 };
    const fields = {
      ever: () => [],
      last: () => [number(node.within_days, set, days), el("span", { class: "rp-soft" }, words.last_days)],
      dates: () => ["since", "until"].map((key) => this.date(node, key, `${path}.${key}`, words[key])),
    };
    return el("span", { class: "rp-together" }, ways, ...fields[how]());
  }

  pair(node, control, path) {
    const at = (index) => this.typed(node[control.key], index, control.source, { hint: control.hint, key: `${path}.${control.key}.${index}` });
    return el("span", { class: "rp-together" }, at(0), el("span", { class: "rp-soft" }, control.between), at(1));
  }

  many(node, field, source, key) {
    const chosen = Array.isArray(node[field]) ? node[field] : (node[field] = []);
    const asked = source && this.filled(source, node);
    const hasNames = asked?.of === "products" && asked.name === "product";
    return chips({
      chosen,
      key,
      words: this.words,
      changed: () => this.changed(key),
      find: async (text) => (asked ? this.values.find(asked, text) : []),
      name: hasNames ? (skus) => this.values.find(asked, "", skus.map((sku) => ["sku", sku])) : null,
    });
  }

  control(node, control, path) {
    const key = `${path}.${control.key}`;
    const label = [control.before, control.after].filter(Boolean).join(" … ") || this.words.value;
    if (control.type === "many") return this.many(node, control.key, control.source, key);
    if (control.type === "choice") return this.choice(node, control, key);
    if (control.type === "one") return this.one(node, control, key);
    if (control.type === "span") return this.span(node, path);
    if (control.type === "pair") return this.pair(node, control, path);
    const set = (value) => {
      if (value === null) delete node[control.key];
      else node[control.key] = value;
      this.changed(key);
    };
    const soft = (text) => (text ? el("span", { class: "rp-soft" }, text) : null);
    const more = { "aria-label": label, "data-key": key, placeholder: control.is_optional ? "–" : "" };
    return el("span", { class: "rp-together" }, soft(control.before), number(node[control.key], set, more), soft(control.after));
  }

  /* One of very many, found by name; the rules hold its number. */
  one(node, control, key) {
    const { source, hint } = control;
    const find = (text) => this.values.find(source, text);
    const set = (value) => {
      node[control.key] = value;
      this.changed(key);
    };
    const pick = ({ value, label }) => {
      field.input.value = label;
      set(Number(value));
    };
    const field = completing({ find, set: () => set(""), pick, placeholder: hint, "aria-label": hint, "data-key": key });
    const { input } = field;
    // A name typed to its end is as good as chosen.
    input.addEventListener("change", async () => {
      const text = input.value.trim().toLowerCase();
      const found = text && node[control.key] === "" && (await find(text)).find(({ label }) => label.toLowerCase() === text);
      if (found) pick(found);
    });
    const number = node[control.key];
    if (number) {
      this.values.find(source, "", [["id", String(number)]]).then(([found]) => {
        if (!input.value) input.value = found?.label ?? `#${number}`;
      });
    }
    return field.node;
  }

  choice(node, control, key) {
    const text = (value) => JSON.stringify(value ?? null);
    const set = (chosen) => {
      const [value] = control.options[Number(chosen)];
      if (value === null) delete node[control.key];
      else node[control.key] = value;
      this.changed(key);
    };
    const at = control.options.findIndex(([value]) => text(value) === text(node[control.key]));
    const options = control.options.map(([, words], index) => [String(index), words]);
    return select(options, String(at), set, { "aria-label": this.words.value, "data-key": key }, this.words.choose);
  }

  filters(node, field, path) {
    const found = node[field] ?? [];
    const event = String(node.event ?? node.of ?? "");
    const rows = found.map((filter, index) => {
      const where = `${path}.${field}.${index}`;
      const remove = () => {
        found.splice(index, 1);
        if (!found.length) delete node[field];
        this.reshaped(`${path}.add_filter`);
      };
      return el(
        "div",
        { class: "rp-where" },
        el("span", { class: "rp-soft" }, this.words.where),
        this.typed(filter, "property", { of: "properties", event }, { hint: this.words.property, key: `${where}.property` }),
        ...this.question(filter, "json", { of: "property", event, name: "$property" }, where),
        button("close", this.words.remove, remove),
      );
    });
    const add = () => {
      node[field] = [...found, { property: "", op: "is", value: "" }];
      this.reshaped(`${path}.${field}.${found.length}.property`);
    };
    return [...rows, el("div", { class: "rp-where" }, adder(this.words.add_filter, add, `${path}.add_filter`))];
  }
}

/* What one typed for one operator is kept for the next, where it means the same. */
const carried = (value, before, after) => {
  const isText = (sort) => sort === "one" || sort === "text";
  if (before === after || (isText(before) && isText(after))) return after === "none" ? {} : { value };
  if (isText(before) && after === "many") return { value: value ? [value] : [] };
  if (before === "many" && isText(after)) return { value: value?.[0] ?? "" };
  return {};
};

const shelve = (entries) => {
  const shelves = new Map();
  entries.forEach((one) => shelves.set(one.group, [...(shelves.get(one.group) ?? []), one]));
  return shelves;
};
