// The rule builder: draws a rule tree as rows of conditions and writes the JSON underneath.
// What it cannot draw it shows as JSON and leaves untouched.
"use strict";

(() => {
  const GROUPS = ["all", "any", "not"];

  const el = (tag, props = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(props)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (name === "class") node.className = value;
      else if (name in node && name !== "list") node[name] = value;
      else node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  };

  const icon = (name) => el("span", { class: "material-symbols-outlined", "aria-hidden": "true" }, name);
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const howOf = (node) => GROUPS.find((how) => how in node);

  class Builder {
    constructor(root) {
      this.root = root;
      this.place = root.querySelector("[data-rules-tree]");
      this.area = root.querySelector("textarea");
      this.preview = root.querySelector("[data-rules-preview]");
      this.problem = root.querySelector("[data-rules-problem]");
      const found = JSON.parse(document.getElementById("rules-catalogue").textContent);
      Object.assign(this, found);
      this.lists = 0;
      this.area.addEventListener("input", () => this.read());
      this.read();
    }

    /* JSON → rows */
    read() {
      try {
        this.tree = JSON.parse(this.area.value);
        if (!this.tree || typeof this.tree !== "object") throw new SyntaxError();
        this.problem.hidden = true;
      } catch {
        this.problem.textContent = this.words.not_json;
        this.problem.hidden = false;
        return;
      }
      if (!howOf(this.tree)) {
        const { version, ...only } = this.tree;
        this.tree = { version: version ?? 1, all: Object.keys(only).length ? [only] : [] };
      }
      this.draw();
      this.ask();
    }

    draw() {
      this.place.replaceChildren(this.group(this.tree, null));
    }

    /* rows → JSON */
    write() {
      this.area.value = JSON.stringify(this.tree, null, 2);
      this.ask();
    }

    change() {
      this.write();
      this.draw();
    }

    ask() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.count(), 350);
    }

    async count() {
      const number = (this.asked = (this.asked ?? 0) + 1);
      this.preview.classList.add("rp-is-busy");
      const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
      const answer = await fetch(this.root.dataset.preview, {
        method: "POST",
        headers: { "X-CSRFToken": token },
        body: new URLSearchParams({ rules: this.area.value }),
      });
      const html = await answer.text();
      if (number !== this.asked) return;
      this.preview.classList.remove("rp-is-busy");
      if (answer.ok) this.preview.innerHTML = html;
      document.dispatchEvent(new CustomEvent("htmx:load", { detail: {}, bubbles: true }));
    }

    group(node, remove) {
      const how = howOf(node);
      if (!Array.isArray(node[how])) node[how] = [node[how]];
      const rows = node[how];
      const choose = this.select(GROUPS.map((code) => [code, this.words[code]]), how, (value) => {
        node[value] = rows;
        delete node[how];
        this.change();
      });
      const add = (made) => () => {
        rows.push(made());
        this.change();
      };
      const head = el("div", { class: "rp-condition" }, choose, remove && this.remover(remove));
      const drawn = rows.map((row, index) => this.row(row, rows, index));
      const empty = rows.length ? null : el("p", { class: "rp-soft rp-small" }, this.words.everybody);
      const foot = el(
        "div",
        { class: "rp-row" },
        this.adder(this.words.add_condition, add(() => this.fresh(this.entries[0]))),
        this.adder(this.words.add_group, add(() => ({ any: [this.fresh(this.entries[0])] }))),
      );
      return el("div", { class: `rp-group rp-group--${how}`, role: "group" }, head, empty, ...drawn, foot);
    }

    row(node, rows, index) {
      const remove = () => {
        rows.splice(index, 1);
        this.change();
      };
      if (node && howOf(node)) return this.group(node, remove);
      const entry = this.entryOf(node);
      if (!entry) return this.raw(node, rows, index, remove);
      const replace = (chosen) => {
        rows[index] = this.fresh(this.entries[Number(chosen)]);
        this.change();
      };
      return el(
        "div",
        { class: "rp-condition" },
        this.kinds(entry, replace),
        ...(entry.subject ? [this.subject(node, entry)] : []),
        ...(entry.family ? this.question(node, entry.family, entry.choices ?? []) : []),
        ...(entry.controls ?? []).flatMap((control) => this.control(node, control)),
        this.remover(remove),
        ...(entry.filters ? this.filters(node, entry.filters) : []),
      );
    }

    raw(node, rows, index, remove) {
      const area = el("textarea", { class: "rp-input rp-pre rp-grow", rows: 2, value: JSON.stringify(node) });
      area.setAttribute("aria-label", this.words.advanced);
      area.addEventListener("change", () => {
        try {
          rows[index] = JSON.parse(area.value);
          this.change();
        } catch {
          area.focus();
        }
      });
      return el("div", { class: "rp-condition" }, area, this.remover(remove));
    }

    /* Which entry of the catalogue a condition is, if it holds nothing the entry cannot show. */
    entryOf(node) {
      if (!node || typeof node !== "object") return null;
      return this.entries.find((entry) => {
        const fixed = entry.fixed ?? {};
        if (!Object.entries(fixed).every(([key, value]) => same(node[key], value))) return false;
        const own = entry.subject?.key ?? entry.name;
        if (own && !(own in node)) return false;
        return Object.keys(node).every((key) => this.keysOf(entry).includes(key));
      });
    }

    keysOf(entry) {
      return [
        ...Object.keys(entry.fixed ?? {}),
        ...(entry.subject ? [entry.subject.key] : []),
        ...(entry.family ? ["op", "value"] : []),
        ...(entry.controls ?? []).map((control) => control.key),
        ...(entry.filters ? [entry.filters] : []),
      ];
    }

    fresh(entry) {
      const made = { ...(entry.fixed ?? {}) };
      if (entry.subject) made[entry.subject.key] = entry.subject.options[0] ?? "";
      if (entry.family) Object.assign(made, this.blank(this.operators[entry.family][0]));
      if (made.value === "" && entry.choices?.length) made.value = entry.choices[0][0];
      for (const control of entry.controls ?? []) {
        if (control.is_optional) continue;
        if (control.type === "choice") made[control.key] = control.options[0]?.[0] ?? null;
        else if (control.type === "many") made[control.key] = [];
        else made[control.key] = control.start ?? 1;
      }
      // The key that names the kind comes first: the rules read it so.
      if (entry.name && entry.name in made) return { [entry.name]: made[entry.name], ...made };
      return made;
    }

    blank(operator) {
      const blanks = { many: [], number: 1, days: 30, date: new Date().toISOString().slice(0, 10), none: undefined };
      const value = operator.value in blanks ? blanks[operator.value] : "";
      return value === undefined ? { op: operator.code } : { op: operator.code, value };
    }

    /* Parts of a row */
    kinds(entry, replace) {
      const select = el("select", { class: "rp-input", onchange: (event) => replace(event.target.value) });
      let box = null;
      this.entries.forEach((other, index) => {
        if (box?.label !== other.group) select.append((box = el("optgroup", { label: other.group })));
        box.append(el("option", { value: index, selected: other === entry }, other.label));
      });
      return select;
    }

    subject(node, entry) {
      const { key, options, hint } = entry.subject;
      return this.suggesting(node[key], options, hint, (value) => {
        node[key] = value;
        this.write();
      });
    }

    question(node, family, choices) {
      const operators = this.operators[family];
      const operator = operators.find((one) => one.code === node.op) ?? operators[0];
      const ops = this.select(operators.map((one) => [one.code, one.words]), operator.code, (code) => {
        const chosen = operators.find((one) => one.code === code);
        if (chosen.value === operator.value) node.op = code;
        else {
          delete node.value;
          Object.assign(node, this.blank(chosen));
        }
        this.change();
      });
      return [ops, ...this.value(node, operator.value, choices)];
    }

    value(node, kind, choices) {
      const set = (value) => {
        node.value = value;
        this.write();
      };
      const options = choices.map(([value]) => value);
      if (kind === "none") return [];
      if (kind === "many") return [this.chips(node, "value", choices)];
      if (kind === "number") return [this.number(node.value, (value) => set(value ?? 0))];
      if (kind === "days") return [el("span", { class: "rp-together" }, this.number(node.value, (value) => set(value ?? 1)), el("span", { class: "rp-soft" }, this.words.days))];
      if (kind === "date") return [el("input", { type: "date", class: "rp-input", value: String(node.value ?? "").slice(0, 10), onchange: (event) => set(event.target.value) })];
      return [this.suggesting(String(node.value ?? ""), kind === "one" ? options : [], "", set)];
    }

    control(node, control) {
      const label = (text) => (text ? el("span", { class: "rp-soft" }, text) : null);
      if (control.type === "many") return [this.chips(node, control.key, control.options)];
      if (control.type === "choice") {
        const at = control.options.findIndex(([value]) => same(value, node[control.key]));
        const options = control.options.map(([, words], index) => [String(index), words]);
        return [
          this.select(options, String(at), (index) => {
            node[control.key] = control.options[Number(index)][0];
            this.write();
          }),
        ];
      }
      const input = this.number(node[control.key], (value) => {
        if (value === null) delete node[control.key];
        else node[control.key] = value;
        this.write();
      });
      if (control.is_optional) input.placeholder = "–";
      return [el("span", { class: "rp-together" }, label(control.before), input, label(control.after))];
    }

    filters(node, key) {
      const found = node[key] ?? [];
      const rows = found.map((filter, index) =>
        el(
          "div",
          { class: "rp-where" },
          el("span", { class: "rp-soft" }, this.words.where),
          this.suggesting(filter.property, [], this.words.property, (value) => {
            filter.property = value;
            this.write();
          }),
          ...this.question(filter, "json", []),
          this.remover(() => {
            found.splice(index, 1);
            if (!found.length) delete node[key];
            this.change();
          }),
        ),
      );
      const add = this.adder(this.words.add_filter, () => {
        node[key] = [...found, { property: "", op: "is", value: "" }];
        this.change();
      });
      return [...rows, el("div", { class: "rp-where" }, add)];
    }

    chips(node, key, choices) {
      const chosen = Array.isArray(node[key]) ? node[key] : (node[key] = []);
      const words = new Map(choices);
      const box = el("div", { class: "rp-chips" });
      const add = (text) => {
        const known = choices.find(([value, label]) => value === text || label === text);
        const value = known ? known[0] : text.trim();
        if (!value || chosen.includes(value)) return;
        chosen.push(value);
        this.write();
        fill();
        box.querySelector("input").focus();
      };
      const fill = () => {
        const input = this.suggesting("", choices.map(([, label]) => label), this.words.type_more, () => {});
        input.className = "";
        input.addEventListener("keydown", (event) => {
          if (event.key === "Backspace" && !input.value && chosen.pop() !== undefined) {
            this.write();
            fill();
            box.querySelector("input").focus();
          }
          if (event.key !== "Enter" && event.key !== ",") return;
          event.preventDefault();
          add(input.value);
        });
        input.addEventListener("change", () => add(input.value));
        const drawn = chosen.map((value, index) =>
          el(
            "span",
            { class: "rp-chip" },
            words.get(value) ?? value,
            el("button", {
              type: "button",
              "aria-label": `${this.words.remove} ${value}`,
              onclick: () => {
                chosen.splice(index, 1);
                this.write();
                fill();
              },
            }, "×"),
          ),
        );
        box.replaceChildren(...drawn, ...this.listed(input));
      };
      fill();
      return box;
    }

    suggesting(value, options, hint, set) {
      const input = el("input", { class: "rp-input", value: value ?? "", placeholder: hint, autocomplete: "off", oninput: (event) => set(event.target.value) });
      if (hint) input.setAttribute("aria-label", hint);
      if (!options.length) return input;
      const id = `rules-list-${(this.lists += 1)}`;
      input.setAttribute("list", id);
      input.suggestions = el("datalist", { id }, ...options.map((option) => el("option", { value: option })));
      // The list travels with its input.
      queueMicrotask(() => input.isConnected && !document.getElementById(id) && input.after(input.suggestions));
      return input;
    }

    listed(input) {
      return input.suggestions ? [input, input.suggestions] : [input];
    }

    number(value, set) {
      const read = (event) => {
        const text = event.target.value;
        set(text === "" ? null : Number(text));
      };
      return el("input", { type: "number", step: "any", class: "rp-input rp-input--tiny", value: value ?? "", oninput: read });
    }

    select(options, chosen, set) {
      const drawn = options.map(([value, words]) => el("option", { value, selected: value === chosen }, words));
      if (!options.some(([value]) => value === chosen)) drawn.unshift(el("option", { value: "", selected: true, disabled: true }, this.words.choose));
      return el("select", { class: "rp-input", onchange: (event) => set(event.target.value) }, ...drawn);
    }

    adder(words, add) {
      return el("button", { type: "button", class: "rp-button", onclick: add }, icon("add"), words);
    }

    remover(remove) {
      return el("button", { type: "button", class: "rp-button rp-button--plain rp-push", "aria-label": this.words.remove, title: this.words.remove, onclick: remove }, icon("close"));
    }
  }

  /* The kind decides which fields make sense. */
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

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-rules]").forEach((root) => new Builder(root));
    showFitting();
  });
})();
